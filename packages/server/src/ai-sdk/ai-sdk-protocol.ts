import type { ChatProtocol, ProtocolOptions } from "../protocol/chat-protocol.ts";
import { newest, toChatRequest } from "../protocol/to-chat-request.ts";
import { fromUIMessages } from "./from-ui-messages.ts";
import { uiMessageHeaders, uiMessageLines } from "./to-ui-message-stream.ts";

/**
 * Lets `useChat` of the AI SDK (`ai` 5, 6 and 7, with its own `DefaultChatTransport`) talk to a chat endpoint.
 *
 * - `POST` of its messages begins a run and sends {@link toUIMessageStream}.
 * - `GET <path>/<chat>/stream` sends the chat's live run from its beginning: `useChat({ resume: true })`. 204 where there is
 *   none, and where the endpoint has no log.
 * - `DELETE <path>/<chat>/stream`, or `DELETE <path>?chat=<chat>`, stops it. `stop()` of `useChat` only closes the connection,
 *   which stops a run where there is no log.
 *
 * @example
 * ```ts
 * import { createChatHandler, memoryEventLog } from "@millrace/server";
 * import { aiSDK } from "@millrace/server/ai-sdk";
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 *
 * export const handler = createChatHandler(new Agent({ name: "echo", model: echoModel() }), {
 *   protocol: aiSDK(),
 *   path: "/api/chat",
 *   authenticate: (request) => (request.headers.get("authorization") === "Bearer of-ada" ? "ada" : undefined),
 *   log: memoryEventLog(),
 * });
 * ```
 */
export function aiSDK(options: ProtocolOptions = {}): ChatProtocol {
  return {
    headers: uiMessageHeaders,
    read({ id, messages }) {
      const said = options.history === "client" ? messages : newest(messages);
      return toChatRequest(id, fromUIMessages(said), options, { chatId: "id", messages: "messages" });
    },
    lines: (events) => uiMessageLines(events),
    route(pathname) {
      const [, base, chat] = /^(.*)\/([^/]+)\/stream$/.exec(pathname) ?? [];
      const chatId = chat === undefined ? undefined : decoded(chat);
      return base === undefined || chatId === undefined ? undefined : { base, chatId };
    },
  };
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
