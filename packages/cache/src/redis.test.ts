import { findRedis, type RedisServer, startRedis } from "@millrace/fixtures";
import { ConfigError } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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

it.each([
  ["a slip of the pen", '{ "namesapce": "shop" }', "no such option"],
  ["an empty namespace", '{ "namespace": "" }', "namespace"],
  ["a namespace that is none", '{ "namespace": 5 }', "namespace"],
  ["no time", '{ "maxWaitMs": 0 }', "maxWaitMs"],
  ["no options", "null", "options"],
])("refuses %s", (_, json, message) => {
  expect(() => new RedisCache(JSON.parse(json))).toThrow(ConfigError);
  expect(() => new RedisCache(JSON.parse(json))).toThrow(message);
});
