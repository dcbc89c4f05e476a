import { parse } from "partial-json";
import { maxDepth } from "./parse-args.ts";

/**
 * Reads the beginning of a JSON text: what has arrived, unfinished strings kept. Gives `undefined` while there is
 * nothing to read. For showing, never for executing.
 */
export function parseLenient(text: string): unknown {
  // partial-json assigns keys, and assigning this one would replace the object's prototype.
  if (unescaped(text).includes("__proto__") || isTooDeep(text)) return undefined;
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** Whether it nests deeper than arguments may: reading that would take a stack overflow, again and again. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let isString = false;
  for (let at = 0; at < text.length && depth <= maxDepth; at++) {
    const character = text[at];
    if (isString && character === "\\") at++;
    else if (character === '"') isString = !isString;
    else if (isString) continue;
    else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
  }
  return depth > maxDepth;
}

/** The text with its ASCII escapes resolved, in which a key could hide. */
function unescaped(text: string): string {
  if (!text.includes("\\u00")) return text;
  return text.replace(/\\u00([0-7][0-9a-f])/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

/**
 * Whether growing JSON is worth reading again: every time at first, then each time it has grown by a sixteenth. Reading
 * it again and again costs no more than a constant times its length then.
 *
 * @param parsed how long it was when it was read last
 */
export function isTimeToParse(length: number, parsed: number): boolean {
  return length > parsed && (length < 2048 || length - parsed > length / 16);
}
