import { randomBytes } from "node:crypto";
import type { Conversation, Reply } from "./conversation.ts";
import type { JsonObject } from "./json.ts";

/** Why a request is refused. */
export type Refusal =
  | "invalid"
  | "no-key"
  | "bad-key"
  | "no-model"
  | "no-route"
  | "context-overflow"
  | "rate-limit"
  | "server-error"
  | "overloaded";

/** An HTTP error as the vendor answers it. */
export interface ErrorResponse {
  status: number;
  headers?: Record<string, string>;
  body: JsonObject;
}

/** A reply on its way to the client. */
export interface Exchange {
  /** The request as it came. */
  body: JsonObject;
  reply: Reply;
  /** A random id, without the vendor's prefix. */
  id: string;
  /** Seconds since 1970. */
  created: number;
  inputTokens: number;
  outputTokens: number;
  reasoningTokens: number;
}

/** One of the wire protocols. All functions are pure. */
export interface Protocol {
  /** What is wrong with a request, in the vendor's words; empty where it would be accepted. */
  check(body: JsonObject): string[];
  read(body: JsonObject): Conversation;
  /** The answer to a request that does not stream. */
  whole(exchange: Exchange): JsonObject;
  /** The server-sent events of the answer, in order. */
  frames(exchange: Exchange): string[];
  /** An error; `details` are what was wrong, the model's name, or the tokens that came and that are allowed. */
  refuse(refusal: Refusal, ...details: unknown[]): ErrorResponse;
  /** The events with which a stream ends that fails after `sent` events. */
  breakOff(exchange: Exchange, sent: number): string[];
}

/** A random id of `length` hexadecimal digits. */
export const newId = (length = 24): string => randomBytes(length / 2).toString("hex");

/** A message with its `$1` and `$2` filled in. */
export const withDetails = (message: string, details: unknown[]): string =>
  message.replace(/\$(\d)/g, (_, position: string) => String(details[Number(position) - 1] ?? ""));

/** A server-sent event without a name. */
export const dataFrame = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`;

/** What a named event holds. */
export type EventData = JsonObject & { type: string };

/** A server-sent event whose name is its data's type. */
export const eventFrame = (data: EventData): string => `event: ${data.type}\n${dataFrame(data)}`;

/** Text in chunks of a word each. */
export const wordChunks = (text: string): string[] => text.match(/\s*\S+\s*$|\s*\S+|\s+/g) ?? [];

/** JSON in chunks that pay no attention to its structure, as models send it. */
export const jsonChunks = (json: string): string[] => json.match(/.{1,6}/gsu) ?? [];
