import type { JsonObject } from "millrace/provider";
import { isObject } from "millrace/provider";
import type { ChatProtocol, ProtocolOptions } from "../protocol/chat-protocol.ts";
import { newest, toChatRequest } from "../protocol/to-chat-request.ts";
import type { AGUIThreadOptions } from "./agui-thread.ts";
import { fromAGUI } from "./from-agui.ts";
import { aguiLines } from "./to-agui.ts";

/**
 * Lets clients of AG-UI (`HttpAgent` of `@ag-ui/client`, and with it CopilotKit) talk to a chat endpoint: `POST` of a
 * `RunAgentInput` begins a run and sends {@link toAGUI}; its `threadId` is our `chatId`. `DELETE <path>?chat=<threadId>` stops
 * it. `abortRun()` only closes the connection, which stops a run where there is no log.
 *
 * @example
 * ```ts
 * import { createChatHandler } from "@millrace/server";
 * import { agUI } from "@millrace/server/ag-ui";
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 *
 * export const handler = createChatHandler(new Agent({ name: "echo", model: echoModel() }), {
 *   protocol: agUI(),
 *   path: "/api/agent",
 *   authenticate: (request) => (request.headers.get("authorization") === "Bearer of-ada" ? "ada" : undefined),
 * });
 * ```
 */
export function agUI(options: ProtocolOptions = {}): ChatProtocol {
  return {
    headers: {},
    read(body) {
      const said = options.history === "client" ? body : { ...body, messages: newest(body["messages"]) };
      const { threadId, ...history } = fromAGUI(said);
      return toChatRequest(threadId, history, options, { chatId: "threadId", messages: "messages" });
    },
    lines: (events, body) => aguiLines(events, body ? threadOf(body) : {}),
  };
}

function threadOf({ threadId, runId, parentRunId, protocolVersion, messages }: JsonObject): AGUIThreadOptions {
  return {
    ...(typeof threadId === "string" && { threadId }),
    ...(typeof runId === "string" && { runId }),
    ...(typeof parentRunId === "string" && { parentRunId }),
    ...(typeof protocolVersion === "string" && { protocolVersion }),
    ...(Array.isArray(messages) && { messages: messages.filter(isObject) }),
  };
}
