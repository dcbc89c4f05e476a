import type { ChatRespondOptions, ChatStore } from "millrace";
import { type Check, callable, count, fields, flag, milliseconds, texts, wrong } from "millrace/runs";
import type { EventLog } from "./event-log.ts";
import type { memoryChatStore } from "./memory-chat-store.ts";
import type { CorsOptions } from "./origins.ts";
import type { ChatProtocol } from "./protocol/chat-protocol.ts";

/** Options of a chat endpoint: of `createChatHandler` and of `createChatSocket`, which may share one object. */
export interface ChatHandlerOptions {
  /**
   * Says who asks: the user's id, from a cookie or a token of the request, never from what the client says of itself.
   * Undefined is answered with 401; a `Response` of your own is sent as it is. Compulsory.
   */
  authenticate: (request: Request) => string | undefined | Response | Promise<string | undefined | Response>;
  /** Keeps the chats. Default: {@link memoryChatStore}. */
  store?: ChatStore;
  /**
   * Keeps the events: a run goes on when its connection is lost, and any number of pages can read it. Default: none; a run
   * ends with its connection.
   */
  log?: EventLog;
  /**
   * What the front end speaks over HTTP: `aiSDK()` of `@millrace/server/ai-sdk`, `agUI()` of `@millrace/server/ag-ui`.
   * Default: the protocol of `@millrace/client`.
   */
  protocol?: ChatProtocol;
  /** The only path that is answered. Default: any, for frameworks that have routed the request. */
  path?: string;
  /** The longest body of a request, and the longest message over a WebSocket. Default: 1 Mi. */
  maxBodyBytes?: number;
  /** Which other origins may use the endpoint from a browser. Default: none. */
  cors?: CorsOptions;
  /** After so long without an event a sign of life is sent, in milliseconds. Default: 15,000. */
  keepAliveMs?: number;
  /** Options for each run: `deps`, `settings`, hooks … */
  respondOptions?: (
    chat: { userId: string; chatId: string },
    request: Request,
  ) => ChatRespondOptions | Promise<ChatRespondOptions>;
  /** With a log: told of each run, where the runtime ends work that nobody waits for (workers). */
  waitUntil?: (done: Promise<void>) => void;
  /** Told of what is answered with 500, and of what a log throws, or a store that is read. Default: `console.error`. */
  onError?: (error: unknown) => void;
}

/** An object with these methods. */
const methods =
  (...names: readonly string[]): Check =>
  (value, at) => {
    for (const name of names) callable(Object(value)[name], `${at}.${name}`);
  };

/** Such as `https://app.example.org`: as browsers send it, so with a slash at its end it would never be met. */
const origins: Check = (value, at) => {
  texts(value, at);
  for (const origin of Object(value)) {
    if (!/^[a-z][a-z\d+.-]*:\/\/[^/?#]+$/.test(origin))
      throw wrong(at, "origins such as https://app.example.org", origin);
  }
};

const path: Check = (value, at) => {
  if (!String(value).startsWith("/")) throw wrong(at, 'a path that begins with "/"', value);
};

/** Throws `ConfigError` for options that cannot work. */
export const checkChatHandlerOptions: Check = fields({
  authenticate: callable,
  store: methods("load", "append"),
  log: methods("begin", "append", "read", "end", "find", "requestStop", "beat"),
  protocol: methods("read", "lines"),
  path,
  maxBodyBytes: count,
  cors: fields({ origins, credentials: flag }),
  keepAliveMs: milliseconds,
  respondOptions: callable,
  waitUntil: callable,
  onError: callable,
} satisfies Record<keyof ChatHandlerOptions, Check>);
