import { type Agent, type ChatRespondOptions, type ChatStore, ConfigError, type Run } from "millrace";
import { detach, stopRun } from "./detach.ts";
import { type EventLog, EventLogError, type RunQuery } from "./event-log.ts";
import { type Frames, loggedFrames } from "./frames.ts";
import { HttpError } from "./http-error.ts";
import { LiveRuns } from "./live-runs.ts";
import { memoryChatStore } from "./memory-chat-store.ts";
import { type CorsOptions, corsHeaders, preflight } from "./origins.ts";
import { readMessage } from "./read-message.ts";
import { responseOf, toResponse } from "./to-sse.ts";

/** Options of {@link createChatHandler}. */
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
  /** The only path that is answered. Default: any, for frameworks that have routed the request. */
  path?: string;
  /** Default: 1 Mi. */
  maxBodyBytes?: number;
  /** Which other origins may use the endpoint from a browser. Default: none. */
  cors?: CorsOptions;
  /** See {@link SSEOptions}. Default: 15,000. */
  keepAliveMs?: number;
  /** Options for each run: `deps`, `settings`, hooks … */
  respondOptions?: (
    chat: { userId: string; chatId: string },
    request: Request,
  ) => ChatRespondOptions | Promise<ChatRespondOptions>;
  /** With a log: told of each run, where the runtime ends work that nobody waits for (workers). */
  waitUntil?: (done: Promise<void>) => void;
  /** Told of what is answered with 500, and of what a log throws. Default: `console.error`. */
  onError?: (error: unknown) => void;
}

/**
 * A chat endpoint for one agent. All events are sent as server-sent events, see {@link toSSE}.
 *
 * - `POST` with `{ "chatId": …, "input": … }` begins a run. The header `x-run-id` of its response names it.
 * - `GET ?run=…` or `?chat=…` reads the run, or the chat's latest, again: from the event after `Last-Event-ID` on. 204
 *   where there is nothing (more) to read. Only with a log.
 * - `DELETE ?run=…` or `?chat=…` stops it.
 *
 * A user reaches only runs of their own; others are answered like those that do not exist. Errors are JSON,
 * `{ "error": { "code", "message" } }`.
 *
 * @throws {@link ConfigError} where `authenticate` is missing
 * @example
 * ```ts
 * import { createChatHandler, memoryEventLog } from "@millrace/server";
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 *
 * const handler = createChatHandler(new Agent({ name: "echo", model: echoModel() }), {
 *   authenticate: (request) => (request.headers.get("authorization") === "Bearer of-ada" ? "ada" : undefined),
 *   log: memoryEventLog(),
 * });
 * const response = await handler(new Request("https://example.org/chat", { method: "POST" }));
 * console.log(response.status); // 401
 * ```
 */
export function createChatHandler(agent: Agent, options: ChatHandlerOptions): (request: Request) => Promise<Response> {
  if (typeof options?.authenticate !== "function") {
    throw new ConfigError("authenticate", "expected a function that gives the user's id of a request");
  }
  const { cors, onError = console.error } = options;
  const endpoint = new Endpoint(agent, options);
  return async (request) => {
    let response: Response;
    try {
      response = await endpoint.answer(request);
    } catch (error) {
      response = toHttpError(error, onError).toResponse();
    }
    return withHeaders(response, corsHeaders(request, cors));
  };
}

class Endpoint {
  readonly #agent: Agent;
  readonly #options: ChatHandlerOptions;
  readonly #store: ChatStore;
  readonly #live = new LiveRuns();

  constructor(agent: Agent, options: ChatHandlerOptions) {
    this.#agent = agent;
    this.#options = options;
    this.#store = options.store ?? memoryChatStore();
  }

  async answer(request: Request): Promise<Response> {
    const { path, cors, log, authenticate } = this.#options;
    const { pathname, searchParams } = new URL(request.url);
    if (path !== undefined && pathname !== path) throw notFound();
    if (request.method === "OPTIONS") return preflight(request, cors);
    const allowed = log ? ["POST", "GET", "DELETE"] : ["POST", "DELETE"];
    if (!allowed.includes(request.method)) {
      throw new HttpError(405, "method-not-allowed", `expected one of ${allowed.join(", ")}`, {
        allow: allowed.join(", "),
      });
    }
    const userId = await authenticate(request);
    if (userId instanceof Response) return userId;
    if (!userId) throw new HttpError(401, "unauthenticated", "the request does not say who asks, or not rightly");
    if (request.method === "POST") return this.#begin(request, userId);
    const query = toQuery(searchParams, userId);
    return request.method === "GET" && log ? this.#attach(log, request, query, userId) : this.#stop(query, userId);
  }

