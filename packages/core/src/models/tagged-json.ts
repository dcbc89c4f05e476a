import { argsJson } from "../args-json.ts";
import { type ToolMessage, textOf } from "../messages.ts";
import type { ToolDefinition } from "../model.ts";
import type { ParsedCall, ParsedText, TextProtocol } from "./text-tools.ts";

const callStart = "<tool_call>";
const callEnd = "</tool_call>";
const resultStart = "<tool_response>";
const resultEnd = "</tool_response>";

/** Calls are JSON between tags, in the form that many open models have learned. */
export const taggedJson: TextProtocol = {
  describe(tools) {
    return [
      "You can call these tools, given as JSON Schemas:",
      ...tools.map(describeTool),
      "To call a tool, write its name and arguments as JSON between tags, and nothing after it:",
      `${callStart}{"name": "the tool's name", "arguments": {}}${callEnd}`,
      `Several calls stand one after the other. The results come in the next message, between ${resultStart} and ${resultEnd}; never write them yourself.`,
    ].join("\n");
  },
  parse: parseTagged,
  formatCall: (call) => `${callStart}{"name": ${JSON.stringify(call.name)}, "arguments": ${argsJson(call)}}${callEnd}`,
  formatResult: (result) => {
    const { name, isError } = result;
    return `${resultStart}${JSON.stringify({ name, ...(isError && { isError }), content: contentOf(result) })}${resultEnd}`;
  },
};

function describeTool({ name, description, parameters }: ToolDefinition): string {
  return JSON.stringify({ name, description, parameters });
}

/** The result's text. Its images are sent beside it. */
function contentOf(result: ToolMessage): string {
  return typeof result.content === "string" ? result.content : textOf(result);
}

function parseTagged(whole: string): ParsedText {
  // Small models go on with results of their own invention.
  const written = before(whole, resultStart);
  let text = "";
  const calls: ParsedCall[] = [];
  for (let at = 0; ; ) {
    const start = written.indexOf(callStart, at);
    if (start < 0) return { text: text + withoutPartOf(callStart, written.slice(at)), calls };
    text += written.slice(at, start);
    const from = start + callStart.length;
    const end = written.indexOf(callEnd, from);
    const call = readCall(written.slice(from, end < 0 ? undefined : end), end >= 0);
    if (call) calls.push(call);
    if (end < 0) return { text, calls };
    at = end + callEnd.length;
  }
}

/** A call whose name comes first, as it nearly always does: its arguments can be followed while they arrive. */
const growing = /^\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\{)/;

function readCall(json: string, isClosed: boolean): ParsedCall | undefined {
  const head = growing.exec(json);
  if (head) return { name: nameOf(parsed(head[1] ?? "")), args: firstObject(json.slice(head[0].length)) };
  const { name, arguments: args, parameters } = Object(parsed(json));
  if (typeof name === "string") return { name, args: JSON.stringify(args ?? parameters ?? {}) };
  // Closed and yet no call: its executor tells the model what is wrong with it.
  return isClosed ? { name: nameOf(name), args: json } : undefined;
}

function nameOf(value: unknown): string {
  return typeof value === "string" && value !== "" ? value : "unnamed";
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** The object that a text begins with, as far as it has come. */
function firstObject(text: string): string {
  let depth = 0;
  let isString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isString && character === "\\") at++;
    else if (character === '"') isString = !isString;
    else if (isString) continue;
    else if (character === "{") depth++;
    else if (character === "}" && --depth === 0) return text.slice(0, at + 1);
  }
  return text;
}

/** A text up to a tag, or to what may become it at the end. */
function before(text: string, tag: string): string {
  const at = text.indexOf(tag);
  return at < 0 ? withoutPartOf(tag, text) : text.slice(0, at);
}

/** A text without what may become a tag at its end. */
function withoutPartOf(tag: string, text: string): string {
  const at = text.lastIndexOf("<");
  return at >= 0 && tag.startsWith(text.slice(at)) ? text.slice(0, at) : text;
}
