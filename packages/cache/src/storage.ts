import type { ScopePath } from "./scope-path.ts";

/** What a name can stand for. */
export type Kind = "value" | "mailbox";

/** Hears the messages of a channel, and their end. */
export interface Listener {
  hear(text: string): void;
  end(): void;
}

/**
 * Where a cache keeps texts under full names. A cache adds scopes and values to it. All methods throw a `CacheError`, and
 * each is atomic.
 */
export interface Storage {
  get(names: readonly string[]): Promise<readonly (string | undefined)[]>;
  set(name: string, text: string, ttlMs: number | undefined): Promise<void>;
  /** Sets or deletes a text where it is still `before`. */
  replace(
    name: string,
    before: string | undefined,
    after: string | undefined,
    ttlMs: number | undefined,
  ): Promise<boolean>;
  /** How many were there. */
  delete(kind: Kind, names: readonly string[]): Promise<number>;
  /** The full names in a scope, and in the scopes within it. */
  list(kind: Kind, path: ScopePath): Promise<readonly string[]>;

  publish(mailbox: string, text: string): Promise<void>;
  receive(
    mailbox: string,
    options: { timeoutMs: number | undefined; signal: AbortSignal | undefined },
  ): Promise<string | undefined>;
  /** The first texts of a mailbox. */
  peek(mailbox: string, limit: number): Promise<readonly string[]>;

  broadcast(channel: string, text: string): Promise<void>;
  /** Gives the function that ends the subscription. */
  subscribe(channel: string, listener: Listener): Promise<() => void>;

  /** The token of a lock that was free. */
  acquire(name: string, owner: string, ttlMs: number): Promise<number | undefined>;
  /** False where another holds it. */
  renew(name: string, owner: string, ttlMs: number): Promise<boolean>;
  release(name: string, owner: string): Promise<void>;
  /** Waits until a lock may be free, at most `ms`. */
  whenReleased(name: string, ms: number, signal: AbortSignal | undefined): Promise<void>;

  close(): Promise<void>;
}
