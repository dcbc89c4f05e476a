import { ConfigError } from "millrace";
import type { Scope } from "./cache.ts";

/** Refuses what is no time in milliseconds. */
export function checkMs(ms: number | undefined, option: string, least: 0 | 1 = 1): void {
  if (ms === undefined || (ms >= least && Number.isFinite(ms))) return;
  throw new ConfigError(option, `expected milliseconds from ${least}, got ${ms}`);
}

/** Refuses what is no number of things. */
export function checkCount(count: number, option: string): void {
  if (!Number.isSafeInteger(count) || count < 1)
    throw new ConfigError(option, `expected a whole number from 1, got ${count}`);
}

/** Refuses a scope whose parts are no texts. */
export function checkScope(scope: Scope): void {
  for (const part of ["prefix", "suffix"] as const) {
    const value: unknown = scope[part];
    if (value === undefined || typeof value === "string") continue;
    throw new ConfigError(part, `expected a string, got a value of type ${typeof value}`);
  }
}

/** Refuses what is no name of something: of a value, a mailbox, a channel, a lock. */
export function checkKey(key: unknown): asserts key is string {
  if (typeof key !== "string") throw new ConfigError("key", `expected a string, got a value of type ${typeof key}`);
}
