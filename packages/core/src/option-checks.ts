import { ConfigError } from "./errors.ts";

/** Throws {@link ConfigError}, naming the option at `at`, for a value that cannot work. */
export type Check = (value: unknown, at: string) => void;

export const anything: Check = () => {};
export const text: Check = (value, at) => {
  if (typeof value !== "string" || value.trim() === "") throw wrong(at, "a non-empty string", value);
};
export const count: Check = (value, at) => {
  if (!Number.isInteger(value) || Number(value) < 1) throw wrong(at, "a whole number from 1", value);
};
export const countOrNone: Check = (value, at) => {
  if (!Number.isInteger(value) || Number(value) < 0) throw wrong(at, "a whole number from 0", value);
};
export const milliseconds: Check = (value, at) => {
  if (typeof value !== "number" || !(value > 0)) throw wrong(at, "milliseconds above 0", value);
};
export const millisecondsOrNone: Check = (value, at) => {
  if (typeof value !== "number" || !(value >= 0)) throw wrong(at, "milliseconds from 0", value);
};
export const flag: Check = (value, at) => {
  if (typeof value !== "boolean") throw wrong(at, "true or false", value);
};
export const callable: Check = (value, at) => {
  if (typeof value !== "function") throw wrong(at, "a function", value);
};
export const list: Check = (value, at) => {
  if (!Array.isArray(value)) throw wrong(at, "a list", value);
};
export const number: Check = (value, at) => {
  if (typeof value !== "number" || !Number.isFinite(value)) throw wrong(at, "a number", value);
};
export const oneOf =
  (...words: readonly string[]): Check =>
  (value, at) => {
    if (!words.some((word) => word === value)) throw wrong(at, `one of ${words.join(", ")}`, value);
  };

/** An object that has no other fields than these. */
export const fields: (checks: Record<string, Check>) => Check = (checks) => (value, at) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(at, "an object", value);
  for (const [key, entry] of Object.entries(value)) {
    const path = at ? `${at}.${key}` : key;
    const check = Object.hasOwn(checks, key) ? checks[key] : undefined;
    if (!check) throw new ConfigError(path, `no such option; known are ${Object.keys(checks).join(", ")}`);
    if (entry !== undefined) check(entry, path);
  }
};

/** Says of what came only its kind: it may be a secret. */
export function wrong(at: string, expected: string, got: unknown): ConfigError {
  const shown = typeof got === "number" || typeof got === "boolean" || got === "" ? JSON.stringify(got) : kindOf(got);
  return new ConfigError(at, `expected ${expected}, got ${shown}`);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `a value of type ${typeof value}`;
}
