import {
  type AssistantPart,
  ConfigError,
  type ContentPart,
  type FilePart,
  type ImagePart,
  isObject,
  type Json,
  type JsonObject,
  type Message,
  type ProviderData,
  parseArgs,
  type ToolCallPart,
} from "millrace/provider";
import { ReasoningDetails } from "./reasoning-details.ts";
import { isList, textIn } from "./wire.ts";

/**
 * Converts messages of Chat Completions into a history, checking them. What has no place of its own in our messages (a
 * `developer` role, a name, signatures, parts of a dialect) is kept for this wire and sent back by it.
 *
 * Throws `ConfigError` naming the message that is none.
 */
export function fromOpenAIMessages(messages: readonly unknown[]): Message[] {
  if (!isList(messages)) throw new ConfigError("messages", `expected a list, got ${typeof messages}`);
  const calls = new Map<string, string>();
  return messages.map((message, index) => readMessage(message, `messages[${index}]`, calls));
}

/** @param calls the names of the tools that were called so far, by call id */
function readMessage(message: Json, at: string, calls: Map<string, string>): Message {
  if (!isObject(message)) throw new ConfigError(at, `expected a message object, got ${JSON.stringify(message)}`);
  const { role } = message;
  switch (role) {
    case "system":
    case "developer": {
      const content = textOfContent(message.content, `${at}.content`);
      return { role: "system", content, ...keep(message, role === "developer" ? { role } : {}) };
    }
    case "user":
      return { role: "user", content: readContent(message.content, `${at}.content`), ...keep(message) };
    case "assistant":
      return readAssistant(message, at, calls);
    case "tool":
    case "function":
      return readTool(message, at, calls);
    default: {
      const expected = "expected the role system, developer, user, assistant or tool";
      throw new ConfigError(`${at}.role`, `${expected}, got ${JSON.stringify(role)}`);
    }
  }
}

function keep(message: JsonObject, more: JsonObject = {}): { providerData?: ProviderData } {
  const kept = { ...more, ...(typeof message.name === "string" && { name: message.name }) };
  return Object.keys(kept).length === 0 ? {} : { providerData: { "openai-chat": kept } };
}

function readTool(message: JsonObject, at: string, calls: Map<string, string>): Message {
  const isLegacy = message.role === "function";
  const callId = isLegacy ? legacyId(textIn(message.name)) : textIn(message.tool_call_id);
  const name = calls.get(callId);
  if (name === undefined) {
    const field = isLegacy ? "name" : "tool_call_id";
    throw new ConfigError(
      `${at}.${field}`,
      `expected a call in a message before, got ${JSON.stringify(message[field])}`,
    );
  }
  return { role: "tool", callId, name, content: readContent(message.content, `${at}.content`) };
}

function readAssistant(message: JsonObject, at: string, calls: Map<string, string>): Message {
  const content: AssistantPart[] = [...readReasoning(message)];
  if (isList(message.content))
    content.push(...message.content.map((part, i) => readAnswer(part, `${at}.content[${i}]`)));
  else if (typeof message.content === "string" && message.content !== "") {
    content.push({ type: "text", text: message.content });
  } else if (message.content != null && message.content !== "") {
    throw new ConfigError(`${at}.content`, `expected a string, parts or null, got ${typeof message.content}`);
  }
  if (typeof message.refusal === "string" && message.refusal !== "") {
    content.push({ type: "refusal", text: message.refusal });
  }
  for (const [i, call] of (isList(message.tool_calls) ? message.tool_calls : []).entries()) {
    content.push(readCall(call, `${at}.tool_calls[${i}]`));
  }
  if (isObject(message.function_call)) {
    const id = legacyId(textIn(message.function_call.name));
    content.push(readCall({ id, function: message.function_call }, `${at}.function_call`));
  }
  for (const part of content) if (part.type === "tool-call") calls.set(part.callId, part.name);
  return { role: "assistant", content, ...keep(message) };
}

/** Calls from before `tool_calls` have no id: a result names the function. */
function legacyId(name: string): string {
  return name === "" ? "" : `call_${name}`;
}

