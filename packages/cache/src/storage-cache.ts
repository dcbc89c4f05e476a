import { ConfigError } from "millrace";
import type {
  Cache,
  KeyOptions,
  ListOptions,
  Lock,
  LockOptions,
  PeekOptions,
  ReceiveOptions,
  Scope,
  SetOptions,
  SubscribeOptions,
  Subscription,
} from "./cache.ts";
import { checkCount, checkKey, checkMs, checkScope } from "./checks.ts";
import { holdLock } from "./held-lock.ts";
import { type ScopeContext, scopeContext } from "./scope-context.ts";
import { keyIn, nameOf, type ScopePath, wholeCache, within } from "./scope-path.ts";
import { deserialize, serialize } from "./serialize.ts";
import type { Kind, Storage } from "./storage.ts";
import { BufferedSubscription } from "./subscription.ts";

/** A cache over a storage: scopes become names, values become texts. */
export class StorageCache implements Cache {
  readonly #storage: Storage;
  readonly #path: ScopePath;
  #context: ScopeContext | undefined;

  constructor(storage: Storage, path: ScopePath = wholeCache) {
    this.#storage = storage;
    this.#path = path;
  }

  async get<V = unknown>(key: string, options?: KeyOptions): Promise<V | undefined> {
    const [text] = await this.#storage.get([this.#name(key, options)]);
    return text === undefined ? undefined : deserialize<V>(text, key);
  }

  async set(key: string, value: unknown, options: SetOptions = {}): Promise<void> {
    checkMs(options.ttlMs, "ttlMs");
    await this.#storage.set(this.#name(key, options), serialize(value, key), options.ttlMs);
  }

  async update<V>(
    key: string,
    change: (value: V | undefined) => V | undefined,
    options: SetOptions = {},
  ): Promise<V | undefined> {
    checkMs(options.ttlMs, "ttlMs");
    const name = this.#name(key, options);
    for (;;) {
      const [before] = await this.#storage.get([name]);
      const value = change(before === undefined ? undefined : deserialize<V>(before, key));
      const after = value === undefined ? undefined : serialize(value, key);
      if (await this.#storage.replace(name, before, after, options.ttlMs)) return value;
    }
  }

  async delete(key: string, options?: KeyOptions): Promise<boolean> {
    return (await this.#storage.delete("value", [this.#name(key, options)])) > 0;
  }

  async keys(options?: ListOptions): Promise<string[]> {
    return (await this.#list("value", options)).map(({ key }) => key);
  }

  async getAll(options?: ListOptions): Promise<Map<string, unknown>> {
    const listed = await this.#list("value", options);
    const texts = await this.#storage.get(listed.map(({ name }) => name));
    const values = new Map<string, unknown>();
    for (const [index, { key }] of listed.entries()) {
      const text = texts[index];
      // One that was deleted meanwhile is not there.
      if (text !== undefined) values.set(key, deserialize(text, key));
    }
    return values;
  }

  async clear(): Promise<void> {
    const path = this.#current();
    await this.#storage.delete("value", await this.#storage.list("value", path));
    await this.#storage.delete("mailbox", await this.#storage.list("mailbox", path));
  }

  scoped(scope: Scope): Cache {
    checkScope(scope);
    return new StorageCache(this.#storage, within(this.#current(), scope));
  }

  inScope<T>(scope: Scope, run: () => T): T {
    checkScope(scope);
    this.#context ??= scopeContext();
    return this.#context.run(within(this.#current(), scope), run);
  }

  async publish(mailbox: string, message: unknown, options?: KeyOptions): Promise<void> {
    await this.#storage.publish(this.#name(mailbox, options), serialize(message, mailbox));
  }

  async receive<V = unknown>(mailbox: string, options: ReceiveOptions = {}): Promise<V | undefined> {
    const { timeoutMs, signal } = options;
    checkMs(timeoutMs, "timeoutMs", 0);
    signal?.throwIfAborted();
    const text = await this.#storage.receive(this.#name(mailbox, options), { timeoutMs, signal });
    return text === undefined ? undefined : deserialize<V>(text, mailbox);
  }

  async peek<V = unknown>(mailbox: string, options: PeekOptions = {}): Promise<V[]> {
    const { limit = Number.MAX_SAFE_INTEGER } = options;
    checkCount(limit, "limit");
    const texts = await this.#storage.peek(this.#name(mailbox, options), limit);
    return texts.map((text) => deserialize<V>(text, mailbox));
  }

  async mailboxes(options?: ListOptions): Promise<string[]> {
    return (await this.#list("mailbox", options)).map(({ key }) => key);
  }

  async broadcast(channel: string, message: unknown, options?: KeyOptions): Promise<void> {
    await this.#storage.broadcast(this.#name(channel, options), serialize(message, channel));
  }

  async subscribe<V = unknown>(channel: string, options: SubscribeOptions = {}): Promise<Subscription<V>> {
    const { maxBuffered = 1000, signal } = options;
    checkCount(maxBuffered, "maxBuffered");
    signal?.throwIfAborted();
    const subscription = new BufferedSubscription<V>(channel, maxBuffered);
    subscription.endBy(await this.#storage.subscribe(this.#name(channel, options), subscription), signal);
    return subscription;
  }

  async lock(name: string, options: LockOptions = {}): Promise<Lock> {
    checkMs(options.ttlMs, "ttlMs");
    checkMs(options.waitMs, "waitMs", 0);
    return holdLock(this.#storage, name, this.#name(name, options), options);
  }

  close(): Promise<void> {
    return this.#storage.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #current(): ScopePath {
    return this.#context?.current() ?? this.#path;
  }

  #name(key: string, { raw = false }: KeyOptions = {}): string {
    checkKey(key);
    if (!raw) return nameOf({ path: this.#current(), key });
    if (!key.isWellFormed()) throw new ConfigError("key", "expected a raw key that is valid Unicode");
    return key;
  }

  /** What there is: its full name, and its key as it is called here. */
  async #list(kind: Kind, { raw = false }: ListOptions = {}): Promise<{ name: string; key: string }[]> {
    const path = this.#current();
    const listed: { name: string; key: string }[] = [];
    for (const name of await this.#storage.list(kind, path)) {
      const key = raw ? name : keyIn(name, path);
      if (key !== undefined) listed.push({ name, key });
    }
    return listed;
  }
}
