import type { CacheError } from "./cache-error.ts";

/**
 * Where keys stand. Scopes nest, outer parts outside: the key `k` in the scopes `{ prefix: "a", suffix: "x" }` and, within
 * it, `{ prefix: "b", suffix: "y" }` has the full name `a/b:k:y/x`.
 */
export interface Scope {
  /** Stands before the key. An empty one counts as none. */
  readonly prefix?: string;
  /** Stands behind the key. An empty one counts as none. */
  readonly suffix?: string;
}

/** Options of what takes a key or the name of a mailbox. */
export interface KeyOptions {
  /**
   * Whether the key is a full name, as `keys({ raw: true })` gives it: used as it is, whatever the scope. Default: false.
   */
  readonly raw?: boolean;
}

/** Options of {@link Cache.keys}, {@link Cache.getAll} and {@link Cache.mailboxes}. */
export interface ListOptions {
  /**
   * False: the keys of this very scope, as `get()` takes them here. True: the full names of all that is in this scope and
   * in the scopes within it. Default: false.
   */
  readonly raw?: boolean;
}

/** Options of {@link Cache.set}. */
export interface SetOptions extends KeyOptions {
  /** The value is gone after so many milliseconds. Default: it stays. */
  readonly ttlMs?: number;
}

/** Options of {@link Cache.receive}. */
export interface ReceiveOptions extends KeyOptions {
  /** How long to wait for a message, in milliseconds; 0 asks once. Default: as long as it takes. */
  readonly timeoutMs?: number;
  /** Ends the wait: `receive()` throws its reason. A message that was on its way stays in the mailbox. */
  readonly signal?: AbortSignal;
}

/** Options of {@link Cache.peek}. */
export interface PeekOptions extends KeyOptions {
  /** How many messages at most. Default: all. */
  readonly limit?: number;
}

/** Options of {@link Cache.subscribe}. */
export interface SubscribeOptions extends KeyOptions {
  /** Ends the subscription. */
  readonly signal?: AbortSignal;
  /** So many messages are kept for a slow reader; beyond that the oldest are dropped. Default: 1,000. */
  readonly maxBuffered?: number;
}

/**
 * The messages of a channel from the moment of the subscription on. Ends when it is left, disposed of or aborted, or when
 * the cache is closed.
 */
export interface Subscription<V> extends AsyncIterableIterator<V, undefined>, AsyncDisposable {
  /** How many messages were dropped because they were read too slowly. */
  readonly dropped: number;
  return(): Promise<IteratorResult<V, undefined>>;
}

/** Options of {@link Cache.lock}. */
export interface LockOptions extends KeyOptions {
  /**
   * A holder that is dead or cut off loses the lock after so many milliseconds; one that is alive renews it. Default: 10,000.
   */
  readonly ttlMs?: number;
  /** How long to wait for another holder, in milliseconds; 0 asks once. Default: as long as it takes. */
  readonly waitMs?: number;
  /** Ends the wait: `lock()` throws its reason. */
  readonly signal?: AbortSignal;
}

/** A lock that is held, until it is released or disposed of. */
export interface Lock extends AsyncDisposable {
  /** Greater than that of every holder before: whoever writes for the holder can refuse a smaller one that comes late. */
  readonly token: number;
  /** Aborts with a {@link CacheError} of kind `lock-lost` when the lock could not be renewed: another may hold it now. */
  readonly signal: AbortSignal;
  /** Gives the lock up. A lock that another holds by now stays with it. */
  release(): Promise<void>;
}

/**
 * Values, mailboxes, channels and locks, shared by all who use the same storage.
 *
 * Values and messages are copies: plain data with dates, bigints, maps, sets, typed arrays, `undefined` inside objects,
 * repeated and circular references kept. Functions, symbols and instances of classes are refused with a {@link CacheError} of
 * kind `unserializable`. `undefined` itself is no value: it is what a missing key gives.
 *
 * Each method is atomic, except `getAll()` and `clear()`, which go from key to key. Each throws a {@link CacheError}:
 * `unavailable` where the storage does not answer, `closed` after `close()`.
 */
export interface Cache extends AsyncDisposable {
  /** The value of a key; undefined where there is none. A default is written `(await cache.get(key)) ?? byDefault`. */
  get<V = unknown>(key: string, options?: KeyOptions): Promise<V | undefined>;
  /** Sets a value, in place of one that is there and of its time to live. */
  set(key: string, value: unknown, options?: SetOptions): Promise<void>;
  /**
   * Changes a value so that no change in between is lost. `change` gets the value and gives the new one, or undefined to
   * delete it; it is called again when another was faster. Gives the new value.
   *
   * @example
   * ```ts
   * import { MemoryCache } from "@millrace/cache";
   *
   * const cache = new MemoryCache();
   * const visits = await cache.update<number>("visits", (before = 0) => before + 1);
   * ```
   */
  update<V>(key: string, change: (value: V | undefined) => V | undefined, options?: SetOptions): Promise<V | undefined>;
  /** Deletes a value. False where there was none. */
  delete(key: string, options?: KeyOptions): Promise<boolean>;
  /** The keys that have a value, in no order. */
  keys(options?: ListOptions): Promise<string[]>;
  /** The keys and their values, in no order. */
  getAll(options?: ListOptions): Promise<Map<string, unknown>>;
  /** Deletes the values and the mailboxes of this scope and of the scopes within it, and nothing else. */
  clear(): Promise<void>;

  /**
   * The same cache in a scope within the current one. A view stands where it was made: the scope of who uses it does not
   * matter. Closing it closes the cache.
   */
  scoped(scope: Scope): Cache;
  /**
   * Runs `run` and all that it awaits with this cache in a scope within the current one; what runs beside is not touched.
   * Gives what `run` gives.
   *
   * @throws ConfigError where the runtime has no `node:async_hooks`: use {@link Cache.scoped}
   */
  inScope<T>(scope: Scope, run: () => T): T;

  /** Adds a message to the end of a mailbox. It is there when the promise is fulfilled. */
  publish(mailbox: string, message: unknown, options?: KeyOptions): Promise<void>;
  /**
   * Takes the oldest message of a mailbox, or waits for one; undefined when the time is over. Each message goes to one
   * reader only; those who wait longest in a process are served first.
   */
  receive<V = unknown>(mailbox: string, options?: ReceiveOptions): Promise<V | undefined>;
  /** Copies of the messages that wait in a mailbox, the oldest first. */
  peek<V = unknown>(mailbox: string, options?: PeekOptions): Promise<V[]>;
  /** The names of the mailboxes that hold messages, in no order. */
  mailboxes(options?: ListOptions): Promise<string[]>;

  /** Sends a message to all who have subscribed to a channel now. Nobody else will see it. */
  broadcast(channel: string, message: unknown, options?: KeyOptions): Promise<void>;
  /** Subscribes to a channel. The subscription stands when the promise is fulfilled. */
  subscribe<V = unknown>(channel: string, options?: SubscribeOptions): Promise<Subscription<V>>;

  /**
   * Waits until nobody else holds the lock of this name.
   *
   * @throws {@link CacheError} of kind `locked` when `waitMs` is over
   *
   * @example
   * ```ts
   * import { MemoryCache } from "@millrace/cache";
   *
   * const cache = new MemoryCache();
   * await using lock = await cache.lock("nightly-report", { waitMs: 0 });
   * ```
   */
  lock(name: string, options?: LockOptions): Promise<Lock>;

  /** Ends what waits with a {@link CacheError} of kind `closed` and lets go of the storage. `await using` does it too. */
  close(): Promise<void>;
}