function readReasoning(message: JsonObject): AssistantPart[] {
  const details = new ReasoningDetails();
  const detailed = isList(message.reasoning_details) ? details.push(message.reasoning_details) : "";
  const field = ["reasoning_content", "reasoning"].find((name) => textIn(message[name]) !== "");
  if (field === undefined && details.entries.length === 0) return [];
  const text = field === undefined ? detailed : textIn(message[field]);
  const kept = {
    field: field ?? "reasoning_details",
    ...(details.entries.length > 0 && { details: details.entries }),
  };
  return [{ type: "reasoning", text, providerData: { "openai-chat": kept } }];
}

function readAnswer(part: Json, at: string): AssistantPart {
  if (isObject(part) && typeof part.text === "string") return { type: "text", text: part.text };
  if (isObject(part) && part.type === "refusal") return { type: "refusal", text: textIn(part.refusal) };
  if (isObject(part) && part.type === "thinking") {
    const thoughts = isList(part.thinking) ? part.thinking : [];
    const text = thoughts.map((thought) => (isObject(thought) ? textIn(thought.text) : "")).join("");
    return { type: "reasoning", text, providerData: { "openai-chat": { field: "thinking" } } };
  }
  throw new ConfigError(at, `expected a text, refusal or thinking part, got ${JSON.stringify(part)}`);
}

function readCall(call: Json, at: string): ToolCallPart {
  const called = isObject(call) ? call.function : undefined;
  if (!isObject(call) || !isObject(called) || typeof call.id !== "string" || typeof called.name !== "string") {
    throw new ConfigError(at, `expected a call with an id and a function with a name, got ${JSON.stringify(call)}`);
  }
  const extra = call.extra_content;
  return {
    type: "tool-call",
    callId: call.id,
    name: called.name,
    ...parseArgs(textIn(called.arguments)),
    ...(extra !== undefined && { providerData: { "openai-chat": { extra_content: extra } } }),
  };
}

function textOfContent(content: unknown, at: string): string {
  const read = readContent(content, at);
  if (typeof read === "string") return read;
  return read.map((part) => (part.type === "text" ? part.text : "")).join("\n");
}

function readContent(content: unknown, at: string): string | ContentPart[] {
  if (typeof content === "string") return content;
  if (isList(content)) return content.map((part, index) => readPart(part, `${at}[${index}]`));
  throw new ConfigError(at, `expected a string or a list of parts, got ${content === null ? "null" : typeof content}`);
}

function readPart(part: Json, at: string): ContentPart {
  if (!isObject(part) || typeof part.type !== "string") {
    throw new ConfigError(at, `expected a part with a type, got ${JSON.stringify(part)}`);
  }
  if (part.type === "text" && typeof part.text === "string") return { type: "text", text: part.text };
  if (part.type === "image_url" && isObject(part.image_url)) return readImage(part.image_url);
  if (part.type === "input_audio" && isObject(part.input_audio)) {
    const mediaType = part.input_audio.format === "mp3" ? "audio/mpeg" : "audio/wav";
    return { type: "file", data: textIn(part.input_audio.data), mediaType };
  }
  if (part.type === "file" && isObject(part.file)) return readFile(part.file);
  // A dialect's own part (Mistral's `document_url` …): another wire sees a file, this one sends it back as it was.
  const url = textIn(part[part.type]);
  return { type: "file", ...(url !== "" && { url }), providerData: { "openai-chat": { part } } };
}

function readImage(image: JsonObject): ImagePart {
  const { detail } = image;
  const known = detail === "low" || detail === "high" || detail === "auto" ? detail : undefined;
  return { type: "image", url: textIn(image.url), ...(known && { detail: known }) };
}

function readFile(file: JsonObject): FilePart {
  if (typeof file.file_id === "string") return { type: "file", fileId: file.file_id };
  const filename = textIn(file.filename);
  return { type: "file", url: textIn(file.file_data), ...(filename !== "" && { filename }) };
}
