import { escapePart, isWithin, type ScopePath } from "../scope-path.ts";
import type { Kind, Listener, Storage } from "../storage.ts";
import { Bell } from "./bell.ts";
import { Changes } from "./changes.ts";
import { Connection, type ConnectionOptions, closed } from "./connection.ts";
import { RedisMailboxes } from "./redis-mailboxes.ts";
import { textOf, textsOf } from "./replies.ts";

/** So many keys go into one command at most. */
const maxKeys = 500;

/** Keeps everything in Redis, under keys that begin with the namespace. */
export class RedisStorage implements Storage {
  readonly connection: Connection;
  readonly changes: Changes;
  readonly #mailboxes: RedisMailboxes;
  readonly #root: string;
  readonly #listeners = new Set<Listener>();
  readonly #closing = new AbortController();

  constructor(namespace: string, options: ConnectionOptions) {
    this.#root = escapePart(namespace);
    this.connection = new Connection(options);
    this.changes = new Changes(this.connection, this.key("session", crypto.randomUUID()), options.maxWaitMs);
    this.#mailboxes = new RedisMailboxes(this.connection, this.changes);
  }

  /** The Redis key of a name of some kind. */
  key(
    kind: Kind | "names" | "session" | "channel" | "lock" | "run" | "lines" | "chat" | "tokens",
    name: string,
  ): string {
    return `${this.#root}:${kind}:${name}`;
  }

  async get(names: readonly string[]): Promise<(string | undefined)[]> {
    const texts: (string | undefined)[] = [];
    for (const some of chunks(names.map((name) => this.key("value", name)))) {
      const reply = await this.connection.read(["MGET", ...some]);
      texts.push(...(Array.isArray(reply) ? reply.map(textOf) : []));
    }
    return texts;
  }

  async set(name: string, text: string, ttlMs: number | undefined): Promise<void> {
    await this.changes.make(["set", this.key("value", name), text, toText(ttlMs)]);
  }

  async replace(
    name: string,
    before: string | undefined,
    after: string | undefined,
    ttlMs: number | undefined,
  ): Promise<boolean> {
    const args = [this.key("value", name), optional(before), optional(after), toText(ttlMs)];
    return (await this.changes.make(["replace", ...args])) === 1;
  }

  async delete(kind: Kind, names: readonly string[]): Promise<number> {
    let count = 0;
    for (const some of chunks(names.map((name) => this.key(kind, name)))) {
      count += Number(await this.changes.make(["delete", ...some]));
    }
    return count;
  }

  async list(kind: Kind, path: ScopePath): Promise<string[]> {
    const names: string[] = [];
    for (const [from, to] of rangesOf(path)) {
      for (let start = from; ; ) {
        const range = [start, to, "LIMIT", "0", String(maxKeys)];
        const noted = textsOf(await this.connection.read(["ZRANGEBYLEX", this.key("names", kind), ...range]));
        names.push(...(await this.#existing(kind, noted)));
        const last = noted.at(-1);
        if (last === undefined) break;
        start = `(${last}`;
      }
    }
    return names.filter((name) => isWithin(name, path));
  }

  /** The names of what is there still; the others are forgotten. */
  async #existing(kind: Kind, names: readonly string[]): Promise<readonly string[]> {
    if (names.length === 0) return names;
    const count = await this.connection.read(["EXISTS", ...names.map((name) => this.key(kind, name))]);
    if (count === names.length) return names;
    const counts = await Promise.all(names.map((name) => this.connection.read(["EXISTS", this.key(kind, name)])));
    const gone = names.filter((_, index) => counts[index] === 0);
    await this.changes.make(["forgetGone", ...gone.map((name) => this.key(kind, name))]);
    return names.filter((_, index) => counts[index] !== 0);
  }

  async publish(mailbox: string, text: string): Promise<void> {
    await this.changes.make(["push", this.key("mailbox", mailbox), text]);
  }

  receive(
    mailbox: string,
    { timeoutMs, signal }: { timeoutMs: number | undefined; signal: AbortSignal | undefined },
  ): Promise<string | undefined> {
    if (this.#closing.signal.aborted) return Promise.reject(closed());
    return this.#mailboxes.receive(this.key("mailbox", mailbox), timeoutMs, signal);
  }

  async peek(mailbox: string, limit: number): Promise<string[]> {
    return textsOf(await this.connection.read(["LRANGE", this.key("mailbox", mailbox), "0", String(limit - 1)]));
  }

  async broadcast(channel: string, text: string): Promise<void> {
    await this.changes.make(["broadcast", this.key("channel", channel), text]);
  }

  async subscribe(channel: string, listener: Listener): Promise<() => void> {
    const leave = await this.connection.listen(this.key("channel", channel), {
      hear: (text) => listener.hear(text),
      lost: () => {},
    });
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      leave();
    };
  }

  async acquire(name: string, owner: string, ttlMs: number): Promise<number | undefined> {
    const args = [this.key("lock", name), this.key("tokens", ""), owner, toText(ttlMs)];
    // One that is won after it was given up is let go.
    const onLate = (): void => void this.release(name, owner).catch(() => {});
    const token = await this.changes.make(["acquire", ...args], { onLate });
    return typeof token === "number" ? token : undefined;
  }

  async renew(name: string, owner: string, ttlMs: number): Promise<boolean> {
    return (await this.changes.make(["renew", this.key("lock", name), owner, toText(ttlMs)])) === 1;
  }

  async release(name: string, owner: string): Promise<void> {
    await this.changes.make(["release", this.key("lock", name), owner]);
  }

  async whenReleased(name: string, ms: number, signal: AbortSignal | undefined): Promise<void> {
    const key = this.key("lock", name);
    const bell = new Bell([this.#closing.signal, ...(signal ? [signal] : [])]);
    const leave = await this.connection.listen(key, { hear: bell.ring, lost: bell.ring });
    try {
      // It may have been released before.
      const leftMs = Number(await this.connection.read(["PTTL", key]));
      if (leftMs > 0) await bell.wait(Math.min(ms, leftMs + 1));
    } finally {
      leave();
      bell.end();
    }
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#mailboxes.fail(closed());
    for (const listener of [...this.#listeners]) listener.end();
    await this.changes.close();
    await this.connection.close();
  }
}

function* chunks(keys: readonly string[]): Generator<readonly string[]> {
  for (let from = 0; from < keys.length; from += maxKeys) yield keys.slice(from, from + maxKeys);
}

function optional(text: string | undefined): string {
  return text === undefined ? "" : `=${text}`;
}

/** Whole milliseconds, as Redis takes them. */
export function toText(ms: number | undefined): string {
  return ms === undefined ? "" : String(Math.ceil(ms));
}

/** Where the names of a scope, and of those within it, stand among all names in order: behind `prefix/` and `prefix:`. */
function rangesOf({ prefixes }: ScopePath): [from: string, to: string][] {
  const prefix = prefixes.map(escapePart).join("/");
  // In the order of their bytes, `0` comes next after `/`, and `;` after `:`.
  return prefix === ""
    ? [["-", "+"]]
    : [
        [`[${prefix}/`, `(${prefix}0`],
        [`[${prefix}:`, `(${prefix};`],
      ];
}
