/** A JSON object whose fields are still to be looked at. */
export type JsonObject = Record<string, unknown>;

/** Whether a value is a JSON object (not null, not an array). */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The value where it is an object, else an empty one. */
export const object = (value: unknown): JsonObject => (isObject(value) ? value : {});

/** The value where it is an array, else an empty one. */
export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** The objects of an array. */
export const objects = (value: unknown): JsonObject[] => list(value).filter(isObject);

/** The value where it is a string, else an empty one. */
export const string = (value: unknown): string => (typeof value === "string" ? value : "");

/** The JSON value of a text; undefined where it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
