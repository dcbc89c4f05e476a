import type { Lock, LockOptions } from "./cache.ts";
import { CacheError } from "./cache-error.ts";
import type { Storage } from "./storage.ts";

/** A lock is asked for again at least so often while another holds it, in milliseconds. */
const maxPauseMs = 1000;

/** Waits for a lock and keeps it until it is released. */
export async function holdLock(storage: Storage, key: string, name: string, options: LockOptions): Promise<Lock> {
  const { ttlMs = 10_000, waitMs = Number.POSITIVE_INFINITY, signal } = options;
  const owner = crypto.randomUUID();
  const deadline = performance.now() + waitMs;
  for (;;) {
    signal?.throwIfAborted();
    const asked = performance.now();
    const token = await storage.acquire(name, owner, ttlMs);
    if (token !== undefined) {
      const lock = new HeldLock({ storage, key, name, owner, ttlMs, token, asked });
      if (signal?.aborted) await lock.release();
      signal?.throwIfAborted();
      return lock;
    }
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) throw new CacheError(`another holds the lock ${JSON.stringify(key)}`, { kind: "locked", key });
    await storage.whenReleased(name, Math.min(leftMs, ttlMs, maxPauseMs), signal);
  }
}

interface Holding {
  readonly storage: Storage;
  readonly key: string;
  readonly name: string;
  readonly owner: string;
  readonly ttlMs: number;
  readonly token: number;
  /** When it was asked for: it is held for `ttlMs` from then on. */
  readonly asked: number;
}

class HeldLock implements Lock {
  readonly token: number;
  readonly signal: AbortSignal;
  readonly #holding: Holding;
  readonly #lost = new AbortController();
  readonly #renewal: ReturnType<typeof setInterval>;
  #expiry: ReturnType<typeof setTimeout> | undefined;
  #isReleased = false;

  constructor(holding: Holding) {
    this.#holding = holding;
    this.token = holding.token;
    this.signal = this.#lost.signal;
    this.#renewal = inBackground(setInterval(() => this.#renew(), holding.ttlMs / 3));
    this.#expireAfter(holding.asked);
  }

  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#stop();
    await this.#holding.storage.release(this.#holding.name, this.#holding.owner);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #renew(): Promise<void> {
    const { storage, name, owner, ttlMs } = this.#holding;
    const asked = performance.now();
    // While the storage is away the lock is held until its time is over.
    const isHeld = await storage.renew(name, owner, ttlMs).catch(() => undefined);
    if (this.#isReleased || isHeld === undefined) return;
    if (isHeld) this.#expireAfter(asked);
    else this.#lose();
  }

  #expireAfter(asked: number): void {
    clearTimeout(this.#expiry);
    const leftMs = asked + this.#holding.ttlMs - performance.now();
    this.#expiry = inBackground(setTimeout(() => this.#lose(), Math.max(0, leftMs)));
  }

  #lose(): void {
    const { key } = this.#holding;
    this.#stop();
    const message = `the lock ${JSON.stringify(key)} could not be renewed in time; another may hold it now`;
    this.#lost.abort(new CacheError(message, { kind: "lock-lost", key }));
  }

  #stop(): void {
    this.#isReleased = true;
    clearInterval(this.#renewal);
    clearTimeout(this.#expiry);
  }
}

/** A lock that is forgotten keeps no process alive. */
function inBackground<Timer>(timer: Timer): Timer {
  if (typeof timer === "object" && timer !== null && "unref" in timer && typeof timer.unref === "function")
    timer.unref();
  return timer;
}
