import type { MessageParam, TextBlockParam } from "@anthropic-ai/sdk/resources/messages";
import {
  type AssistantMessage,
  ConfigError,
  type ContentPart,
  type ImagePart,
  isObject,
  type Json,
  type JsonObject,
  type Message,
  type ToolMessage,
  toolCallsOf,
} from "millrace/provider";
import { AnthropicDecoder } from "./decode.ts";
import { wire } from "./wire.ts";

/**
 * Converts a history of the Messages API. Marks of the prompt cache are left out; everything else that has no field of
 * its own is kept in the parts' `providerData`, so that `toAnthropicMessages` gives it back.
 *
 * Throws `ConfigError` that names the index of what is not a valid message.
 */
export function fromAnthropicMessages(history: {
  readonly system?: string | readonly TextBlockParam[];
  readonly messages: readonly MessageParam[];
}): Message[] {
  const toolNames = new Map<string, string>();
  if (!Array.isArray(history?.messages)) throw expected("messages", "a list of messages", history?.messages);
  return [
    ...systemMessages(history.system ?? [], "system"),
    ...history.messages.flatMap((message, i) => fromMessage(message, `messages[${i}]`, toolNames)),
  ];
}

function fromMessage(message: unknown, path: string, toolNames: Map<string, string>): Message[] {
  if (!isObject(message)) throw expected(path, "a message", message);
  const { role, content } = message;
  if (typeof content !== "string" && !Array.isArray(content)) {
    throw expected(`${path}.content`, "a text or a list of blocks", content);
  }
  switch (role) {
    case "user":
      return userMessages(content, `${path}.content`, toolNames);
    case "assistant":
      return [assistantMessage(content, `${path}.content`, toolNames)];
    case "system":
      return systemMessages(content, `${path}.content`);
    default:
      throw expected(`${path}.role`, '"user", "assistant" or "system"', role);
  }
}

function systemMessages(content: unknown, path: string): Message[] {
  return blocksOf(content, path).map((block): Message => {
    if (typeof block["text"] === "string") return { role: "system", content: block["text"] };
    // Such as a tool that joins in the middle: only this provider can read it.
    return { role: "system", content: "", providerData: { [wire]: { content: [block] } } };
  });
}

function assistantMessage(content: unknown, path: string, toolNames: Map<string, string>): AssistantMessage {
  const message = new AnthropicDecoder().readBlocks(blocksOf(content, path), []).message();
  for (const call of toolCallsOf(message)) toolNames.set(call.callId, call.name);
  return message;
}

function userMessages(content: string | readonly Json[], path: string, toolNames: Map<string, string>): Message[] {
  if (typeof content === "string") return [{ role: "user", content }];
  const results: ToolMessage[] = [];
  const parts: ContentPart[] = [];
  for (const [i, block] of blocksOf(content, path).entries()) {
    if (block["type"] === "tool_result") results.push(toolMessage(block, `${path}[${i}]`, toolNames));
    else parts.push(contentPart(block, `${path}[${i}]`));
  }
  return parts.length > 0 || results.length === 0 ? [...results, { role: "user", content: parts }] : results;
}

function toolMessage(block: JsonObject, path: string, toolNames: Map<string, string>): ToolMessage {
  const { type: _type, tool_use_id: callId, content = "", is_error, ...others } = block;
  const name = typeof callId === "string" ? toolNames.get(callId) : undefined;
  if (typeof callId !== "string" || name === undefined) {
    throw expected(`${path}.tool_use_id`, "the id of a tool_use block before it", callId);
  }
  const parts = typeof content === "string" ? content : blocksOf(content, `${path}.content`);
  return {
    role: "tool",
    callId,
    name,
    content: typeof parts === "string" ? parts : parts.map((part, i) => contentPart(part, `${path}.content[${i}]`)),
    ...(is_error === true && { isError: true }),
    ...(Object.keys(others).length > 0 && { providerData: { [wire]: others } }),
  };
}

/** The blocks of a content, without the marks of the prompt cache. */
function blocksOf(content: unknown, path: string): JsonObject[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (!Array.isArray(content)) throw expected(path, "a text or a list of blocks", content);
  return content.map((block: unknown, i) => {
    if (!isObject(block) || typeof block["type"] !== "string")
      throw expected(`${path}[${i}]`, "a block with a type", block);
    const { cache_control: _mark, ...kept } = block;
    return kept;
  });
}

function contentPart(block: JsonObject, path: string): ContentPart {
  switch (block["type"]) {
    case "text":
      if (typeof block["text"] !== "string") throw expected(`${path}.text`, "a text", block["text"]);
      return { type: "text", text: block["text"] };
    case "image":
      return { type: "image", ...(placeOf(block) ?? keptWhole(block)) };
    case "document": {
      const { type: _type, source: _source, title, ...others } = block;
      const place = placeOf(block);
      return {
        type: "file",
        ...(typeof title === "string" && { filename: title }),
        ...(place ?? keptWhole(block)),
        ...(place && Object.keys(others).length > 0 && { providerData: { [wire]: others } }),
      };
    }
    default:
      return { type: "text", text: "", ...keptWhole(block) };
  }
}

/** A block that our parts cannot hold: it goes back as it is, and says nothing to another provider. */
function keptWhole(block: JsonObject): Pick<ContentPart, "providerData"> {
  return { providerData: { [wire]: { block } } };
}

type Place = Pick<ImagePart, "url" | "data" | "mediaType" | "fileId">;

function placeOf(block: JsonObject): Place | undefined {
  const source = isObject(block["source"]) ? block["source"] : {};
  const { type, url, data, media_type: mediaType, file_id: fileId } = source;
  if (type === "url" && typeof url === "string") return { url };
  if (type === "file" && typeof fileId === "string") return { fileId };
  if (typeof data !== "string" || typeof mediaType !== "string") return undefined;
  if (type === "base64") return { data, mediaType };
  return type === "text" ? { data: base64OfText(data), mediaType } : undefined;
}

function base64OfText(text: string): string {
  let bytes = "";
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return btoa(bytes);
}

function expected(path: string, what: string, got: unknown): ConfigError {
  const shown = JSON.stringify(got) ?? "nothing";
  return new ConfigError(path, `expected ${what}, got ${shown.length > 80 ? `${shown.slice(0, 80)}…` : shown}`);
}
