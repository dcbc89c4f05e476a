import { ConfigError, type ContentPart, isContent, isContentPart, type ToolCallPart } from "millrace";
import { isObject, type JsonObject, parseArgs } from "millrace/provider";
import { jsonOf } from "millrace/wire";
import { fileFromClient } from "./file-from-client.ts";

/** The objects of a list from a client. Throws {@link ConfigError}, naming `at`. */
export function objectsOf(value: unknown, at: string): readonly JsonObject[] {
  if (!Array.isArray(value)) throw new ConfigError(at, "expected a list");
  return value.map((entry: unknown, index) => {
    if (!isObject(entry)) throw new ConfigError(`${at}[${index}]`, "expected an object");
    return entry;
  });
}

/** A text from a client; empty where there is none. */
export function textFrom(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A call with the arguments that a client sends, or with what it sends in place of an object. */
export function callFrom(callId: string, name: string, args: unknown): ToolCallPart {
  return { type: "tool-call", callId, name, ...parseArgs(typeof args === "string" ? args : jsonOf(args ?? {})) };
}

/** What a model reads of a result that a client sends: text, parts without what only the server may say, else JSON. */
export function resultFrom(output: unknown, at: string): string | readonly ContentPart[] {
  if (typeof output === "string") return output;
  if (isContent(output)) return output.map((part) => partFrom(part, at));
  if (isContentPart(output)) return [partFrom(output, at)];
  return jsonOf(output);
}

function partFrom(part: ContentPart, at: string): ContentPart {
  return part.type === "text" ? { type: "text", text: part.text } : fileFromClient(part, at);
}
