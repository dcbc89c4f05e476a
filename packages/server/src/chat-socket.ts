import type { Agent } from "millrace";
import type { JsonObject } from "millrace/provider";
import { after } from "millrace/runs";
import type { ChatHandlerOptions } from "./chat-handler-options.ts";
import { ChatRuns, notFound, type Reading, toHttpError } from "./chat-runs.ts";
import type { RunQuery } from "./event-log.ts";
import { HttpError } from "./http-error.ts";
import { isAllowedOrigin } from "./origins.ts";
import { parseObject, toInput, toMessage } from "./read-message.ts";
import {
  closeCodes,
  defaultMaxBuffered,
  drained,
  isOpen,
  opened,
  sendFrames,
  type WebSocketLike,
} from "./web-socket-like.ts";

/** Serves a socket that was accepted. Fulfilled when it has closed; never rejects. */
export type ServeSocket = (socket: WebSocketLike) => Promise<void>;

/** Looks at an upgrade request: gives what serves its socket, or the response that refuses it. */
export type ChatSocketHandler = (request: Request) => Promise<Response | ServeSocket>;

/**
 * A chat endpoint for one agent over WebSockets, with the rights and rules of `createChatHandler`. It is asked before a
 * socket is accepted: requests of pages of other origins (see `cors`), and those that `authenticate` does not know, are
 * refused. Handlers that share a `store` and a `log` serve the same chats and runs.
 *
 * A client sends objects of JSON; each is answered with `{ "type": "ok", "id", "run"? }` or
 * `{ "type": "error", "id", "status", "error": { "code", "message" } }`, with the `id` that it came with:
 *
 * - `{ "type": "respond", "id", "chatId", "input" }` begins a run.
 * - `{ "type": "attach", "id", "run" | "chat", "from"? }` reads a run, or the chat's latest, from the event `from` on. The
 *   answer has no `run` where there is nothing (more) to read. Only with a log.
 * - `{ "type": "stop", "id", "run" | "chat" }` stops it.
 * - `{ "type": "send", "id", "run" | "chat", "input" }` puts a message of the user into it.
 *
 * The events of the run that is read follow, each as `millrace/wire` writes it, then `{ "type": "end" }`. A socket reads one
 * run at a time: the next takes its place. `"window": n` in `respond` or `attach` lets the server send n events, and
 * `{ "type": "more", "events": n }` as many more. A client that answers `{ "type": "ping" }` with nothing, such as
 * `{ "type": "pong" }`, is taken for dead.
 *
 * A socket that closes leaves its run: that stops one that no log keeps.
 *
 * @throws {@link ConfigError} without `authenticate`, and for options that cannot work
 * @example
 * ```ts
 * import { createChatSocket } from "@millrace/server";
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 *
 * const accept = createChatSocket(new Agent({ name: "echo", model: echoModel() }), {
 *   authenticate: (request) => (request.headers.get("cookie") === "session=of-ada" ? "ada" : undefined),
 * });
 * const serve = await accept(new Request("https://example.org/chat", { headers: { upgrade: "websocket" } }));
 * if (serve instanceof Response) console.log(serve.status); // 401
 * ```
 */
export function createChatSocket(agent: Agent, options: ChatHandlerOptions): ChatSocketHandler {
  const runs = new ChatRuns(agent, options);
  const { path, cors, onError } = options;
  return async (request) => {
    try {
      if (path !== undefined && new URL(request.url).pathname !== path) throw notFound();
      if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
        throw new HttpError(426, "upgrade-required", "expected a WebSocket", { upgrade: "websocket" });
      }
      if (!isAllowedOrigin(request, cors?.origins)) {
        throw new HttpError(403, "forbidden-origin", "pages of this origin may not connect");
      }
      const userId = await runs.userOf(request);
      if (userId instanceof Response) return userId;
      return (socket) => new Session({ runs, userId, request, options }, socket).serve();
    } catch (error) {
      return toHttpError(error, onError).toResponse();
    }
  };
}

/** So many messages may wait for their answers. */
const maxWaiting = 32;

/** Who has connected, to what. */
interface Connected {
  readonly runs: ChatRuns;
  readonly userId: string;
  readonly request: Request;
  readonly options: ChatHandlerOptions;
}

/** One socket of one user. */
class Session {
  readonly #connected: Connected;
  readonly #socket: WebSocketLike;
  /** Ends the reading of the present run. */
  #leave: () => Promise<void> = async () => {};
  #window = new Window(0);
  /** The messages are answered one after the other. */
  #answered: Promise<void> = Promise.resolve();
  #waiting = 0;
  #isHeard = true;

  constructor(connected: Connected, socket: WebSocketLike) {
    this.#connected = connected;
    this.#socket = socket;
  }