  async #begin(request: Request, userId: string): Promise<Response> {
    const { maxBodyBytes = 1024 * 1024, respondOptions, log, keepAliveMs } = this.#options;
    const { chatId, input } = await readMessage(request, maxBodyBytes);
    const own = await respondOptions?.({ userId, chatId }, request);
    const run = this.#agent.chat({ userId, chatId, store: this.#store }).respond(input, own);
    if (log) return this.#detach(log, run, request);
    const events = this.#live.begin(run);
    if (!events) throw busy();
    const headers = { "x-run-id": run.id };
    return toResponse(events, { headers, signal: request.signal, ...(keepAliveMs && { keepAliveMs }) });
  }

  async #detach(log: EventLog, run: Run, request: Request): Promise<Response> {
    const { onError, waitUntil } = this.#options;
    const { done } = await detach(run, log, { ...(onError && { onError }) });
    waitUntil?.(done);
    return this.#respond(loggedFrames(log, run.id, 0), run.id, request);
  }

  async #attach(log: EventLog, request: Request, query: RunQuery, userId: string): Promise<Response> {
    const found = await log.find(query);
    if (!found && "chatId" in query) return new Response(null, { status: 204 });
    if (found?.run.userId !== userId) throw notFound();
    const frames = loggedFrames(log, found.run.id, firstWanted(request));
    if (!found.isOver) return this.#respond(frames, found.run.id, request);
    const first = await frames.next();
    // What tells a browser's EventSource that it need not come again.
    if (!first) return new Response(null, { status: 204 });
    return this.#respond(startingWith(first, frames), found.run.id, request);
  }

  async #stop(query: RunQuery, userId: string): Promise<Response> {
    const { log } = this.#options;
    const run = log ? (await log.find(query))?.run : this.#live.find(query)?.info;
    if (run?.userId !== userId) throw notFound();
    if (log) await stopRun(log, run.id);
    else this.#live.find({ runId: run.id })?.stop("stopped by the user");
    return new Response(null, { status: 204 });
  }

  #respond(frames: Frames, runId: string, { signal }: Request): Response {
    const { keepAliveMs } = this.#options;
    return responseOf(frames, { headers: { "x-run-id": runId }, signal, ...(keepAliveMs && { keepAliveMs }) });
  }
}

function toQuery(parameters: URLSearchParams, userId: string): RunQuery {
  const runId = parameters.get("run");
  const chatId = parameters.get("chat");
  if (runId) return { runId };
  if (chatId) return { userId, chatId };
  throw new HttpError(400, "invalid-request", "expected the parameter run or chat in the URL");
}

/** The event after the last that the client has. */
function firstWanted({ headers }: Request): number {
  const last = headers.get("last-event-id");
  if (last === null || last === "") return 0;
  if (!/^\d{1,15}$/.test(last)) throw new HttpError(400, "invalid-request", "Last-Event-ID: expected an event's seq");
  return Number(last) + 1;
}

function startingWith(first: NonNullable<Awaited<ReturnType<Frames["next"]>>>, rest: Frames): Frames {
  let isSent = false;
  return {
    async next() {
      if (isSent) return rest.next();
      isSent = true;
      return first;
    },
    leave: () => rest.leave(),
  };
}

function notFound(): HttpError {
  return new HttpError(404, "not-found", "there is no such run, or no longer");
}

function busy(): HttpError {
  return new HttpError(409, "chat-busy", "the chat has a run that goes on; wait for it, or stop it");
}

function toHttpError(error: unknown, onError: (error: unknown) => void): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof EventLogError && error.kind === "chat-busy") return busy();
  if (error instanceof EventLogError && error.kind === "not-found") return notFound();
  onError(error);
  return new HttpError(500, "internal", "something went wrong on the server");
}

/** A copy: responses of others may be immutable. */
function withHeaders(response: Response, headers: Record<string, string>): Response {
  const added = Object.entries(headers);
  if (added.length === 0) return response;
  const copy = new Response(response.body, response);
  for (const [name, value] of added) copy.headers.append(name, value);
  return copy;
}
