import type {
  ContentBlockParam,
  MessageParam,
  TextBlockParam,
  ToolResultBlockParam,
} from "@anthropic-ai/sdk/resources/messages";
import {
  type AssistantMessage,
  type AssistantPart,
  checkMessages,
  type Message,
  type ToolCallPart,
  type ToolMessage,
} from "millrace/provider";
import { contentBlocks, isBlock, resultBlocks, textBlock, wellFormed } from "./encode-content.ts";
import { ToolIds } from "./tool-id.ts";
import { ownData } from "./wire.ts";

/** A conversation as the Messages API takes it. */
export interface AnthropicHistory {
  /** The system prompt: one block for each leading system message. */
  system?: TextBlockParam[];
  /** Begins with a user's message; the roles alternate. */
  messages: MessageParam[];
}

type Turn = { role: "user" | "assistant"; content: ContentBlockParam[] } | SystemTurn;

/** An instruction in the middle that the API knows as such; only taken over from its own histories. */
interface SystemTurn {
  role: "system";
  content: TextBlockParam[];
}

/**
 * Converts a history, whichever provider it began on, into one that the Messages API accepts.
 *
 * Leading system messages become `system`; a later one becomes user text between `<system>` tags. Tool messages that
 * follow each other become one user message, results first, together with what the user says next. Parts that only
 * another provider can read (its reasoning, its own tools) are left out; this provider's go back unchanged.
 *
 * Throws `ConfigError` for what is not a list of our messages, `ModelError` of kind `unsupported` for a file that
 * Claude cannot read.
 */
export function toAnthropicMessages(messages: readonly Message[]): AnthropicHistory {
  checkMessages(messages, "messages");
  return encodeHistory(messages);
}

/** The same for messages that are known to be ours. */
export function encodeHistory(messages: readonly Message[]): AnthropicHistory {
  const firstTurn = messages.findIndex((message) => message.role !== "system");
  const leading = firstTurn < 0 ? messages : messages.slice(0, firstTurn);
  const system = leading.flatMap((message) =>
    typeof message.content === "string" ? (textBlock(message.content) ?? []) : [],
  );
  const turns: Turn[] = [];
  const context = { pending: pendingIds(messages), ids: new ToolIds() };
  for (const message of messages.slice(leading.length)) addTurn(turns, encodeMessage(message, context));
  if (turns[0]?.role !== "user") turns.unshift({ role: "user", content: [opening] });
  trimPrefill(turns.at(-1));
  return { ...(system.length > 0 && { system }), messages: turns.map(toParam) };
}

/** What the encoding of a message needs to know of the others. */
interface Context {
  /** Calls of the provider's own tools that must be left out. */
  readonly pending: ReadonlySet<unknown>;
  readonly ids: ToolIds;
}

/** Stands in where a history does not begin with the user. */
const opening: TextBlockParam = { type: "text", text: "(The conversation begins.)" };

/** The answer that the model has not finished: it waits for results of tools, or to go on after a pause. */
export function openAnswer(messages: readonly Message[]): AssistantMessage | undefined {
  const last = messages.findLast((message) => message.role !== "tool");
  return last?.role === "assistant" ? last : undefined;
}

/**
 * The calls of the provider's own tools that never got their result: the answer was cut off by its token limit. The
 * API takes them only in an answer that goes on.
 */
function pendingIds(messages: readonly Message[]): ReadonlySet<unknown> {
  const ids = new Set<unknown>();
  const open = openAnswer(messages);
  for (const message of messages) {
    if (message.role !== "assistant" || message === open) continue;
    for (const part of message.content) {
      if (part.type === "provider-tool" && String(ownData(part)?.["type"]).endsWith("tool_use")) ids.add(part.callId);
    }
  }
  if (ids.size === 0) return ids;
  for (const message of messages) {
    if (message.role !== "assistant") continue;
    for (const part of message.content) ids.delete(ownData(part)?.["tool_use_id"]);
  }
  return ids;
}

