import { isObject } from "./is-object.ts";
import type { JsonObject } from "./messages.ts";

/** How deep arguments may nest: far beyond any sane tool, far below what overflows a stack that walks them. */
export const maxDepth = 200;

/** The arguments of a tool call as its part needs them: an object, or the raw text when it is none. */
export interface ParsedArgs {
  readonly args: JsonObject;
  readonly invalidArgs?: string;
}

/**
 * Reads the arguments of a finished tool call. Models send nothing at all where a tool has no parameters; anything
 * that is not a JSON object is kept as `invalidArgs`, so that the tool's caller can say what came.
 */
export function parseArgs(text: string): ParsedArgs {
  if (text.trim() === "") return { args: {} };
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value) && isSafe(value, text)) return { args: value };
  } catch {
    // Said below, with what came.
  }
  return { args: {}, invalidArgs: text };
}

/** No `__proto__` key and no bottomless nesting: both are harmless here and break whoever copies or walks the value. */
function isSafe(value: JsonObject, text: string): boolean {
  if (text.length <= maxDepth && !/__proto__|\\u/.test(text)) return true;
  const stack: { value: unknown; depth: number }[] = [{ value, depth: 1 }];
  for (let top = stack.pop(); top; top = stack.pop()) {
    if (typeof top.value !== "object" || top.value === null) continue;
    if (top.depth > maxDepth || Object.hasOwn(top.value, "__proto__")) return false;
    for (const child of Object.values(top.value)) stack.push({ value: child, depth: top.depth + 1 });
  }
  return true;
}
