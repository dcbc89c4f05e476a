import { ConfigError } from "millrace";
import { checkFields } from "millrace/provider";

/** What an option has to be, in words, and whether a value is that. */
export interface Expected {
  readonly what: string;
  isRight(value: unknown): boolean;
}

export const milliseconds: Expected = { what: "milliseconds from 0", isRight: (value) => isNumberFrom(value, 0) };
export const count: Expected = { what: "a number from 1", isRight: (value) => isNumberFrom(value, 1) };
export const callable: Expected = { what: "a function", isRight: (value) => typeof value === "function" };

/** An object with these methods. */
export function methods(...names: readonly string[]): Expected {
  return {
    what: `an object with ${names.map((name) => `${name}()`).join(", ")}`,
    isRight: (value) => names.every((name) => typeof Object(value)[name] === "function"),
  };
}

/**
 * Throws {@link ConfigError} for options that cannot work, and for those that are not known: often a slip of the pen. What is
 * left out may be left out.
 */
export function checkOptions<Options extends object>(
  options: Options,
  expected: { readonly [option in keyof Options]-?: Expected },
): void {
  checkFields(options, "", Object.keys(expected));
  for (const [option, { what, isRight }] of Object.entries<Expected>(expected)) {
    const value: unknown = Reflect.get(options, option);
    if (value === undefined || isRight(value)) continue;
    throw new ConfigError(option, `expected ${what}, got ${typeof value === "number" ? value : `a ${typeof value}`}`);
  }
}

function isNumberFrom(value: unknown, least: number): boolean {
  return typeof value === "number" && value >= least;
}
