import { CacheError } from "./cache-error.ts";
import { isWithin, type ScopePath } from "./scope-path.ts";
import type { Kind, Listener, Storage } from "./storage.ts";
import { TextQueue } from "./text-queue.ts";
import { WaitingReaders } from "./waiting-readers.ts";

interface Expiring {
  readonly text: string;
  /** In milliseconds of `performance.now()`: of a clock that nobody sets. */
  readonly expiresAt: number;
}

interface Mailbox {
  readonly texts: TextQueue;
  readonly readers: WaitingReaders;
}

interface Holder {
  readonly owner: string;
  readonly expiresAt: number;
}

/** After so many changes what has expired is looked for. */
const changesPerSweep = 1000;

/** Keeps everything in this process. */
export class MemoryStorage implements Storage {
  readonly #values = new Map<string, Expiring>();
  readonly #mailboxes = new Map<string, Mailbox>();
  readonly #channels = new Map<string, Set<Listener>>();
  readonly #holders = new Map<string, Holder>();
  readonly #lockWaiters = new Map<string, WaitingReaders>();
  #lastToken = 0;
  #changes = 0;
  #isClosed = false;

  async get(names: readonly string[]): Promise<(string | undefined)[]> {
    this.#checkOpen();
    return names.map((name) => this.#live(name));
  }

  async set(name: string, text: string, ttlMs: number | undefined): Promise<void> {
    this.#checkOpen();
    if (++this.#changes % changesPerSweep === 0) this.#sweep();
    this.#values.set(name, {
      text,
      expiresAt: ttlMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + ttlMs,
    });
  }

  async replace(
    name: string,
    before: string | undefined,
    after: string | undefined,
    ttlMs: number | undefined,
  ): Promise<boolean> {
    this.#checkOpen();
    if (this.#live(name) !== before) return false;
    if (after === undefined) this.#values.delete(name);
    else await this.set(name, after, ttlMs);
    return true;
  }

  async delete(kind: Kind, names: readonly string[]): Promise<number> {
    this.#checkOpen();
    return names.filter((name) => (kind === "value" ? this.#deleteValue(name) : this.#empty(name))).length;
  }

  async list(kind: Kind, path: ScopePath): Promise<string[]> {
    this.#checkOpen();
    this.#sweep();
    const names = kind === "value" ? this.#values.keys() : this.#fullMailboxes();
    return [...names].filter((name) => isWithin(name, path));
  }

  async publish(mailbox: string, text: string): Promise<void> {
    this.#checkOpen();
    const { texts, readers } = this.#mailbox(mailbox);
    if (!readers.give(text)) texts.push(text);
  }

  async receive(
    mailbox: string,
    { timeoutMs, signal }: { timeoutMs: number | undefined; signal: AbortSignal | undefined },
  ): Promise<string | undefined> {
    this.#checkOpen();
    const { texts, readers } = this.#mailbox(mailbox);
    const text = texts.shift();
    if (text !== undefined || timeoutMs === 0) {
      this.#tidy(mailbox);
      return text;
    }
    try {
      return await readers.wait(timeoutMs, signal);
    } finally {
      this.#tidy(mailbox);
    }
  }

  async peek(mailbox: string, limit: number): Promise<string[]> {
    this.#checkOpen();
    return this.#mailboxes.get(mailbox)?.texts.first(limit) ?? [];
  }

  async broadcast(channel: string, text: string): Promise<void> {
    this.#checkOpen();
    for (const listener of this.#channels.get(channel) ?? []) listener.hear(text);
  }

  async subscribe(channel: string, listener: Listener): Promise<() => void> {
    this.#checkOpen();
    const listeners = this.#channels.get(channel) ?? new Set();
    this.#channels.set(channel, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#channels.delete(channel);
    };
  }

  async acquire(name: string, owner: string, ttlMs: number): Promise<number | undefined> {
    this.#checkOpen();
    const holder = this.#holders.get(name);
    const now = performance.now();
    if (holder && holder.expiresAt > now) return undefined;
    this.#holders.set(name, { owner, expiresAt: now + ttlMs });
    return ++this.#lastToken;
  }

  async renew(name: string, owner: string, ttlMs: number): Promise<boolean> {
    this.#checkOpen();
    const holder = this.#holders.get(name);
    const isHeld = holder?.owner === owner && holder.expiresAt > performance.now();
    if (isHeld) this.#holders.set(name, { owner, expiresAt: performance.now() + ttlMs });
    return isHeld;
  }

  async release(name: string, owner: string): Promise<void> {
    if (this.#holders.get(name)?.owner !== owner) return;
    this.#holders.delete(name);
    for (const waiter of this.#lockWaiters.get(name)?.all() ?? []) waiter.leave();
  }

  async whenReleased(name: string, ms: number, signal: AbortSignal | undefined): Promise<void> {
    const waiters = this.#lockWaiters.get(name) ?? new WaitingReaders();
    this.#lockWaiters.set(name, waiters);
    const leftMs = (this.#holders.get(name)?.expiresAt ?? 0) - performance.now();
    try {
      await waiters.wait(Math.max(1, Math.min(ms, leftMs)), signal);
    } finally {
      if (waiters.size === 0) this.#lockWaiters.delete(name);
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { readers } of this.#mailboxes.values()) readers.fail(closed());
    for (const waiters of this.#lockWaiters.values()) waiters.fail(closed());
    for (const listener of [...this.#channels.values()].flatMap((listeners) => [...listeners])) listener.end();
    this.#values.clear();
    this.#mailboxes.clear();
  }

  #live(name: string): string | undefined {
    const value = this.#values.get(name);
    if (value && value.expiresAt > performance.now()) return value.text;
    this.#values.delete(name);
    return undefined;
  }

  #deleteValue(name: string): boolean {
    const isThere = this.#live(name) !== undefined;
    this.#values.delete(name);
    return isThere;
  }

  #sweep(): void {
    const now = performance.now();
    for (const [name, { expiresAt }] of this.#values) if (expiresAt <= now) this.#values.delete(name);
  }

  #mailbox(name: string): Mailbox {
    const mailbox = this.#mailboxes.get(name) ?? { texts: new TextQueue(), readers: new WaitingReaders() };
    this.#mailboxes.set(name, mailbox);
    return mailbox;
  }

  #fullMailboxes(): string[] {
    return [...this.#mailboxes].filter(([, { texts }]) => texts.size > 0).map(([name]) => name);
  }

  /** Those who wait for its messages wait on. */
  #empty(name: string): boolean {
    const count = this.#mailboxes.get(name)?.texts.clear() ?? 0;
    this.#tidy(name);
    return count > 0;
  }

  /** Forgets a mailbox that holds nothing and that nobody waits at. */
  #tidy(name: string): void {
    const mailbox = this.#mailboxes.get(name);
    if (mailbox?.texts.size === 0 && mailbox.readers.size === 0) this.#mailboxes.delete(name);
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closed();
  }
}

function closed(): CacheError {
  return new CacheError("the cache was closed", { kind: "closed" });
}
