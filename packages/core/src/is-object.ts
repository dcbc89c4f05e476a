import type { JsonObject } from "./messages.ts";

/** Whether a value of parsed JSON is an object: no list, not null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
