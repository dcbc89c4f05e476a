import { findRedis, type RedisServer, startRedis } from "@millrace/fixtures";
import { afterAll, beforeAll, describe, it } from "vitest";
import { RedisCache } from "./redis.ts";
import { cacheConformance } from "./testing.ts";

describe.skipIf(!findRedis())("a cache in Redis", () => {
  let server: RedisServer;
  let namespaces = 0;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  const open = () => {
    // Special in a pattern, so that a namespace is never one.
    const options = { url: server.url, namespace: `n[${namespaces++}]*:` };
    return [new RedisCache(options), new RedisCache(options)] as const;
  };
  for (const { name, run } of cacheConformance({ open })) it(name, run);
});
