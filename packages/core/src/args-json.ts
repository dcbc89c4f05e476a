import type { ToolCallPart } from "./messages.ts";

const written = new WeakMap<ToolCallPart, string>();

/** Keeps the arguments of a call as the model wrote them: sent back to the letter, they hit its prompt cache. */
export function keepArgsJson(part: ToolCallPart, json: string): void {
  written.set(part, json);
}

/** The arguments of a call as JSON: as the model wrote them, where that is known, and written only once. */
export function argsJson(part: ToolCallPart): string {
  let json = written.get(part);
  if (json === undefined) {
    json = JSON.stringify(part.args);
    // What can still change is written anew each time.
    if (Object.isFrozen(part)) written.set(part, json);
  }
  return json;
}
