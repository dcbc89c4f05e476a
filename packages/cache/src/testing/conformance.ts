import type { Cache } from "../cache.ts";
import { lockChecks } from "./lock-checks.ts";
import { messageChecks } from "./message-checks.ts";
import { scopeChecks } from "./scope-checks.ts";
import { valueChecks } from "./value-checks.ts";

/** What a cache brings to {@link cacheConformance}. */
export interface CacheConformanceOptions {
  /**
   * Opens a storage that is empty, twice: as two processes would. A cache that only one can have gives it twice. Both are
   * closed at the end of the check.
   */
  open(): readonly [Cache, Cache] | Promise<readonly [Cache, Cache]>;
}

/** One check, for any test runner. */
export interface CacheConformanceCheck {
  name: string;
  /** Throws if the cache breaks its contract. */
  run(): Promise<void>;
}

/** What a check does with the two. */
export type CheckBody = (cache: Cache, other: Cache) => Promise<void>;

/**
 * The contract of {@link Cache} as a suite of checks.
 *
 * @example
 * ```ts
 * import { test } from "node:test";
 * import { MemoryCache } from "@millrace/cache";
 * import { cacheConformance } from "@millrace/cache/testing";
 *
 * const open = () => {
 *   const cache = new MemoryCache();
 *   return [cache, cache] as const;
 * };
 * for (const check of cacheConformance({ open })) test(check.name, check.run);
 * ```
 */
export function cacheConformance(options: CacheConformanceOptions): CacheConformanceCheck[] {
  const bodies = { ...valueChecks, ...scopeChecks, ...messageChecks, ...lockChecks };
  return Object.entries(bodies).map(([name, body]) => ({ name, run: () => check(options, body) }));
}

async function check({ open }: CacheConformanceOptions, body: CheckBody): Promise<void> {
  const [cache, other] = await open();
  await using _cache = cache;
  await using _other = other;
  await body(cache, other);
}