function encodeMessage(message: Message, context: Context): Turn {
  switch (message.role) {
    case "system": {
      const kept = ownData(message)?.["content"];
      if (isSystemContent(kept)) return { role: "system", content: kept };
      return { role: "user", content: contentBlocks(message.content && `<system>\n${message.content}\n</system>`) };
    }
    case "user":
      return { role: "user", content: contentBlocks(message.content) };
    case "tool":
      return { role: "user", content: [resultBlock(message, context)] };
    case "assistant":
      return { role: "assistant", content: assistantBlocks(message, context) };
  }
}

/** Adds a turn to the last one where the role is the same. */
function addTurn(turns: Turn[], turn: Turn): void {
  const last = turns.at(-1);
  if (turn.content.length === 0) return;
  if (turn.role !== "system" && last?.role === turn.role) last.content.push(...turn.content);
  else turns.push(turn);
}

function toParam(turn: Turn): MessageParam {
  if (turn.role !== "user") return turn;
  // The API wants every result before anything else that the user's message holds.
  const results = turn.content.filter((block) => block.type === "tool_result");
  if (results.length === 0) return turn;
  return { role: "user", content: [...results, ...turn.content.filter((block) => block.type !== "tool_result")] };
}

function isSystemContent(value: unknown): value is TextBlockParam[] {
  return Array.isArray(value) && value.every(isBlock);
}

/** A last message by the assistant is a prefill, and the API refuses one that ends in white space. */
function trimPrefill(turn: Turn | undefined): void {
  const block = turn?.content.at(-1);
  if (turn?.role === "assistant" && block?.type === "text") {
    turn.content[turn.content.length - 1] = { ...block, text: block.text.trimEnd() };
  }
}

function resultBlock(message: ToolMessage, { ids }: Context): ToolResultBlockParam {
  const { content, isError } = message;
  const blocks = typeof content === "string" ? wellFormed(content) : resultBlocks(content);
  // White space alone counts as nothing.
  const empty = typeof blocks === "string" ? blocks.trim() === "" : blocks.length === 0;
  return {
    ...ownData(message),
    type: "tool_result",
    tool_use_id: ids.of(message.callId),
    // An error must say something; a result may be empty.
    ...(!empty ? { content: blocks } : isError ? { content: "The tool failed without a message." } : {}),
    ...(isError && { is_error: true }),
  };
}

function assistantBlocks(message: AssistantMessage, { pending, ids }: Context): ContentBlockParam[] {
  const answered = message.content.filter((part) => part.type !== "provider-tool" || !pending.has(part.callId));
  const blocks = answered.map((part) => assistantBlock(part, ids)).filter((block) => block !== undefined);
  // A message must not end in thinking: one that was cut while the model thought has nothing to say.
  while (isThinking(blocks.at(-1))) blocks.pop();
  return blocks;
}

function isThinking(block: ContentBlockParam | undefined): boolean {
  return block?.type === "thinking" || block?.type === "redacted_thinking";
}

function assistantBlock(part: AssistantPart, ids: ToolIds): ContentBlockParam | undefined {
  const own = ownData(part);
  switch (part.type) {
    case "text": {
      const block = textBlock(part.text);
      return block && { ...block, ...own };
    }
    case "reasoning": {
      const { redacted, signature, ...others } = own ?? {};
      if (typeof redacted === "string") return { type: "redacted_thinking", data: redacted };
      // Without its signature (cut off, or another provider's) the API would refuse it.
      if (typeof signature !== "string") return undefined;
      return { ...others, type: "thinking", thinking: part.text, signature };
    }
    case "refusal":
      // Our own is the provider's explanation; another provider's is what its model said.
      return own ? undefined : textBlock(part.text);
    case "tool-call":
      return callBlock(part, ids);
    case "provider-tool":
      return isBlock(own) ? own : undefined;
    case "source":
    case "image":
    case "file":
      // Sources stand in the citations of their text; Claude takes no files in what it said itself.
      return undefined;
  }
}

function callBlock(part: ToolCallPart, ids: ToolIds): ContentBlockParam {
  return { ...ownData(part), type: "tool_use", id: ids.begin(part.callId), name: part.name, input: part.args };
}
