import { ConfigError } from "millrace/provider";
import { checkEvent } from "./check-event.ts";
import { Endpoint, type EndpointOptions, type RemoteInput } from "./endpoint.ts";
import { readSse } from "./read-sse.ts";
import type { RemoteSource } from "./remote-events.ts";
import { RemoteRun } from "./remote-run.ts";
import { type RetryOptions, retryPolicy } from "./retry.ts";

/** Options of {@link connect}. */
export interface ConnectOptions extends EndpointOptions {
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
 * @throws ConfigError for a missing URL
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
  const { retry, idleMs = 60_000, check = false } = options;
  const endpoint = new Endpoint(String(url), options);
  const source = (first: (signal: AbortSignal) => Promise<Response | undefined>): RemoteSource => ({
    retry: retryPolicy(retry),
    check: check ? checkEvent : undefined,
    async connect(position, signal) {
      const { runId, seq } = position;
      const response = await (runId === undefined ? first(signal) : endpoint.attach({ run: runId }, seq, signal));
      // Known before the first event: a run that is cut there can be read again, too.
      position.runId ??= response?.headers.get("x-run-id") ?? undefined;
      return response && readSse(response, idleMs, signal);
    },
  });
  return {
    respond: (input, { chatId, signal }) =>
      new RemoteRun(endpoint, { ...source((abort) => endpoint.start({ input, chatId }, abort)), signal }),
    attach: (run, { from, signal } = {}) => {
      const query = typeof run === "string" ? { run } : { chat: run.chatId };
      return new RemoteRun(endpoint, {
        ...source((abort) => endpoint.attach(query, -1, abort)),
        runId: query.run,
        from,
        signal,
      });
    },
  };
}
