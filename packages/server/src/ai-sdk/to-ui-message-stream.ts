import type { AgentEvent } from "millrace";
import { framesOfLines } from "../frames.ts";
import { asLines, translate } from "../protocol/translate.ts";
import { type ResponseOptions, responseOf } from "../to-sse.ts";
import type { UIMessageChunk } from "./ui-message-chunk.ts";
import { UIMessageEncoder } from "./ui-message-encoder.ts";

/** What the AI SDK's own servers send beside the headers of an event stream. */
export const uiMessageHeaders = { "x-vercel-ai-ui-message-stream": "v1" } as const;

/** What the AI SDK's own servers end a stream with. */
const lastLines = ["[DONE]"];

/**
 * The events of a run as the chunks of the AI SDK's UI message stream (version 1), for clients of `ai` 5, 6 and 7: one message
 * of the assistant, a step for each turn. Read as it is pulled; leaving it leaves the run. Never throws: a run that failed ends
 * with an `error` chunk and a `finish`.
 *
 * - `tool-progress` is a preliminary output; previews of arguments and the events of sub-agents are transient `data-` chunks.
 * - A retry that makes an answer void ends its step with a `data-discarded` part; the answer that counts is in the next one.
 * - Usage, cost and the run's id are the message's metadata.
 *
 * @param run a run, or anything that gives its events, such as `attach()`
 * @example
 * ```ts
 * import { toUIMessageStream } from "@millrace/server/ai-sdk";
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 *
 * const agent = new Agent({ name: "echo", model: echoModel() });
 * for await (const chunk of toUIMessageStream(agent.respond("Hello!", { userId: "u1", chatId: "c1" }))) {
 *   if (chunk.type === "text-delta") console.log(chunk.delta);
 * }
 * ```
 */
export function toUIMessageStream(run: AsyncIterable<AgentEvent>): AsyncGenerator<UIMessageChunk, void, undefined> {
  return translate(run, new UIMessageEncoder());
}

/** The same as lines for a stream of server-sent events. */
export function uiMessageLines(run: AsyncIterable<AgentEvent>): AsyncGenerator<string, void, undefined> {
  return translate(run, asLines(new UIMessageEncoder(), lastLines));
}

/**
 * A response whose body is {@link toUIMessageStream}, for a route of your own. The run begins when the body is read. A whole
 * endpoint is `createChatHandler(agent, { protocol: aiSDK(), … })`.
 *
 * @example
 * ```ts
 * import { fromUIMessages, toUIMessageResponse } from "@millrace/server/ai-sdk";
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 *
 * const agent = new Agent({ name: "echo", model: echoModel() });
 * export async function POST(request: Request): Promise<Response> {
 *   const { messages } = fromUIMessages((await request.json()).messages);
 *   return toUIMessageResponse(agent.respond(messages, { userId: "u1", chatId: "c1" }), { signal: request.signal });
 * }
 * ```
 */
export function toUIMessageResponse(run: AsyncIterable<AgentEvent>, options: ResponseOptions = {}): Response {
  const headers = new Headers(options.headers);
  for (const [name, value] of Object.entries(uiMessageHeaders)) headers.set(name, value);
  return responseOf(framesOfLines(uiMessageLines(run)), { ...options, headers });
}
