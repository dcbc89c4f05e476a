import { once } from "node:events";
import { createServer } from "node:net";
import { inspect } from "node:util";
import { findRedis, type RedisServer, seededRandom, startRedis } from "@millrace/fixtures";
import { createClient } from "redis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CacheError } from "../src/index.ts";
import { RedisCache, type RedisCacheOptions } from "../src/redis.ts";

type Raw = ReturnType<typeof makeRaw>;

const unavailable = { name: "CacheError", kind: "unavailable", retryable: true };

describe.skipIf(!findRedis())("a cache whose Redis fails", () => {
  let server: RedisServer;
  const caches: RedisCache[] = [];
  const raws: Raw[] = [];
  let namespace = 0;
  beforeAll(async () => {
    server = await startRedis({ appendOnly: true });
  });
  afterEach(async () => {
    for (const cache of caches.splice(0)) await cache.close();
    for (const raw of raws.splice(0)) raw.destroy();
    namespace++;
  });
  afterAll(() => server.stop());

  function open(options: RedisCacheOptions = {}): RedisCache {
    const cache = new RedisCache({ url: server.url, namespace: `n${namespace}`, ...options });
    caches.push(cache);
    return cache;
  }

  /** A client that knows nothing of ours. */
  async function openRaw(): Promise<Raw> {
    const raw = makeRaw(server.url);
    raws.push(raw);
    raw.on("error", () => {});
    await raw.connect();
    return raw;
  }

  /** Waits until a reader waits at a mailbox. */
  async function isListened(box: string): Promise<Raw> {
    const raw = await openRaw();
    const key = `n${namespace}:mailbox:${box}`;
    await expect.poll(() => raw.pubSubNumSub([key])).toEqual({ [key]: 1 });
    return raw;
  }

  it("loses nothing that was acknowledged, and makes nothing twice, however often Redis is killed", {
    timeout: 60_000,
  }, async () => {
    const random = seededRandom(7);
    const [publisher, consumer] = [open({ maxWaitMs: 30_000 }), open({ maxWaitMs: 30_000 })];
    const count = 3000;
    const received: unknown[] = [];
    const consuming = Array.from({ length: 16 }, async () => {
      for (;;) {
        const message = await consumer.receive("box");
        if (message === "end") return;
        received.push(message);
      }
    });
    let isOver = false;
    const killing = (async () => {
      while (!isOver) {
        await pause(20 + 60 * random());
        await server.kill();
        await pause(30 * random());
        await server.restart();
      }
    })();
    for (let index = 0; index < count; index += 50) {
      const some = Array.from({ length: 50 }, (_, at) => index + at);
      await Promise.all(some.map((number) => publisher.publish("box", number)));
      await publisher.update<number>("count", (before = 0) => before + some.length);
      await pause(5);
    }
    isOver = true;
    await killing;
    await Promise.all(consuming.map(() => publisher.publish("box", "end")));
    await Promise.all(consuming);
    expect(received).toHaveLength(count);
    expect(new Set(received).size).toBe(count);
    expect(await consumer.get("count")).toBe(count);
  });

  it("fails what waits too long with one error, and works when Redis is back", async () => {
    const cache = open({ maxWaitMs: 150 });
    await cache.set("kept", 1);
    const failing = expect(cache.receive("box")).rejects.toMatchObject(unavailable);
    await isListened("box");
    await server.kill();
    await failing;
    const asked = [cache.get("kept"), cache.set("k", 1), cache.update("n", () => 1), cache.delete("k"), cache.keys()];
    asked.push(
      cache.publish("box", 1),
      cache.receive("box"),
      cache.receive("box", { timeoutMs: 0 }),
      cache.peek("box"),
    );
    asked.push(cache.broadcast("c", 1), cache.subscribe("c"), cache.lock("l"), cache.clear());
    for (const outcome of await Promise.allSettled(asked)) {
      expect(outcome).toMatchObject({ status: "rejected", reason: unavailable });
    }
    await server.restart();
    const again = open();
    expect(await again.get("kept")).toBe(1);
    await expect.poll(() => cache.get("kept").catch(() => undefined)).toBe(1);
    await using _lock = await cache.lock("l");
  });

  it("finds a message that came while its reader was cut off", async () => {
    const cache = open({ client: { name: "cut-off" } });
    const waiting = cache.receive("box");
    const raw = await isListened("box");
    const cutOff = (await raw.clientList()).find(({ name }) => name === "cut-off");
    const key = `n${namespace}:mailbox:box`;
    await raw
      .multi()
      .addCommand(["CLIENT", "KILL", "ID", String(cutOff?.id)])
      .rPush(key, '["came meanwhile"]')
      .publish(key, "")
      .exec();
    expect(await waiting).toBe("came meanwhile");
  });

  it("does not let messages go that were taken for a reader who has given up meanwhile", async () => {
    const [cache, other] = [open({ maxWaitMs: 200, commandTimeoutMs: 60_000 }), open()];
    for (let number = 0; number < 3; number++) await other.publish("box", number);
    await cache.get("warm");
    server.pause();
    try {
      const leaving = new AbortController();
      const aborted = cache.receive("box", { signal: leaving.signal });
      const late = cache.receive("box", { timeoutMs: 50 });
      const failed = cache.receive("box");
      const refusing = expect(failed).rejects.toMatchObject(unavailable);
      leaving.abort();
      await expect(aborted).rejects.toMatchObject({ name: "AbortError" });
      expect(await late).toBeUndefined();
      await refusing;
    } finally {
      server.resume();
    }
    await expect.poll(() => other.peek("box").then((messages) => messages.length)).toBe(3);
    for (let number = 0; number < 3; number++) expect(await other.receive("box", { timeoutMs: 5000 })).toBe(number);
  });

  it("gives a connection up that does not answer, and makes a change once all the same", async () => {
    const cache = open({ commandTimeoutMs: 100, maxWaitMs: 20_000 });
    await cache.set("count", 0);
    for (let round = 0; round < 3; round++) {
      server.pause();
      const changes = [cache.update<number>("count", (before = 0) => before + 1), cache.publish("box", round)];
      await pause(350);
      server.resume();
      await Promise.all(changes);
    }
    expect(await cache.get("count")).toBe(3);
    expect(await cache.peek("box")).toEqual([0, 1, 2]);
  });

  it("hears again what is broadcast after Redis has come back", async () => {
    const [cache, other] = [open(), open()];
    const subscription = await cache.subscribe("news");
    await server.kill();
    await server.restart();
    const next = subscription.next();
    let isHeard = false;
    void next.then(() => {
      isHeard = true;
    });
    await expect.poll(() => other.broadcast("news", "again").then(() => isHeard)).toBe(true);
    expect(await next).toEqual({ done: false, value: "again" });
    await subscription.return();
  });

  it("loses a lock that it cannot renew, and leaves it to who has it then", async () => {
    const [cache, other] = [open({ maxWaitMs: 100 }), open()];
    const lock = await cache.lock("lock", { ttlMs: 200 });
    await server.kill();
    await once(lock.signal, "abort");
    expect(lock.signal.reason).toMatchObject({ name: "CacheError", kind: "lock-lost", key: "lock" });
    await server.restart();
    await using next = await other.lock("lock", { ttlMs: 300 });
    expect(next.token).toBeGreaterThan(lock.token);
    await lock.release();
    await expect(open().lock("lock", { waitMs: 0 })).rejects.toMatchObject({ kind: "locked" });

    // As if its time had been over, and it did not know.
    const raw = await openRaw();
    const unaware = await other.lock("another");
    for (const name of ["lock", "another"]) await raw.set(`n${namespace}:lock:${name}`, "someone else");
    await unaware.release();
    await once(next.signal, "abort");
    for (const name of ["lock", "another"]) expect(await raw.get(`n${namespace}:lock:${name}`)).toBe("someone else");
  });

  it("sees and clears nothing of others, and says what is not its own", async () => {
    const raw = await openRaw();
    const cache = open();
    await cache.set("own", 1);
    const foreign = ["foreign", `n${namespace}`, `n${namespace}:`, `n${namespace}x:value:own`, "value:own", "*"];
    for (const key of foreign) await raw.set(key, "theirs");
    expect(await cache.keys({ raw: true })).toEqual(["own"]);
    await cache.clear();
    expect(await raw.mGet(foreign)).toEqual(foreign.map(() => "theirs"));
    for (const junk of ["{", "[[1", "-99", '[{"__proto__":1},{}]', '[["Evil",1],1]']) {
      await raw.set(`n${namespace}:value:junk`, junk);
      await expect(cache.get("junk")).rejects.toMatchObject({ name: "CacheError", kind: "corrupt", key: "junk" });
    }
    await raw.set(`n${namespace}:mailbox:box`, "no list");
    const refused = { name: "CacheError", kind: "refused", retryable: false };
    await expect(cache.receive("box", { timeoutMs: 0 })).rejects.toMatchObject(refused);
    const beside = [cache.publish("box", 1), cache.set("beside", 1)];
    await expect(beside[0]).rejects.toMatchObject(refused);
    await beside[1];
    expect(await cache.get("beside")).toBe(1);
  });

  it("waits for a Redis that may write", async () => {
    const [cache, raw] = [open(), await openRaw()];
    await cache.publish("box", 0);
    await raw.sendCommand(["REPLICAOF", "127.0.0.1", "1"]);
    const published = cache.publish("box", 1);
    const lock = cache.lock("lock");
    expect(await cache.peek("box")).toEqual([0]);
    await raw.sendCommand(["REPLICAOF", "NO", "ONE"]);
    await published;
    await (await lock).release();
    expect(await cache.peek("box")).toEqual([0, 1]);
  });

  it("goes on where Redis has forgotten its scripts", async () => {
    const raw = await openRaw();
    const cache = open();
    for (let number = 0; number < 3; number++) {
      await raw.scriptFlush();
      await cache.publish("box", number);
    }
    expect(await cache.peek("box")).toEqual([0, 1, 2]);
  });

  it("needs one connection, however many wait, and none once it is closed", async () => {
    const raw = await openRaw();
    const before = (await raw.clientList()).length;
    const cache = open();
    const leaving = new AbortController();
    const { signal } = leaving;
    const waiting = Array.from({ length: 300 }, (_, index) =>
      cache.receive(`box-${index}`, { signal }).catch(() => {}),
    );
    await using _subscription = await cache.subscribe("news");
    await cache.set("k", 1);
    expect((await raw.clientList()).length).toBe(before + 1);
    leaving.abort();
    await Promise.all(waiting);
    await cache.close();
    await expect.poll(() => raw.clientList().then(({ length }) => length)).toBe(before);
  });

  it("does not storm a server that drops every connection", async () => {
    let connections = 0;
    const dropping = createServer((socket) => {
      connections++;
      socket.destroy();
    }).listen(0, "127.0.0.1");
    await once(dropping, "listening");
    const address = dropping.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const cache = open({ url: `redis://127.0.0.1:${port}`, maxWaitMs: 1000 });
    const asked = Array.from({ length: 200 }, (_, index) => cache.get(`k${index}`));
    for (const { status } of await Promise.allSettled(asked)) expect(status).toBe("rejected");
    expect(connections).toBeGreaterThan(1);
    expect(connections).toBeLessThan(15);
    await cache.close();
    dropping.close();
  });
});

