import { isObject, type JsonObject, maskSecrets } from "millrace/provider";
import { abortable, after } from "millrace/runs";
import { ConnectionError } from "./connection-error.ts";
import { readJson } from "./read-json.ts";

/** The part of a WebSocket that is used: those of browsers and Node have it, and those of the package `ws`. */
export interface ClientSocket {
  readonly readyState: number;
  send(data: string): void;
  close(code?: number): void;
  addEventListener(type: "open" | "close" | "error", listener: (event: object) => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
}

/** Whoever asked, and waits for the answer. */
interface Asked {
  readonly refused: string;
  readonly resolve: (runId: string | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** A socket to a server: asks it, and reads one run. */
export class OpenSocket {
  /** How many events the server may send ahead of their reader: no other way makes it wait. */
  readonly window = 256;
  readonly #socket: ClientSocket;
  readonly #asked = new Map<number, Asked>();
  readonly #events: unknown[] = [];
  #lastId = 0;
  #hasEnded = false;
  #isClosing = false;
  #failure: { readonly error: unknown } | undefined;
  #wake = (): void => {};
  #release = (): void => {};

  private constructor(socket: ClientSocket) {
    this.#socket = socket;
  }

  /**
   * Opens a socket.
   *
   * @param idleMs how long the server may be silent, in milliseconds; one of ours says something more often
   * @param signal closes it; what is awaited throws its reason
   */
  static async open(
    make: () => ClientSocket | Promise<ClientSocket>,
    idleMs: number,
    signal?: AbortSignal,
  ): Promise<OpenSocket> {
    signal?.throwIfAborted();
    const socket = await made(make, signal);
    const opened = new OpenSocket(socket);
    await opened.#listen(idleMs, signal);
    return opened;
  }

  /** Asks the server. Gives the run that it names in its answer. */
  ask(message: object, refused = ""): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure.error);
      const id = ++this.#lastId;
      this.#asked.set(id, { refused, resolve, reject });
      this.#send({ ...message, id });
    });
  }

  /** The events of the run that is read, until the server says that there are no more. */
  async *events(): AsyncGenerator<unknown, void, undefined> {
    const step = this.window / 2;
    for (let count = 1; ; count++) {
      while (this.#events.length === 0) {
        if (this.#hasEnded) return;
        if (this.#failure) throw this.#failure.error;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      yield this.#events.shift();
      if (count % step === 0) this.#send({ type: "more", events: step });
    }
  }

  /** Closes the socket, once all that was asked is answered. */
  close(): void {
    this.#isClosing = true;
    if (this.#asked.size === 0) this.#fail(new ConnectionError("the connection was closed", { kind: "network" }));
  }

  /** Waits until the socket is open. */
  #listen(idleMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      let heardAt = Date.now();
      const lose = (message: string): void => this.#fail(new ConnectionError(message, { kind: "network" }));
      const look = (): void => {
        const leftMs = heardAt + idleMs - Date.now();
        if (leftMs <= 0) lose(`the server was silent for ${idleMs} ms`);
        else cancel = after(leftMs, look);
      };
      let cancel = after(idleMs, look);
      const abort = (): void => this.#fail(signal?.reason);
      this.#release = () => {
        cancel();
        signal?.removeEventListener("abort", abort);
        reject(this.#failure?.error);
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#socket.addEventListener("open", () => resolve());
      this.#socket.addEventListener("error", (event) => lose(`the connection failed${said(event)}`));
      this.#socket.addEventListener("close", (event) => lose(`the connection was lost${said(event)}`));
      this.#socket.addEventListener("message", ({ data }) => {
        heardAt = Date.now();
        this.#take(data);
      });
      const { readyState } = this.#socket;
      if (readyState === 1) resolve();
      // It has failed before anyone listened.
      if (readyState > 1) lose("the connection failed");
      if (signal?.aborted) abort();
    });
  }

  #take(data: unknown): void {
    try {
      const message = readJson(String(data));
      const type = isObject(message) ? message["type"] : undefined;
      if (type === "ping") this.#send({ type: "pong" });
      else if (type === "end") this.#end();
      else if (isObject(message) && (type === "ok" || type === "error")) this.#answer(message);
      else this.#add(message);
    } catch (error) {
      this.#fail(error);
    }
  }

  #end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  #add(event: unknown): void {
    this.#events.push(event);
    this.#wake();
  }

  #answer(message: JsonObject): void {
    const { id, run } = message;
    const asked = this.#asked.get(Number(id));
    this.#asked.delete(Number(id));
    if (message["type"] === "ok") asked?.resolve(typeof run === "string" ? run : undefined);
    else asked?.reject(refusal(message, asked.refused));
    if (this.#isClosing) this.close();
  }

  #send(message: object): void {
    if (this.#socket.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  #fail(error: unknown): void {
    if (this.#failure) return;
    this.#failure = { error };
    this.#release();
    for (const { reject } of this.#asked.values()) reject(error);
    this.#asked.clear();
    this.#wake();
    this.#socket.close(1000);
  }
}

/** The socket. One that is made when nobody wants it any more is closed. */
async function made(
  make: () => ClientSocket | Promise<ClientSocket>,
  signal: AbortSignal | undefined,
): Promise<ClientSocket> {
  const making = (async () => make())();
  if (!signal) return making;
  try {
    return await abortable(making, signal);
  } catch (error) {
    making.then(
      (socket) => socket.close(1000),
      () => {},
    );
    throw error;
  }
}

function refusal({ status, error }: JsonObject, prefix: string): ConnectionError {
  const { code, message } = isObject(error) ? error : {};
  const said = typeof message === "string" ? message : "no message";
  return new ConnectionError(`${prefix}the server answered ${status}: ${maskSecrets(said)}`, {
    kind: "refused",
    status: typeof status === "number" ? status : undefined,
    code: typeof code === "string" ? code : undefined,
  });
}

/** What an event of a socket tells: browsers tell little, so that pages cannot look into networks. */
function said(event: object): string {
  if ("reason" in event && event.reason) return `: ${maskSecrets(String(event.reason))}`;
  return "message" in event && event.message ? `: ${maskSecrets(String(event.message))}` : "";
}
