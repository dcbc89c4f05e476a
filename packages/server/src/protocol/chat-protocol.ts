import type { AgentEvent, ContentPart, Message } from "millrace";
import type { JsonObject } from "millrace/provider";

/** What a front end asks: the newest message of a chat. */
export interface ChatRequest {
  readonly chatId: string;
  readonly input: string | readonly ContentPart[];
  /** What was said before, where the front end is believed. Default: what the endpoint's store has. */
  readonly history?: readonly Message[];
}

/**
 * How front ends of others talk to `createChatHandler`: made by `aiSDK()` of `@millrace/server/ai-sdk` and `agUI()` of
 * `@millrace/server/ag-ui`. Plain functions between what they send, our messages, our events and what they read.
 */
export interface ChatProtocol {
  /** Sent with each stream. */
  readonly headers: Readonly<Record<string, string>>;
  /** Reads the body of a POST. Throws `ConfigError` for what it cannot be; that is answered with 400. */
  read(body: JsonObject): ChatRequest;
  /**
   * What is sent of a run, one server-sent event each; never throws, errors are told as the protocol tells them.
   *
   * @param body what the run was begun with; undefined where it is read again
   */
  lines(events: AsyncIterable<AgentEvent>, body?: JsonObject): AsyncGenerator<string, void, undefined>;
  /** The chat that a path names, where the protocol has paths of its own: its stream is read again there. */
  route?(pathname: string): { readonly base: string; readonly chatId: string } | undefined;
}

/** Options of `aiSDK()` and `agUI()`. */
export interface ProtocolOptions {
  /**
   * Who keeps what was said. `server`: the endpoint's store; of what the front end sends only the newest message of the user
   * counts. `client`: the front end; what it sends is believed, so a user can put words into the mouths of the model and of
   * tools, in chats of their own. Default: `server`.
   */
  history?: "server" | "client";
}
