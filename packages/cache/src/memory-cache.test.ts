import { describe, it } from "vitest";
import { MemoryCache } from "./memory-cache.ts";
import { cacheConformance } from "./testing.ts";

describe("a cache in memory", () => {
  const open = () => {
    const cache = new MemoryCache();
    return [cache, cache] as const;
  };
  for (const { name, run } of cacheConformance({ open })) it(name, run);
});
