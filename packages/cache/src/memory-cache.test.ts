import { afterEach, describe, expect, it, test, vi } from "vitest";
import { MemoryCache } from "./memory-cache.ts";
import { cacheConformance } from "./testing.ts";

describe("a cache in memory", () => {
  const open = () => {
    const cache = new MemoryCache();
    return [cache, cache] as const;
  };
  for (const { name, run } of cacheConformance({ open })) it(name, run);
});

afterEach(() => {
  vi.restoreAllMocks();
});

test.each([1, -1])("a clock that is set by %i hours ends no lock, no value and no wait", async (hours) => {
  await using cache = new MemoryCache();
  await using _lock = await cache.lock("l", { ttlMs: 60_000 });
  await cache.set("k", 1, { ttlMs: 60_000 });
  await cache.set("short", 1, { ttlMs: 1 });
  const { now } = Date;
  const waiting = cache.lock("l", { waitMs: 20 });
  vi.spyOn(Date, "now").mockImplementation(() => now() + hours * 3_600_000);
  await expect(waiting).rejects.toMatchObject({ kind: "locked" });
  expect(await cache.get("k")).toBe(1);
  expect(await cache.get("short")).toBeUndefined();
});

test("refuses keys that are none", async () => {
  await using cache = new MemoryCache();
  for (const key of ["null", "5", "{}"]) {
    await expect(cache.get(JSON.parse(key))).rejects.toMatchObject({ name: "ConfigError", option: "key" });
  }
});
