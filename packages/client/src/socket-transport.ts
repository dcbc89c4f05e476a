import { ConfigError } from "millrace/provider";
import { ConnectionError } from "./connection-error.ts";
import { type ClientSocket, OpenSocket } from "./open-socket.ts";
import type { Connection, RemoteInput, RunQuery, RunRequest, Transport } from "./transport.ts";

/** How a server is asked over WebSockets. */
export interface SocketOptions {
  /**
   * Makes each socket, instead of `new WebSocket(url)`, also before a lost connection is made again: for a token in the
   * URL or a subprotocol, and for headers, which a WebSocket of the package `ws` can send.
   */
  openSocket?: (url: string) => ClientSocket | Promise<ClientSocket>;
}

/** Requests over WebSockets: each run that is read has a socket of its own, which also stops it. */
export class SocketTransport implements Transport {
  readonly #open: (signal?: AbortSignal) => Promise<OpenSocket>;
  /** The sockets that runs are read from, by the run. */
  readonly #reading = new Map<string, OpenSocket>();

  constructor(url: string, { openSocket = (address) => new WebSocket(address) }: SocketOptions, idleMs: number) {
    const address = toAddress(url);
    this.#open = (signal) => OpenSocket.open(() => openSocket(address), idleMs, signal);
  }

  async start(request: RunRequest, signal: AbortSignal): Promise<Connection> {
    const connection = await this.#read({ type: "respond", ...request }, signal);
    return connection ?? nothingToRead();
  }

  async attach(query: RunQuery, lastSeq: number, signal: AbortSignal): Promise<Connection | undefined> {
    const message = { type: "attach", ...query, from: lastSeq + 1 };
    const connection = await this.#read(message, signal, "the run cannot be read again: ");
    return connection ?? ("chat" in query ? undefined : nothingToRead());
  }

  async stop(runId: string): Promise<void> {
    try {
      await this.#tell(runId, { type: "stop", run: runId });
    } catch (error) {
      const isOver = error instanceof ConnectionError && error.status === 404;
      if (!isOver) throw error;
    }
  }

  async send(runId: string, input: RemoteInput): Promise<void> {
    await this.#tell(runId, { type: "send", run: runId, input });
  }

  async #read(message: object, signal: AbortSignal, refused?: string): Promise<Connection | undefined> {
    const socket = await this.#open(signal);
    try {
      const runId = await socket.ask({ ...message, window: socket.window }, refused);
      if (runId !== undefined) return { runId, events: this.#follow(runId, socket) };
    } catch (error) {
      socket.close();
      throw error;
    }
    socket.close();
    return undefined;
  }

  async *#follow(runId: string, socket: OpenSocket): AsyncGenerator<unknown, void, undefined> {
    this.#reading.set(runId, socket);
    try {
      yield* socket.events();
    } finally {
      if (this.#reading.get(runId) === socket) this.#reading.delete(runId);
      socket.close();
    }
  }

  /** Over the socket that reads the run: where no log is shared, its process alone knows the run. */
  async #tell(runId: string, message: object): Promise<void> {
    const reading = this.#reading.get(runId);
    if (reading) {
      await reading.ask(message);
      return;
    }
    const socket = await this.#open();
    try {
      await socket.ask(message);
    } finally {
      socket.close();
    }
  }
}

function nothingToRead(): never {
  throw new ConnectionError("expected a run to read, got none", { kind: "protocol" });
}

/** The URL of an endpoint for sockets; in a page it may be relative. */
function toAddress(url: string): string {
  const base = globalThis.location?.href;
  if (!URL.canParse(url, base)) {
    throw new ConfigError("url", `expected a whole URL for a WebSocket, got ${JSON.stringify(url)}`);
  }
  const address = new URL(url, base);
  address.protocol = address.protocol.replace(/^http/, "ws");
  return address.href;
}
