import { ConfigError } from "millrace";
import { anything, type Check, fields, milliseconds, text } from "millrace/runs";
import type { RedisClientOptions } from "redis";
import { StorageCache } from "../storage-cache.ts";
import { RedisStorage } from "./redis-storage.ts";

/** Options of {@link RedisCache}. */
export interface RedisCacheOptions {
  /** `redis://` or, with TLS, `rediss://`; user, password and database may be in it. Default: `redis://localhost:6379`. */
  url?: string;
  /** Begins all keys: a cache sees nothing of another namespace, nor of what else is in this Redis. Default: `millrace`. */
  namespace?: string;
  /** How long an operation waits for a Redis that is away or does not answer, in milliseconds. Default: 10,000. */
  maxWaitMs?: number;
  /**
   * A connection on which a command gets no answer for so long is given up for a new one, in milliseconds. Default: 5,000.
   */
  commandTimeoutMs?: number;
  /** Further options of the client of the package `redis`, such as a password that is not in the URL, or certificates. */
  client?: RedisClientOptions;
}

/** For the modules of this package that keep more in a Redis than a cache does. */
export let storageOf: (cache: RedisCache) => RedisStorage;

/**
 * A cache in Redis 7 or later, or what speaks as it does (one server and its replicas, no cluster): shared by all processes
 * that use the same Redis and the same namespace. It connects when it is first used.
 *
 * A Redis that is away is waited for, `maxWaitMs` long; what changes something is carried out once, also where a connection
 * breaks. A change that failed as `unavailable` may have been made or not.
 *
 * @example
 * ```ts
 * import { RedisCache } from "@millrace/cache/redis";
 *
 * await using cache = new RedisCache({ url: "redis://localhost:6379", namespace: "shop" });
 * await cache.publish("orders", { id: 7n });
 * ```
 *
 * @throws ConfigError for an option that cannot work
 */
export class RedisCache extends StorageCache {
  static {
    storageOf = (cache) => cache.#storage;
  }

  readonly #storage: RedisStorage;

  constructor(options: RedisCacheOptions = {}) {
    checkOptions(options, "");
    const {
      url = "redis://localhost:6379",
      namespace = "millrace",
      maxWaitMs = 10_000,
      commandTimeoutMs = 5000,
    } = options;
    checkURL(url);
    const storage = new RedisStorage(namespace, { url, client: options.client ?? {}, maxWaitMs, commandTimeoutMs });
    super(storage);
    this.#storage = storage;
  }
}

const checkOptions = fields({
  url: text,
  namespace: text,
  maxWaitMs: milliseconds,
  commandTimeoutMs: milliseconds,
  client: anything,
} satisfies Record<keyof RedisCacheOptions, Check>);

/** Does not show the URL: it may hold a password. */
function checkURL(url: string): void {
  if (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol)) {
    throw new ConfigError("url", "expected one that begins with redis:// or rediss://");
  }
}
