import {
  type AssistantPart,
  ConfigError,
  type ContentPart,
  isObject,
  type Json,
  type JsonObject,
  type Message,
  newId,
  parseArgs,
} from "millrace/provider";
import { isList, textIn, without } from "./wire.ts";

/**
 * Converts input items of the Responses API (or output items, or a string) into a history, checking them. Reasoning
 * and items of the provider's own tools are kept as they are and sent back by this wire.
 *
 * Throws `ConfigError` naming the item that is none.
 */
export function fromResponsesInput(input: string | readonly unknown[]): Message[] {
  if (typeof input === "string") return [{ role: "user", content: input }];
  if (!isList(input)) throw new ConfigError("input", `expected a string or a list, got ${typeof input}`);
  const messages: Message[] = [];
  const calls = new Map<string, string>();
  /** The answer that is being read: all items of the model in a row are one. */
  let answer: AssistantPart[] = [];
  const flush = () => {
    if (answer.length > 0) messages.push({ role: "assistant", content: answer });
    answer = [];
  };
  for (const [index, item] of input.entries()) {
    const at = `input[${index}]`;
    if (!isObject(item)) throw new ConfigError(at, `expected an item object, got ${JSON.stringify(item)}`);
    const parts = readAnswerItem(item, at);
    if (parts) {
      answer.push(...parts);
      for (const part of parts) if (part.type === "tool-call") calls.set(part.callId, part.name);
      continue;
    }
    flush();
    messages.push(readMessage(item, at, calls));
  }
  flush();
  return messages;
}

/** The parts of an item that the model wrote; undefined for other items. */
function readAnswerItem(item: JsonObject, at: string): AssistantPart[] | undefined {
  switch (item.type) {
    case undefined:
    case "message":
      return item.role === "assistant" ? readAnswer(item, at) : undefined;
    case "function_call_output":
      return undefined;
    case "function_call":
      return [readCall(item, at)];
    case "reasoning": {
      const parts = [...listIn(item.summary), ...listIn(item.content)];
      const text = parts.map((part) => (isObject(part) ? textIn(part.text) : "")).join("\n\n");
      return [{ type: "reasoning", text, providerData: { "openai-responses": { item } } }];
    }
    default:
      return [readOther(item, at)];
  }
}

/** An item of one of the provider's own tools, or one that is not known yet. */
function readOther(item: JsonObject, at: string): AssistantPart {
  if (typeof item.type !== "string") throw new ConfigError(`${at}.type`, "expected the item's type as a string");
  const callId = textIn(item.id) || textIn(item.call_id) || newId("item");
  const providerData = { "openai-responses": { item } };
  return { type: "provider-tool", callId, name: item.type.replace(/_call$/, ""), providerData };
}

function readAnswer(item: JsonObject, at: string): AssistantPart[] {
  if (typeof item.content === "string") return item.content === "" ? [] : [{ type: "text", text: item.content }];
  if (!isList(item.content)) throw new ConfigError(`${at}.content`, "expected a string or a list of parts");
  const kept = without(item, "type", "role", "content", "status");
  return item.content.map((part, index): AssistantPart => {
    if (!isObject(part)) throw new ConfigError(`${at}.content[${index}]`, "expected a part object");
    const annotations = listIn(part.annotations);
    const own = { ...kept, ...(annotations.length > 0 && { annotations }) };
    const providerData = Object.keys(own).length > 0 ? { providerData: { "openai-responses": own } } : {};
    if (part.type === "refusal") return { type: "refusal", text: textIn(part.refusal), ...providerData };
    if (typeof part.text === "string") return { type: "text", text: part.text, ...providerData };
    throw new ConfigError(`${at}.content[${index}]`, `expected a text or a refusal, got ${JSON.stringify(part.type)}`);
  });
}

function readCall(item: JsonObject, at: string): AssistantPart {
  const { call_id: callId, name } = item;
  if (typeof callId !== "string" || typeof name !== "string") {
    throw new ConfigError(at, `expected a function_call with call_id and name, got ${JSON.stringify(item)}`);
  }
  const kept = without(item, "type", "call_id", "name", "arguments");
  return {
    type: "tool-call",
    callId,
    name,
    ...parseArgs(textIn(item.arguments)),
    ...(Object.keys(kept).length > 0 && { providerData: { "openai-responses": kept } }),
  };
}

function readMessage(item: JsonObject, at: string, calls: ReadonlyMap<string, string>): Message {
  if (item.type === "function_call_output") return readOutput(item, at, calls);
  const content = readContent(item.content, `${at}.content`);
  if (item.role === "user") return { role: "user", content };
  if (item.role !== "system" && item.role !== "developer") {
    const expected = "expected the role system, developer, user or assistant";
    throw new ConfigError(`${at}.role`, `${expected}, got ${JSON.stringify(item.role)}`);
  }
  const texts =
    typeof content === "string" ? [content] : content.map((part) => (part.type === "text" ? part.text : ""));
  const isDeveloper = item.role === "developer" && { providerData: { "openai-responses": { role: "developer" } } };
  return { role: "system", content: texts.join("\n"), ...isDeveloper };
}

function readOutput(item: JsonObject, at: string, calls: ReadonlyMap<string, string>): Message {
  const callId = textIn(item.call_id);
  const name = calls.get(callId);
  if (name === undefined) {
    throw new ConfigError(`${at}.call_id`, `expected a function_call before it, got ${JSON.stringify(item.call_id)}`);
  }
  return { role: "tool", callId, name, content: readContent(item.output, `${at}.output`) };
}

function readContent(content: unknown, at: string): string | ContentPart[] {
  if (typeof content === "string") return content;
  if (isList(content)) return content.map((part, index) => readPart(part, `${at}[${index}]`));
  throw new ConfigError(at, `expected a string or a list of parts, got ${content === null ? "null" : typeof content}`);
}

function readPart(part: Json, at: string): ContentPart {
  if (!isObject(part)) throw new ConfigError(at, `expected a part object, got ${JSON.stringify(part)}`);
  const fileId = textIn(part.file_id);
  switch (part.type) {
    case "input_text":
    case "output_text":
    case "text":
      return { type: "text", text: textIn(part.text) };
    case "input_image": {
      const { detail } = part;
      const known = detail === "low" || detail === "high" || detail === "auto" ? detail : undefined;
      const source = fileId !== "" ? { fileId } : { url: textIn(part.image_url) };
      return { type: "image", ...source, ...(known && { detail: known }) };
    }
    case "input_file": {
      const filename = textIn(part.filename);
      const source = fileId !== "" ? { fileId } : { url: textIn(part.file_url) || textIn(part.file_data) };
      return { type: "file", ...source, ...(filename !== "" && { filename }) };
    }
    default:
      return { type: "file", providerData: { "openai-responses": { part } } };
  }
}

function listIn(value: unknown): readonly Json[] {
  return isList(value) ? value : [];
}