describe.skipIf(!findRedis())("a Redis with a password", () => {
  const password = "s3cret:pass/word";

  it("is opened by it, and never told in an error", async () => {
    await using server = await startRedis({ password });
    await using cache = new RedisCache({ url: server.url });
    await cache.set("k", 1);
    expect(await cache.get("k")).toBe(1);

    const wrong = "wr0ng:pass/word";
    const url = `redis://:${encodeURIComponent(wrong)}@127.0.0.1:${server.port}`;
    await using refused = new RedisCache({ url, maxWaitMs: 5000 });
    const errors = [await errorOf(refused.get("k")), await errorOf(refused.publish("box", 1))];
    expect(errors[0]).toMatchObject({ kind: "refused", message: expect.stringContaining("WRONGPASS") });
    await using nobody = new RedisCache({ url: `redis://127.0.0.1:${server.port}`, maxWaitMs: 5000 });
    errors.push(await errorOf(nobody.get("k")));
    expect(errors[2]).toMatchObject({ kind: "refused" });
    await server.kill();
    await using away = new RedisCache({ url: server.url, maxWaitMs: 60 });
    errors.push(await errorOf(away.get("k")));
    expect(errors[3]).toMatchObject(unavailable);
    errors.push(await errorOf(() => new RedisCache({ url: `http://:${password}@localhost` })));
    for (const error of errors) {
      const shown = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error);
      for (const secret of [password, wrong, encodeURIComponent(password), encodeURIComponent(wrong)]) {
        expect(shown).not.toContain(secret);
      }
    }
  });
});

describe("options of a cache in Redis", () => {
  it("are refused where they cannot work", () => {
    const refused: [RedisCacheOptions, string][] = [
      [{ url: "localhost:6379" }, "url"],
      [{ url: "" }, "url"],
      [{ url: "redis://localhost/no-number" }, "client"],
      [{ url: "redis://:50%off@localhost" }, "client"],
      [{ namespace: "" }, "namespace"],
      [{ maxWaitMs: 0 }, "maxWaitMs"],
      [{ commandTimeoutMs: Number.NaN }, "commandTimeoutMs"],
    ];
    for (const [options, option] of refused) {
      expect(() => new RedisCache(options)).toThrow(expect.objectContaining({ name: "ConfigError", option }));
    }
    expect(new CacheError("m", { kind: "locked", key: "k" }).toJSON()).toEqual({
      name: "CacheError",
      message: "m",
      kind: "locked",
      key: "k",
      retryable: true,
    });
  });
});

function makeRaw(url: string) {
  return createClient({ url });
}

async function errorOf(failing: Promise<unknown> | (() => unknown)): Promise<unknown> {
  try {
    await (typeof failing === "function" ? failing() : failing);
  } catch (error) {
    return error;
  }
  throw new Error("expected a failure");
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