  async serve(): Promise<void> {
    const socket = this.#socket;
    const { keepAliveMs = 15_000 } = this.#connected.options;
    socket.addEventListener("message", this.#listen);
    await opened(socket);
    if (isOpen(socket)) {
      await new Promise<void>((resolve) => {
        const beat = (): void => {
          cancel = after(keepAliveMs, beat);
          this.#beat(end);
        };
        let cancel = after(keepAliveMs, beat);
        const end = (): void => {
          cancel();
          socket.removeEventListener("close", end);
          socket.removeEventListener("error", end);
          resolve();
        };
        socket.addEventListener("close", end);
        socket.addEventListener("error", end);
      });
    }
    socket.removeEventListener("message", this.#listen);
    await this.#leave();
    // A run that was just asked for is left, too.
    await this.#answered;
    await this.#leave();
  }

  /** Asks for a sign of life, and ends where there was none since the last time. */
  #beat(end: () => void): void {
    const socket = this.#socket;
    if (this.#isHeard && isOpen(socket)) {
      this.#isHeard = false;
      this.#send({ type: "ping" });
      return;
    }
    // One that is gone does not answer a close either.
    if (socket.terminate) socket.terminate();
    else socket.close(closeCodes.silent, "no sign of life");
    end();
  }

  readonly #listen = ({ data }: { readonly data: unknown }): void => {
    this.#isHeard = true;
    // What still comes while it closes is not asked for.
    if (!isOpen(this.#socket)) return;
    const { maxBodyBytes = 1024 * 1024 } = this.#connected.options;
    const isTooLarge = typeof data === "string" && byteLength(data, maxBodyBytes) > maxBodyBytes;
    const message = isTooLarge ? undefined : toObject(data);
    if (isTooLarge) this.#socket.close(closeCodes.tooLarge, `expected at most ${maxBodyBytes} bytes`);
    else if (!message) this.#socket.close(closeCodes.invalidMessage, "expected objects of JSON");
    else if (message["type"] === "more") this.#window.widen(toCount(message["events"], 0));
    else if (message["type"] !== "pong") this.#ask(message);
  };

  #ask(message: JsonObject): void {
    if (++this.#waiting > maxWaiting) this.#socket.close(closeCodes.tooMany, "expected fewer messages at once");
    else this.#answered = this.#answered.then(() => this.#answer(message));
  }

  async #answer(message: JsonObject): Promise<void> {
    const { id = null } = message;
    try {
      const reading = isOpen(this.#socket) ? await this.#do(message) : undefined;
      if (reading) await this.#leave();
      this.#send({ type: "ok", id, ...(reading && { run: reading.runId }) });
      if (reading) this.#read(reading, toCount(message["window"], Number.POSITIVE_INFINITY));
    } catch (thrown) {
      const { status, code, message: text } = toHttpError(thrown, this.#connected.options.onError);
      this.#send({ type: "error", id, status, error: { code, message: text } });
    }
    await drained(this.#socket);
    this.#waiting--;
  }

  /** Does what is asked for. Gives the run that is to be read now. */
  async #do(message: JsonObject): Promise<Reading | undefined> {
    const { runs, userId, request } = this.#connected;
    switch (message["type"]) {
      case "respond":
        return runs.begin(toMessage(message), userId, request);
      case "attach":
        return runs.attach(toQuery(message, userId), userId, toCount(message["from"], 0));
      case "stop":
        await runs.stop(toQuery(message, userId), userId);
        return undefined;
      case "send":
        await runs.send(toInput(message["input"]), toQuery(message, userId), userId);
        return undefined;
      default:
        throw new HttpError(400, "invalid-request", "type: expected respond, attach, stop or send");
    }
  }

  #read({ frames }: Reading, events: number): void {
    const window = new Window(events);
    this.#window = window;
    const sent = sendFrames(frames, this.#socket, defaultMaxBuffered, () => window.pass())
      .then(() => this.#send({ type: "end" }))
      // A socket that failed while it was written to: nobody is left to be told.
      .catch(() => {});
    this.#leave = async () => {
      const left = frames.leave().catch(() => {});
      window.widen(Number.POSITIVE_INFINITY);
      await Promise.all([left, sent]);
    };
  }

  #send(message: object): void {
    try {
      if (isOpen(this.#socket)) this.#socket.send(JSON.stringify(message));
    } catch {
      // It has failed, and will say so.
    }
  }
}

/** How many events the peer wants to have for now. */
class Window {
  #left: number;
  #widened: (() => void) | undefined;

  constructor(events: number) {
    this.#left = events;
  }

  widen(events: number): void {
    this.#left += events;
    this.#widened?.();
  }

  /** Waits until one more may be sent. */
  async pass(): Promise<void> {
    while (this.#left <= 0) await new Promise<void>((resolve) => (this.#widened = resolve));
    this.#left--;
  }
}

function toObject(text: unknown): JsonObject | undefined {
  try {
    return typeof text === "string" ? parseObject(text) : undefined;
  } catch {
    return undefined;
  }
}

function toQuery({ run, chat }: JsonObject, userId: string): RunQuery {
  if (typeof run === "string" && run) return { runId: run };
  if (typeof chat === "string" && chat) return { userId, chatId: chat };
  throw new HttpError(400, "invalid-request", "expected the run or the chat that is meant");
}

function toCount(value: unknown, fallback: number): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : fallback;
}

/** In UTF-8; not counted where the number of characters says enough. */
function byteLength(text: string, max: number): number {
  return text.length > max || text.length * 3 <= max ? text.length : new TextEncoder().encode(text).length;
}
