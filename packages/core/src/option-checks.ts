import { ConfigError, maskSecrets } from "./errors.ts";

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
export const texts: Check = (value, at) => {
  list(value, at);
  for (const [index, entry] of Object.entries(Object(value))) {
    if (typeof entry !== "string") throw wrong(`${at}[${index}]`, "a string", entry);
  }
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
  checkFields(value, at, Object.keys(checks));
  for (const [key, entry] of Object.entries(value)) {
    if (entry !== undefined) checks[key]?.(entry, at ? `${at}.${key}` : key);
  }
};

/** Throws {@link ConfigError} for options that are no object, and for one that is not `known`: often a slip of the pen. */
export function checkFields(options: unknown, at: string, known: readonly string[]): asserts options is object {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw wrong(at || "options", "an object", options);
  }
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw new ConfigError(at ? `${at}.${unknown}` : unknown, `no such option; known are ${known.join(", ")}`);
}

/** Throws {@link ConfigError} for a server's URL that fetch would not take. One with a password in it is not shown whole. */
export function checkBaseURL(url: unknown, at: string): void {
  if (url === undefined || (typeof url === "string" && /^https?:\/\/[^/?#@]+([/?#]|$)/.test(url))) return;
  const got = typeof url === "string" ? maskSecrets(JSON.stringify(url)) : kindOf(url);
  throw new ConfigError(at, `expected an http(s) URL without a user and a password, got ${got}`);
}

/** Says of what came only its kind: it may be a secret. */
export function wrong(at: string, expected: string, got: unknown): ConfigError {
  const shown = typeof got === "number" || typeof got === "boolean" ? String(got) : got === "" ? '""' : kindOf(got);
  return new ConfigError(at, `expected ${expected}, got ${shown}`);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `a value of type ${typeof value}`;
}
