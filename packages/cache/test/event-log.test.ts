import { findRedis, type RedisServer, startRedis } from "@millrace/fixtures";
import { attach, type EventLog } from "@millrace/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { detach, respond, testEventLog, text } from "../../server/test/event-log-suite.ts";
import { all, pause, textIn } from "../../server/test/serve.ts";
import { type RedisEventLogOptions, redisEventLog } from "../src/event-log.ts";
import { RedisCache } from "../src/redis.ts";

describe.skipIf(!findRedis())("an event log", () => {
  let server: RedisServer;
  const caches: RedisCache[] = [];
  let namespaces = 0;
  beforeAll(async () => {
    server = await startRedis({ appendOnly: true });
  });
  afterAll(async () => {
    for (const cache of caches) await cache.close();
    await server.stop();
  });

  function openCache(namespace = `log-${namespaces++}`): RedisCache {
    const cache = new RedisCache({ url: server.url, namespace });
    caches.push(cache);
    return cache;
  }
  const openLog = (namespace?: string, options?: RedisEventLogOptions): EventLog =>
    redisEventLog(openCache(namespace), options);

  testEventLog("in Redis", async () => openLog());

  it("is read by another process while it is written, and stopped by it", async () => {
    const here = openLog("shared");
    const there = openLog("shared");
    const { runId, done } = await detach(respond({ delayMs: 5 }), here, { beatMs: 10 });
    expect(textIn(await all(attach(there, runId)))).toBe(text);
    await done;
    const second = await detach(respond({ delayMs: 100 }), here, { beatMs: 10 });
    const reading = all(attach(there, second.runId));
    await there.requestStop(second.runId, "from there");
    expect((await reading).at(-2)).toMatchObject({ type: "stopped", reason: "from there" });
    expect(await there.find({ userId: "u", chatId: "c" })).toMatchObject({ run: { id: second.runId }, isOver: true });
  });

  it("says that a run was lost whose process is gone, and frees its chat", async () => {
    const log = openLog(undefined, { lostMs: 1500 });
    const run = respond();
    expect(await log.begin(run.info)).toBe(true);
    expect(await log.begin(respond().info)).toBe(false);
    await log.append(run.info.id, []);
    const reading = all(log.read(run.info.id, { from: 0, signal: new AbortController().signal }));
    await expect(reading).rejects.toMatchObject({ kind: "lost" });
    expect(await log.begin(respond().info)).toBe(true);
  });

  it("forgets what is old, and refuses to write on", async () => {
    const log = openLog(undefined, { ttlMs: 100 });
    const { info } = respond();
    await log.begin(info);
    await log.append(info.id, ["1"]);
    await pause(300);
    expect(await log.find({ runId: info.id })).toBeUndefined();
    await expect(log.append(info.id, ["2"])).rejects.toMatchObject({ kind: "not-found" });
    await expect(log.beat(info.id)).rejects.toMatchObject({ kind: "not-found" });
  });

  it("keeps many lines in their order, and gives them from any on", async () => {
    const log = openLog();
    const { info } = respond();
    await log.begin(info);
    const lines = Array.from({ length: 2345 }, (_, index) => `line ${index} ${"x".repeat(index % 7)}\u2028ü`);
    await log.append(info.id, lines.slice(0, 1200));
    const { signal } = new AbortController();
    const reading = all(log.read(info.id, { from: 1100, signal }));
    await log.end(info.id, lines.slice(1200));
    expect(await reading).toEqual(lines.slice(1100));
    expect(await all(log.read(info.id, { from: 0, signal }))).toEqual(lines);
    expect(await all(log.read(info.id, { from: 9999, signal }))).toEqual([]);
  });

  it("takes ids for what they are, and is left alone by the cache's clear()", async () => {
    const cache = openCache("beside");
    const log = redisEventLog(cache);
    const first = { id: "r:1", agentName: "a", userId: "u:x", chatId: "c" };
    const second = { id: "r", agentName: "a", userId: "u", chatId: "x:c" };
    expect(await log.begin(first)).toBe(true);
    expect(await log.begin(second)).toBe(true);
    await cache.set("key", 1);
    expect(await cache.keys({ raw: true })).toEqual(["key"]);
    await cache.clear();
    expect((await log.find(first))?.run).toEqual(first);
    expect((await log.find({ runId: "r" }))?.run).toEqual(second);
  });

  it("goes on where Redis was killed and came back, for the writer and for its readers", async () => {
    const log = openLog();
    const { runId, done } = await detach(respond({ delayMs: 20 }), log);
    const reading = all(attach(log, runId));
    await server.kill();
    await pause(50);
    await server.restart();
    await done;
    expect(textIn(await reading)).toBe(text);
    expect(textIn(await all(attach(log, runId)))).toBe(text);
  });
});
