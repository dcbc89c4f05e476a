import { parse } from "partial-json";

/**
 * Reads the beginning of a JSON text: what has arrived, unfinished strings kept. Gives `undefined` while there is
 * nothing to read. For showing, never for executing.
 */
export function parseLenient(text: string): unknown {
  // partial-json assigns keys, and assigning this one would replace the object's prototype.
  if (text.includes("__proto__")) return undefined;
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
