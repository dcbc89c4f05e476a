import { MemoryStorage } from "./memory-storage.ts";
import { StorageCache } from "./storage-cache.ts";

/**
 * A cache in this process: for one process, and for tests. Values and messages are copies, as in every cache.
 *
 * @example
 * ```ts
 * import { MemoryCache } from "@millrace/cache";
 *
 * await using cache = new MemoryCache();
 * await cache.set("plan", { steps: ["look", "leap"], begun: new Date() }, { ttlMs: 60_000 });
 * ```
 */
export class MemoryCache extends StorageCache {
  constructor() {
    super(new MemoryStorage());
  }
}
