import { ConfigError, errorMessage, maskSecrets } from "millrace";
import { createClient, ErrorReply, type RedisClientOptions } from "redis";
import { CacheError } from "../cache-error.ts";

/** What a connection is told. */
export interface ConnectionOptions {
  readonly url: string;
  readonly client: RedisClientOptions;
  /** How long something waits for a Redis that is away, in milliseconds. */
  readonly maxWaitMs: number;
  /** A connection without an answer for so long is given up for a new one, in milliseconds. */
  readonly commandTimeoutMs: number;
}

/** Hears what comes in a channel. */
export interface ChannelListener {
  hear(text: string): void;
  /** Something may have been missed. */
  lost(): void;
}

interface Channel {
  readonly listeners: Set<ChannelListener>;
  /** Fulfilled when Redis knows of it. */
  readonly standing: Promise<void>;
}

interface Waiter {
  resolve(client: Client): void;
  reject(error: unknown): void;
}

type Client = ReturnType<typeof makeClient>;

/** Redis could not be reached, or cannot answer now: the same may succeed later. */
export class Away extends Error {}

/** Redis says that it cannot answer now. */
const awayReply = /^(LOADING|BUSY|MASTERDOWN|READONLY|TRYAGAIN|UNKILLABLE|ERR max number of clients)/;

const firstPauseMs = 50;
const maxPauseMs = 2000;

