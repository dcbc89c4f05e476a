import { errorMessage, maskSecrets } from "millrace/provider";
import { abortable } from "millrace/runs";
import { ConnectionError } from "./connection-error.ts";
import { type ByteStream, readSse } from "./read-sse.ts";
import type { Connection, RemoteInput, RunQuery, RunRequest, Transport } from "./transport.ts";

/** How a server is asked over HTTP. */
export interface HttpOptions {
  /**
   * Sent with every request. A function is asked before each one, also before a lost connection is made again: for
   * tokens that expire.
   */
  headers?:
    | Readonly<Record<string, string>>
    | (() => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>);
  /** Whether cookies are sent to another origin. Default: what `fetch` does, `same-origin`. */
  credentials?: RequestCredentials;
  /** Used instead of the global `fetch`. */
  fetch?: typeof fetch;
}

/** Requests over HTTP; events come as server-sent events. */
export class HttpTransport implements Transport {
  readonly #url: string;
  readonly #options: HttpOptions;
  readonly #idleMs: number;

  constructor(url: string, options: HttpOptions, idleMs: number) {
    this.#url = url;
    this.#options = options;
    this.#idleMs = idleMs;
  }

  async start(request: RunRequest, signal: AbortSignal): Promise<Connection> {
    const headers = { ...json, accept: eventStream };
    const init = { method: "POST", body: JSON.stringify(request), headers, signal };
    return this.#read(await this.#request(this.#url, init), signal);
  }

  async attach(query: RunQuery, lastSeq: number, signal: AbortSignal): Promise<Connection | undefined> {
    const headers = { accept: eventStream, ...(lastSeq >= 0 && { "last-event-id": String(lastSeq) }) };
    const response = await this.#request(this.#urlOf(query), { headers, signal, cache: "no-store" });
    if (response.status === 204 && "chat" in query) return undefined;
    return this.#read(response, signal, "the run cannot be read again: ");
  }

  async stop(runId: string): Promise<void> {
    // A page that is being left may still stop its run.
    const response = await this.#request(this.#urlOf({ run: runId }), { method: "DELETE", keepalive: true });
    const isOver = response.status === 404 || response.status === 410;
    if (!response.ok && !isOver) throw await refusal(response);
    await response.body?.cancel();
  }

  async send(runId: string, input: RemoteInput): Promise<void> {
    const init = { method: "POST", body: JSON.stringify({ input }), headers: json };
    const response = await this.#request(this.#urlOf({ run: runId }), init);
    if (!response.ok) throw await refusal(response);
    await response.body?.cancel();
  }

  async #read(response: Response, signal: AbortSignal, refused = ""): Promise<Connection> {
    const { body, headers } = await eventsOf(response, refused);
    return { runId: headers.get("x-run-id") ?? undefined, events: readSse(body, this.#idleMs, signal) };
  }

  async #request(url: string, init: Init): Promise<Response> {
    const { headers, credentials, fetch = globalThis.fetch } = this.#options;
    const asked = typeof headers === "function" ? headers() : headers;
    const own = await (init.signal ? abortable(asked, init.signal) : asked);
    try {
      return await fetch(url, { ...init, headers: { ...init.headers, ...own }, ...(credentials && { credentials }) });
    } catch (cause) {
      init.signal?.throwIfAborted();
      throw new ConnectionError(
        `the server could not be reached: ${errorMessage(cause)}`,
        { kind: "network" },
        { cause },
      );
    }
  }

  #urlOf(query: RunQuery): string {
    return `${this.#url}${this.#url.includes("?") ? "&" : "?"}${new URLSearchParams(query)}`;
  }
}

type Init = Omit<RequestInit, "headers"> & { headers?: Record<string, string> };

const eventStream = "text/event-stream";
const json = { "content-type": "application/json" };

/** What a response streams, if that is events. */
async function eventsOf(response: Response, refused: string): Promise<{ body: ByteStream; headers: Headers }> {
  if (!response.ok) throw await refusal(response, refused);
  const { body, headers } = response;
  const type = headers.get("content-type") ?? "nothing";
  if (body && type.startsWith(eventStream)) return { body, headers };
  await body?.cancel();
  throw new ConnectionError(`expected an answer of type ${eventStream}, got ${type}; is the URL that of the chat?`, {
    kind: "protocol",
    status: response.status,
  });
}

/** What the server says in its error body: `{ error: { code, message } }`, or plain text. */
async function refusal(response: Response, prefix = ""): Promise<ConnectionError> {
  const { status, statusText } = response;
  const said = readError(await response.text().catch(() => ""));
  const message = said.message || statusText || "no message";
  return new ConnectionError(`${prefix}the server answered ${status}: ${maskSecrets(message)}`, {
    kind: "refused",
    status,
    code: said.code,
    retryAfterMs: retryAfterMs(response.headers),
  });
}

function readError(body: string): { message?: string | undefined; code?: string | undefined } {
  let error: unknown;
  try {
    error = JSON.parse(body);
  } catch {
    // A page of a proxy: its first line is enough.
    return { message: body.slice(0, 200) };
  }
  if (typeof error === "object" && error !== null && "error" in error) error = error.error;
  if (typeof error === "string") return { message: error };
  if (typeof error !== "object" || error === null) return {};
  return {
    message: "message" in error && typeof error.message === "string" ? error.message : undefined,
    code: "code" in error && typeof error.code === "string" ? error.code : undefined,
  };
}

/** Nobody watches a page for longer than this, in milliseconds. */
const maxRetryAfterMs = 60_000;

function retryAfterMs(headers: Headers): number | undefined {
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  return seconds >= 0 ? Math.min(seconds * 1000, maxRetryAfterMs) : undefined;
}
