import type { AgentEvent } from "millrace";
import { framesOfLines } from "../frames.ts";
import { asLines, translate } from "../protocol/translate.ts";
import { type ResponseOptions, responseOf } from "../to-sse.ts";
import { AGUIEncoder } from "./agui-encoder.ts";
import type { AGUIEvent } from "./agui-event.ts";
import { AGUIThread, type AGUIThreadOptions } from "./agui-thread.ts";

/**
 * The events of a run as those of AG-UI 1.0, for `HttpAgent` of `@ag-ui/client` from 0.0.59 on. Read as they are pulled; leaving
 * them leaves the run. Never throws: a run that failed ends with `RUN_ERROR`, every other one with `RUN_FINISHED`.
 *
 * - Sub-agents have `SUBAGENT_STARTED` and `SUBAGENT_FINISHED`, and their events name them.
 * - What AG-UI has no event for is `CUSTOM`: `source`, `file`, `tool-progress`, `retry`, `stopped` and others by our names.
 * - A retry names the messages it makes void, and takes them back with a `MESSAGES_SNAPSHOT` where `messages` are given.
 * - A text that is too long for one event is sent in several; a result that is too long is cut.
 *
 * @param run a run, or anything that gives its events, such as `attach()`
 * @param thread the `RunAgentInput` of the client, or some of it
 * @example
 * ```ts
 * import { toAGUI } from "@millrace/server/ag-ui";
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 *
 * const agent = new Agent({ name: "echo", model: echoModel() });
 * for await (const event of toAGUI(agent.respond("Hello!", { userId: "u1", chatId: "c1" }))) console.log(event.type);
 * ```
 */
export function toAGUI(
  run: AsyncIterable<AgentEvent>,
  thread: AGUIThreadOptions = {},
): AsyncGenerator<AGUIEvent, void, undefined> {
  return translate(run, new AGUIEncoder(new AGUIThread(thread)));
}

/** The same as lines for a stream of server-sent events. */
export function aguiLines(
  run: AsyncIterable<AgentEvent>,
  thread: AGUIThreadOptions,
): AsyncGenerator<string, void, undefined> {
  return translate(run, asLines(new AGUIEncoder(new AGUIThread(thread))));
}

/**
 * A response whose body is {@link toAGUI}, for a route of your own. The run begins when the body is read. A whole endpoint is
 * `createChatHandler(agent, { protocol: agUI(), … })`.
 *
 * @example
 * ```ts
 * import { fromAGUI, toAGUIResponse } from "@millrace/server/ag-ui";
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 *
 * const agent = new Agent({ name: "echo", model: echoModel() });
 * export async function POST(request: Request): Promise<Response> {
 *   const input = await request.json();
 *   const { threadId, messages } = fromAGUI(input);
 *   return toAGUIResponse(agent.respond(messages, { userId: "u1", chatId: threadId }), input, { signal: request.signal });
 * }
 * ```
 */
export function toAGUIResponse(
  run: AsyncIterable<AgentEvent>,
  thread: AGUIThreadOptions = {},
  options: ResponseOptions = {},
): Response {
  return responseOf(framesOfLines(aguiLines(run, thread)), options);
}
