import { ConfigError } from "millrace";
import type { JsonObject } from "millrace/provider";
import { chatIdExpected, isChatId } from "../read-message.ts";
import type { ChatRequest, ProtocolOptions } from "./chat-protocol.ts";
import type { ClientHistory } from "./client-history.ts";
import { objectsOf } from "./from-client.ts";

/** The user's last message, and what follows it. */
export function newest(messages: unknown): readonly JsonObject[] {
  const all = objectsOf(messages, "messages");
  return all.slice(all.findLastIndex(({ role }) => role === "user"));
}

/** What a front end asks with its newest message. Throws {@link ConfigError} where that is not the user's. */
export function toChatRequest(
  chatId: unknown,
  { messages }: ClientHistory,
  { history = "server" }: ProtocolOptions,
  names: { readonly chatId: string; readonly messages: string },
): ChatRequest {
  if (!isChatId(chatId)) throw new ConfigError(names.chatId, chatIdExpected);
  const last = messages.at(-1);
  if (last?.role !== "user") throw new ConfigError(names.messages, "expected the last message to be one of the user");
  return { chatId, input: last.content, ...(history === "client" && { history: messages.slice(0, -1) }) };
}
