import { findRedis, type RedisServer, startRedis } from "@millrace/fixtures";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisCache } from "../src/redis.ts";

describe.skipIf(!findRedis())("the names that Redis keeps for a cache", () => {
  let server: RedisServer;
  let raw: ReturnType<typeof createClient>;
  beforeAll(async () => {
    server = await startRedis();
    raw = createClient({ url: server.url });
    await raw.connect();
  });
  afterAll(async () => {
    raw.destroy();
    await server.stop();
  });

  it("go with their values and mailboxes", async () => {
    await using cache = new RedisCache({ url: server.url, namespace: "gone" });
    for (const key of ["deleted", "updated", "expired", "deleted by others", "kept"]) await cache.set(key, 1);
    await cache.delete("deleted");
    await cache.update("updated", () => undefined);
    await cache.set("expired", 1, { ttlMs: 1 });
    await raw.del("gone:value:deleted by others");
    await expect.poll(() => cache.keys()).toEqual(["kept"]);
    expect(await raw.zRange("gone:names:value", 0, -1)).toEqual(["kept"]);
    expect(await raw.zCard("gone:expiring:value")).toBe(0);
    await cache.publish("box", 1);
    await cache.publish("box", 2);
    await cache.receive("box");
    expect(await cache.mailboxes()).toEqual(["box"]);
    await cache.receive("box");
    expect(await raw.exists("gone:names:mailbox")).toBe(0);
  });

  it("are not kept for what expires and is never asked for", async () => {
    await using cache = new RedisCache({ url: server.url, namespace: "unseen" });
    for (let index = 0; index < 300; index++) await cache.set(`flag ${index}`, 1, { ttlMs: 1 });
    expect(await raw.zCard("unseen:names:value")).toBeLessThan(100);
  });

  it("are looked at in one scope, however many there are beside it", async () => {
    await using cache = new RedisCache({ url: server.url, namespace: "many" });
    const others = ["a", "ab", "b", "b0", "b;"].map((prefix) => cache.scoped({ prefix }));
    for (const other of others) {
      await Promise.all(Array.from({ length: 1000 }, (_, index) => other.set(`${index}`, index)));
    }
    const scope = cache.scoped({ prefix: "b" }).scoped({ prefix: "c" });
    await scope.set("key", 1);
    await scope.scoped({ prefix: "d", suffix: "s" }).set("key", 2);
    await raw.configResetStat();
    expect(new Set(await scope.keys({ raw: true }))).toEqual(new Set(["b/c/d:key:s", "b/c:key"]));
    const stats = await raw.info("commandstats");
    // Two ranges, each until it is empty.
    expect(stats).toMatch(/cmdstat_zrangebylex:calls=[2-4],/);
    expect(stats).not.toContain("cmdstat_scan");
    expect((await cache.scoped({ prefix: "b" }).keys({ raw: true })).length).toBe(1002);
  });
});
