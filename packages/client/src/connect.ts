import { ConfigError } from "millrace/provider";
import {
  anything,
  type Check,
  callable,
  countOrNone,
  fields,
  flag,
  milliseconds,
  millisecondsOrNone,
  oneOf,
} from "millrace/runs";
import { checkEvent } from "./check-event.ts";
import { type HttpOptions, HttpTransport } from "./http-transport.ts";
import type { RemoteSource } from "./remote-events.ts";
import { RemoteRun } from "./remote-run.ts";
import { type RetryOptions, retryPolicy } from "./retry.ts";
import { type SocketOptions, SocketTransport } from "./socket-transport.ts";
import type { Connection, RemoteInput, Transport } from "./transport.ts";

/** Options of {@link connect}. */
export interface ConnectOptions extends HttpOptions, SocketOptions {
  /**
   * Over what the server is asked. Default: `websocket` for a URL of `ws:` or `wss:`, else `http`, where events come as
   * server-sent events.
   */
  transport?: "http" | "websocket";
  /** How a lost connection is made again. `maxRetries: 0`: not at all. */
  retry?: RetryOptions;
  /** After so many milliseconds without a sign of life a connection counts as lost. Default: 60,000. */
  idleMs?: number;
  /**
   * Checks every event against `millrace/schema`, which needs zod: in development, to notice a server of another
   * version. Default: false.
   */
  check?: boolean;
}

/** What a run is started with; who the user is, the server knows from the headers or the cookies. */
export interface RemoteRespondOptions {
  /** The conversation. The server keeps its history. */
  chatId: string;
  /** Stops the run at the server, as `run.stop()` does. */
  signal?: AbortSignal | undefined;
}

/** How a run is read again. */
export interface AttachOptions {
  /**
   * The first event that is wanted, by its `seq`. Default: 0, all of them. Those before it are read, too, because
   * arguments that grow are only whole with them, but are not handed out.
   */
  from?: number | undefined;
  /** Stops the run at the server, as `run.stop()` does. */
  signal?: AbortSignal | undefined;
}

/** The runs of a server. Made by {@link connect}. */
export interface Client {
  /** Starts a run; nothing is sent before its events are read. */
  respond(input: RemoteInput, options: RemoteRespondOptions): RemoteRun;
  /**
   * Reads a run that the server keeps, by its id or as the latest of a chat: after a reload, in a second tab. The stream is
   * empty where the chat has no run.
   */
  attach(run: string | { chatId: string }, options?: AttachOptions): RemoteRun;
}

/**
 * Connects to a chat endpoint, such as that of `@millrace/server`. Nothing is sent yet.
 *
 * @param url of the endpoint; in a page it may be relative
 * @throws ConfigError for a missing URL, for options that cannot work, and for `headers` over WebSockets, which carry none
 * @example
 * ```ts
 * import { connect } from "@millrace/client";
 *
 * const client = connect("/api/chat");
 * for await (const event of client.respond("Hello", { chatId: "c1" })) {
 *   if (event.type === "text-delta") console.log(event.text);
 * }
 * ```
 */
export function connect(url: string | URL, options: ConnectOptions = {}): Client {
  if (!String(url)) throw new ConfigError("url", "expected the URL of a chat endpoint, got an empty text");
  checkOptions(options, "");
  const { retry, check = false } = options;
  const transport = transportOf(String(url), options);
  const source = (first: (signal: AbortSignal) => Promise<Connection | undefined>): RemoteSource => ({
    retry: retryPolicy(retry),
    check: check ? checkEvent : undefined,
    connect: ({ runId, seq }, signal) =>
      runId === undefined ? first(signal) : transport.attach({ run: runId }, seq, signal),
  });
  return {
    respond: (input, { chatId, signal }) =>
      new RemoteRun(transport, { ...source((abort) => transport.start({ input, chatId }, abort)), signal }),
    attach: (run, { from, signal } = {}) => {
      const query = typeof run === "string" ? { run } : { chat: run.chatId };
      return new RemoteRun(transport, {
        ...source((abort) => transport.attach(query, -1, abort)),
        runId: query.run,
        from,
        signal,
      });
    },
  };
}

const checkOptions = fields({
  transport: oneOf("http", "websocket"),
  headers: anything,
  credentials: oneOf("omit", "same-origin", "include"),
  fetch: callable,
  openSocket: callable,
  retry: fields({ maxRetries: countOrNone, initialDelayMs: millisecondsOrNone, maxDelayMs: millisecondsOrNone }),
  idleMs: milliseconds,
  check: flag,
} satisfies Record<keyof ConnectOptions, Check>);

function transportOf(url: string, options: ConnectOptions): Transport {
  const { transport = /^wss?:/i.test(url) ? "websocket" : "http", idleMs = 60_000 } = options;
  if (transport === "http") return new HttpTransport(url, options, idleMs);
  if (options.headers) {
    throw new ConfigError(
      "headers",
      "a WebSocket carries none: use cookies, or make the socket yourself, in openSocket",
    );
  }
  return new SocketTransport(url, options, idleMs);
}
