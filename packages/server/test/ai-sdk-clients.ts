import * as ai7 from "ai";
import * as ai5 from "ai5";
import * as ai6 from "ai6";
import { expect } from "vitest";

/** A part of a UI message, as far as tests look at it. */
interface Part {
  readonly type: string;
  readonly text?: string;
  readonly state?: string;
  readonly toolCallId?: string;
  readonly input?: unknown;
  readonly output?: unknown;
  readonly errorText?: string;
  readonly data?: unknown;
  readonly [field: string]: unknown;
}

export interface UIMessage {
  readonly id: string;
  readonly role: "user" | "assistant" | "system";
  readonly metadata?: unknown;
  readonly parts: readonly Part[];
}

/** What is used of the AI SDK's client; the three versions differ in types only. */
interface Client {
  readonly DefaultChatTransport: typeof ai7.DefaultChatTransport;
  readonly readUIMessageStream: typeof ai7.readUIMessageStream;
  readonly validateUIMessages: typeof ai7.validateUIMessages;
  readonly convertToModelMessages: (messages: ai7.UIMessage[]) => unknown;
}

function isClient(sdk: object): sdk is Client {
  return "DefaultChatTransport" in sdk && "readUIMessageStream" in sdk && "validateUIMessages" in sdk;
}

export const clients: [string, Client][] = Object.entries({ "ai 5": ai5, "ai 6": ai6, "ai 7": ai7 }).flatMap(
  ([name, sdk]: [string, object]) => (isClient(sdk) ? [[name, sdk]] : []),
);

export function userMessage(text: string, id = "u1"): ai7.UIMessage {
  return { id, role: "user", parts: [{ type: "text", text }] };
}

export interface Asked {
  readonly message: UIMessage;
  readonly chunks: readonly ai7.UIMessageChunk[];
  readonly errors: readonly string[];
}

/** Sends messages with the SDK's own transport. */
export async function ask(
  { DefaultChatTransport, ...client }: Client,
  api: string,
  messages: ai7.UIMessage[],
  options: { chatId?: string; signal?: AbortSignal; fetch?: typeof fetch; trigger?: "regenerate-message" } = {},
): Promise<Asked> {
  const { fetch = globalThis.fetch } = options;
  const transport = new DefaultChatTransport({ api, headers: { "x-user": "ada" }, fetch });
  const stream = await transport.sendMessages({
    trigger: options.trigger ?? "submit-message",
    chatId: options.chatId ?? "c1",
    messageId: undefined,
    messages,
    abortSignal: options.signal,
  });
  return read(client, stream, messages);
}

/** Reads a stream with the SDK's own reader, and holds what comes out against its own checks. */
export async function read(
  { readUIMessageStream, validateUIMessages, convertToModelMessages }: Omit<Client, "DefaultChatTransport">,
  stream: ReadableStream<ai7.UIMessageChunk>,
  before: ai7.UIMessage[],
): Promise<Asked> {
  const chunks: ai7.UIMessageChunk[] = [];
  const errors: string[] = [];
  const watch = new TransformStream<ai7.UIMessageChunk, ai7.UIMessageChunk>({
    transform(chunk, controller) {
      chunks.push(chunk);
      controller.enqueue(chunk);
    },
  });
  let last: ai7.UIMessage | undefined;
  const onError = (error: unknown): void => void errors.push(String(error));
  for await (const message of readUIMessageStream({ stream: stream.pipeThrough(watch), onError })) last = message;
  if (last && last.parts.length > 0) {
    const messages = [...before, last];
    await validateUIMessages({ messages });
    await convertToModelMessages(messages);
  }
  expect(last).toBeDefined();
  const plain: unknown = JSON.parse(JSON.stringify(last));
  if (!isUIMessage(plain)) throw new Error("no message came");
  return { message: plain, chunks, errors };
}

function isUIMessage(value: unknown): value is UIMessage {
  return typeof value === "object" && value !== null && "parts" in value;
}

export function textOf({ parts }: UIMessage): string {
  return parts.map(({ type, text }) => (type === "text" ? text : "")).join("");
}

/** A fetch that gives bodies byte by byte. */
export const byteByByte: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  const split = new TransformStream<Uint8Array, Uint8Array>({
    transform(bytes, controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
    },
  });
  return new Response(response.body?.pipeThrough(split) ?? null, response);
};
