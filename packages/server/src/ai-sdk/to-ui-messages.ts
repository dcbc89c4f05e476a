import { type AssistantPart, type ContentPart, type Message, type ToolMessage, textOf } from "millrace";
import { noResult, plain } from "../protocol/plain.ts";
import { fileChunks, sourceChunk } from "./ui-message-encoder.ts";

/** A message as `useChat` keeps it. */
export interface UIMessage {
  readonly id: string;
  readonly role: "user" | "assistant" | "system";
  readonly parts: UIMessagePart[];
}

/** A part of a {@link UIMessage}: text, reasoning, a tool's call with its result, a source or a file. */
export interface UIMessagePart {
  readonly type: string;
  readonly [field: string]: unknown;
}

/**
 * A stored history as the messages of `useChat`, for a page that opens a chat: `useChat({ messages })`. A message of the assistant
 * holds all turns of an answer. Of a chat whose run goes on, give only what comes before that run: `resume` shows the rest.
 */
export function toUIMessages(messages: readonly Message[]): UIMessage[] {
  const shown: UIMessage[] = [];
  for (const [index, message] of messages.entries()) {
    const id = `message-${index}`;
    const last = shown.at(-1);
    switch (message.role) {
      case "user":
        shown.push({ id, role: "user", parts: contentParts(message.content) });
        break;
      case "system":
        shown.push({ id, role: "system", parts: contentParts(message.content) });
        break;
      case "assistant": {
        const results = resultsAfter(messages, index);
        const parts = message.content.flatMap((part, at) => assistantParts(part, results, `source-${index}-${at}`));
        const turn = [{ type: "step-start" }, ...parts];
        if (last?.role === "assistant") last.parts.push(...turn);
        else shown.push({ id, role: "assistant", parts: turn });
        break;
      }
      case "tool":
        break;
    }
  }
  return shown;
}

function resultsAfter(messages: readonly Message[], index: number): ReadonlyMap<string, ToolMessage> {
  const results = new Map<string, ToolMessage>();
  for (const message of messages.slice(index + 1)) {
    if (message.role !== "tool") break;
    results.set(message.callId, message);
  }
  return results;
}

function contentParts(content: string | readonly ContentPart[]): UIMessagePart[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  return content.flatMap((part): UIMessagePart[] =>
    part.type === "text" ? [{ type: "text", text: part.text }] : fileChunks(part),
  );
}

function assistantParts(
  part: AssistantPart,
  results: ReadonlyMap<string, ToolMessage>,
  sourceId: string,
): UIMessagePart[] {
  switch (part.type) {
    case "text":
    case "reasoning":
      return [{ type: part.type, text: part.text }];
    case "refusal":
      return [{ type: "text", text: part.text, providerMetadata: { millrace: { refusal: true } } }];
    case "source":
      return [{ ...sourceChunk(part, sourceId) }];
    case "image":
    case "file":
      return fileChunks(part);
    case "provider-tool": {
      const call = {
        type: `tool-${part.name}`,
        toolCallId: part.callId,
        providerExecuted: true,
        input: part.input ?? {},
      };
      if (part.isError) return [{ ...call, state: "output-error", errorText: "The provider's tool failed." }];
      return [{ ...call, state: "output-available", output: part.output ?? null }];
    }
    case "tool-call": {
      const call = { type: `tool-${part.name}`, toolCallId: part.callId, input: part.invalidArgs ?? part.args };
      const result = results.get(part.callId);
      if (result && !result.isError) return [{ ...call, state: "output-available", output: plain(result.content) }];
      return [{ ...call, state: "output-error", errorText: result ? textOf(result) : noResult }];
    }
  }
}
