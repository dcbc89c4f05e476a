import type { AssistantMessage, ContentPart, Json, JsonObject, Message, ToolCallPart } from "../messages.ts";
import { toolCallsOf } from "../messages.ts";
import type { TokenTally } from "./token-tally.ts";

/** Says that something is missing. */
const cutNote = "[Cut here: the rest does not fit the token limit.]";
/** Hardly a token is longer: a first guess at where to cut, so that no long text is counted again and again. */
const charactersPerToken = 12;

const copies = new WeakMap<TokenTally, WeakMap<Message, { readonly limit: number; readonly copy: Message }>>();

/**
 * A copy of a message that has at most so many tokens, as far as it has text to cut. Its beginning is kept, and a line
 * says that it was cut. Of a model's message only text and calls are left: what else it holds is valid only as a whole.
 */
export function shorten(message: Message, limit: number, tally: TokenTally): Message {
  let ofTally = copies.get(tally);
  if (!ofTally) {
    ofTally = new WeakMap();
    copies.set(tally, ofTally);
  }
  const known = ofTally.get(message);
  if (known?.limit === limit) return known.copy;
  const copy = copyOf(message, limit, tally);
  ofTally.set(message, { limit, copy });
  return copy;
}

function copyOf(message: Message, limit: number, tally: TokenTally): Message {
  switch (message.role) {
    case "system":
      return { role: "system", content: shortenText(message.content, limit - tally.frameOf(message), tally) };
    case "user":
      return { role: "user", content: shortenContent(message.content, limit - tally.frameOf(message), tally) };
    case "tool": {
      const { role, callId, name, isError } = message;
      const content = shortenContent(message.content, limit - tally.frameOf(message), tally);
      return { role, callId, name, content, ...(isError && { isError }) };
    }
    case "assistant":
      return shortenAnswer(message, limit - tally.frameOf(message), tally);
  }
}

/** The beginning of a text, never cut within a character, with a line that says so; at least an ellipsis. */
export function shortenText(text: string, limit: number, tally: TokenTally): string {
  if (tally.text(text) <= limit) return text;
  const note = `\n${cutNote}`;
  const end = tally.text(note) * 2 <= limit ? note : "";
  let length = Math.min(text.length - 1, Math.floor(limit * charactersPerToken));
  while (length > 0) {
    const cut = beginning(text, length) + end;
    const tokens = tally.text(cut);
    if (tokens <= limit) return cut;
    length = Math.min(length - 1, Math.floor((length * limit) / tokens));
  }
  return "…";
}

function beginning(text: string, length: number): string {
  const last = text.charCodeAt(length - 1);
  const isHalf = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, isHalf ? length - 1 : length);
}

function shortenContent(
  content: string | readonly ContentPart[],
  limit: number,
  tally: TokenTally,
): string | readonly ContentPart[] {
  return typeof content === "string" ? shortenText(content, limit, tally) : shortenParts(content, limit, tally);
}

/** Files stay whole or go. Text may keep half of the room for itself. */
function shortenParts(parts: readonly ContentPart[], limit: number, tally: TokenTally): ContentPart[] {
  const isText = ({ type }: ContentPart): boolean => type === "text";
  const tokensOf = (some: readonly ContentPart[]): number => some.reduce((sum, part) => sum + tally.part(part), 0);
  const noteTokens = tally.text(cutNote);
  let left = limit - noteTokens;
  let forFiles = left - Math.min(tokensOf(parts.filter(isText)), Math.floor(left / 2));
  const kept: ContentPart[] = [];
  let isCut = false;
  const fitting = parts.filter((part) => {
    if (isText(part)) return true;
    if (tally.part(part) > forFiles) return false;
    forFiles -= tally.part(part);
    return true;
  });
  left -= tokensOf(fitting.filter((part) => !isText(part)));
  for (const part of fitting) {
    if (part.type !== "text" || tally.part(part) <= left) {
      kept.push(part);
      if (part.type === "text") left -= tally.part(part);
    } else if (!isCut) {
      isCut = true;
      kept.push({
        type: "text",
        text: shortenText(part.text, Math.min(left + noteTokens, tally.part(part) - 1), tally),
      });
      left = 0;
    }
  }
  if (!isCut) kept.push({ type: "text", text: noteTokens <= limit ? cutNote : "…" });
  return kept;
}

function shortenAnswer(message: AssistantMessage, limit: number, tally: TokenTally): AssistantMessage {
  const calls = toolCallsOf(message).map(withoutExtras);
  const tokensOfCalls = calls.reduce((sum, call) => sum + tally.part(call), 0);
  const said = message.content
    .map((part) => (part.type === "text" || part.type === "refusal" ? part.text : ""))
    .join("");
  const text = shortenText(said, limit - Math.min(tokensOfCalls, Math.floor(limit / 2)), tally);
  const left = limit - tally.text(text);
  const share = Math.floor(left / calls.length);
  const content = [
    ...(text === "" ? [] : [{ type: "text" as const, text }]),
    ...(tokensOfCalls <= left ? calls : calls.map((call) => shortenCall(call, share, tally))),
  ];
  return { role: "assistant", content: content.length > 0 ? content : [{ type: "text", text: cutNote }] };
}

/** Ids and signatures belong to the whole message. */
function withoutExtras({ type, callId, name, args }: ToolCallPart): ToolCallPart {
  return { type, callId, name, args };
}

/** Cuts the texts in a call's arguments. */
function shortenCall(call: ToolCallPart, limit: number, tally: TokenTally): ToolCallPart {
  if (tally.part(call) <= limit) return call;
  for (let length = 4096; length >= 8; length /= 2) {
    const cut = { ...call, args: cutTexts(call.args, length) };
    if (tally.part(cut) <= limit) return cut;
  }
  return { ...call, args: {} };
}

function cutTexts(args: JsonObject, length: number): JsonObject {
  return Object.fromEntries(Object.entries(args).map(([key, value]) => [key, cutText(value, length)]));
}

function cutText(value: Json, length: number): Json {
  if (typeof value === "string") return value.length > length ? `${beginning(value, length - 1)}…` : value;
  if (typeof value !== "object" || value === null) return value;
  if (isList(value)) return value.map((entry) => cutText(entry, length));
  return cutTexts(value, length);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