/**
 * One connection to Redis for everything, made when it is first needed and again when it is lost. Commands and channels
 * share it, as RESP3 allows, so that what is heard and what is answered come in the order of Redis.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #channels = new Map<string, Channel>();
  /** Those who wait for a client. */
  readonly #waiters = new Set<Waiter>();
  readonly #closing = new AbortController();
  #client: Client | undefined;
  #isConnecting = false;
  #trouble: unknown = new Error("no connection yet");

  /** @throws ConfigError for options that the client refuses */
  constructor(options: ConnectionOptions) {
    this.#options = options;
    try {
      makeClient(options).destroy();
    } catch (error) {
      throw new ConfigError("client", `the package redis does not take it, or the url: ${this.#describe(error)}`);
    }
  }

  get isReady(): boolean {
    return this.#client !== undefined;
  }

  /** Sends a command that changes nothing, again and again until Redis answers or the time is over. */
  read(args: readonly string[]): Promise<unknown> {
    const deadline = performance.now() + this.#options.maxWaitMs;
    const answer = async (): Promise<unknown> => {
      for (;;) {
        try {
          return await this.send(args);
        } catch (error) {
          if (!(error instanceof Away) || performance.now() >= deadline) throw error;
        }
      }
    };
    return this.#inTime(answer());
  }

  /** Sends a command once. Throws {@link Away} where the answer was lost, or may be another one later. */
  async send(args: readonly string[]): Promise<unknown> {
    const client = await this.#ready();
    const timer = setTimeout(() => this.#lose(client, noAnswer(this.#options)), this.#options.commandTimeoutMs);
    try {
      return await client.sendCommand<unknown>([...args]);
    } catch (error) {
      if (!(error instanceof ErrorReply)) this.#lose(client, error);
      else if (!awayReply.test(error.message)) throw this.#refused(error);
      else await this.#notNow(client, error);
      throw new Away();
    } finally {
      clearTimeout(timer);
    }
  }

  /** Listens to a channel; it stands when the promise is fulfilled. Gives the function that ends it. */
  async listen(name: string, listener: ChannelListener): Promise<() => void> {
    const channel = this.#channels.get(name) ?? { listeners: new Set(), standing: this.#subscribe(name) };
    this.#channels.set(name, channel);
    channel.listeners.add(listener);
    const leave = (): void => {
      channel.listeners.delete(listener);
      if (channel.listeners.size > 0 || this.#channels.get(name) !== channel) return;
      this.#channels.delete(name);
      this.#client?.unsubscribe(name).catch(() => {});
    };
    try {
      await this.#inTime(channel.standing);
      return leave;
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** Says what became of something that waited too long. */
  tooLate(): CacheError {
    const why = this.#describe(this.#trouble);
    const message = `Redis did not answer within ${this.#options.maxWaitMs} ms: ${why}`;
    return new CacheError(message, { kind: "unavailable" });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const { reject } of this.#waiters) reject(closed());
    this.#waiters.clear();
    this.#client?.destroy();
    this.#client = undefined;
  }

  #ready(): Promise<Client> {
    return new Promise((resolve, reject) => {
      if (this.#closing.signal.aborted) return reject(closed());
      if (this.#client) return resolve(this.#client);
      this.#waiters.add({ resolve, reject });
      void this.#connect();
    });
  }

  async #connect(): Promise<void> {
    if (this.#isConnecting) return;
    this.#isConnecting = true;
    for (let attempt = 0; !this.#closing.signal.aborted; attempt++) {
      const client = makeClient(this.#options);
      client.on("error", (error) => this.#lose(client, error));
      try {
        await this.#open(client);
        this.#client = client;
        break;
      } catch (error) {
        client.destroy();
        this.#trouble = error;
        const isRefused = error instanceof ErrorReply && !awayReply.test(error.message);
        if (isRefused) this.#settle(({ reject }) => reject(this.#refused(error)));
        // Many processes that lost the same Redis do not come back all at once.
        await this.#pause(Math.min(maxPauseMs, firstPauseMs * 2 ** attempt) * (0.5 + Math.random()));
      }
    }
    this.#isConnecting = false;
    const client = this.#client;
    if (!client) return;
    if (this.#closing.signal.aborted) return client.destroy();
    this.#settle(({ resolve }) => resolve(client));
  }

  /** Connects and subscribes to all channels, in good time: a Redis that hangs takes connections too. */
  async #open(client: Client): Promise<void> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      client.destroy();
    }, this.#options.commandTimeoutMs);
    try {
      await client.connect();
      const standing = new Set<string>();
      for (;;) {
        const names = [...this.#channels.keys()].filter((name) => !standing.has(name));
        if (names.length === 0) return;
        await client.subscribe(names, this.#onMessage);
        for (const name of names) standing.add(name);
      }
    } catch (error) {
      throw isLate ? noAnswer(this.#options) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #subscribe(name: string): Promise<void> {
    const client = this.#client;
    if (client) {
      try {
        return await client.subscribe(name, this.#onMessage);
      } catch (error) {
        if (error instanceof ErrorReply) throw this.#refused(error);
        this.#lose(client, error);
      }
    }
    // The next client subscribes to all channels before anything else.
    await this.#ready();
  }

  readonly #onMessage = (text: string, name: string): void => {
    for (const { hear } of this.#channels.get(name)?.listeners ?? []) hear(text);
  };

  /** Gives a client up: what waits for its answers hears of it. */
  #lose(client: Client, why: unknown): void {
    if (client !== this.#client) return;
    this.#client = undefined;
    this.#trouble = why;
    client.destroy();
    if (this.#channels.size > 0) void this.#connect();
    for (const { listeners } of this.#channels.values()) for (const { lost } of listeners) lost();
  }

  async #notNow(client: Client, error: ErrorReply): Promise<void> {
    // Another one writes by now: it is found by connecting anew.
    if (error.message.startsWith("READONLY")) this.#lose(client, error);
    this.#trouble = error;
    await this.#pause(firstPauseMs);
  }

  #settle(settle: (waiter: Waiter) => void): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    waiters.forEach(settle);
  }

  #inTime<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(this.tooLate()), this.#options.maxWaitMs);
      promise
        .then(resolve, (error) => reject(error instanceof Away ? this.tooLate() : error))
        .finally(() => clearTimeout(timer));
    });
  }

  /** Ends early when the connection is closed. */
  #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end, { once: true });
    });
  }

  #refused(error: ErrorReply): CacheError {
    return new CacheError(`Redis refused: ${this.#describe(error)}`, { kind: "refused" });
  }

  /** Without the password, which an error may quote. Hence no `cause` either. */
  #describe(error: unknown): string {
    const { url, client } = this.#options;
    const { password } = new URL(url);
    const secrets = [password, decoded(password), client.password ?? ""].filter((secret) => secret !== "");
    return secrets.reduce((text, secret) => text.replaceAll(secret, "…"), maskSecrets(errorMessage(error)));
  }
}

function makeClient({ url, client, commandTimeoutMs }: ConnectionOptions) {
  return createClient({
    ...client,
    url,
    RESP: 3,
    maintNotifications: "disabled",
    // It is not asked to queue and to reconnect: what was lost on the way must be known here.
    disableOfflineQueue: true,
    socket: { connectTimeout: commandTimeoutMs, ...client.socket, reconnectStrategy: false },
  });
}

/** A text that is not encoded as it should be is left as it is: the client says so. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function noAnswer({ commandTimeoutMs }: ConnectionOptions): Error {
  return new Error(`no answer within ${commandTimeoutMs} ms`);
}

/** What is thrown once a cache is closed. */
export function closed(): CacheError {
  return new CacheError("the cache was closed", { kind: "closed" });
}
