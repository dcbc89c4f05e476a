import assert from "node:assert/strict";
import type { CheckBody } from "./conformance.ts";
import { isCacheErrorOf } from "./expected-errors.ts";

/** So soon something expires that shall. */
const ttlMs = 60;

export const valueChecks: Record<string, CheckBody> = {
  async "keeps what JSON loses"(cache, other) {
    const value = {
      at: new Date(1_700_000_000_000),
      big: 2n ** 80n,
      map: new Map<unknown, unknown>([[{ key: 1 }, new Set(["a", Number.NaN, -0])]]),
      bytes: new Uint8Array([1, 2, 255]),
      floats: new Float64Array([0.1, Number.POSITIVE_INFINITY]),
      missing: undefined,
      text: "grüße 🎉 \ud800 \0 \u2028 </script>",
      list: [null, undefined, [[]]],
      nothing: null,
    };
    await cache.set("value", value);
    assert.deepEqual(await other.get("value"), value);
  },

  async "keeps repeated and circular references"(cache, other) {
    const shared = { name: "shared" };
    const value: Record<string, unknown> = { a: shared, b: shared };
    value["self"] = value;
    await cache.set("value", value);
    const read = await other.get<Record<string, unknown>>("value");
    assert.equal(read?.["self"], read);
    assert.equal(read?.["a"], read?.["b"]);
  },

  async "keeps of a view only what it shows"(cache, other) {
    const bytes = new TextEncoder().encode("the password is hunter2");
    await cache.set("view", bytes.subarray(0, 3));
    const read = await other.get<Uint8Array>("view");
    assert.equal(new TextDecoder().decode(read), "the");
    assert.equal(read?.buffer.byteLength, 3);
  },

  async "gives copies"(cache) {
    const value = { list: [1] };
    await cache.set("value", value);
    value.list.push(2);
    (await cache.get<typeof value>("value"))?.list.push(3);
    assert.deepEqual(await cache.get("value"), { list: [1] });
  },

  async "refuses what cannot be kept, naming the key and the place"(cache) {
    class Account {
      readonly owner = "ada";
    }
    const deep: unknown[] = [];
    for (let level = 0, at = deep; level < 50_000; level++) {
      const next: unknown[] = [];
      at.push(next);
      at = next;
    }
    const polluting: unknown = JSON.parse('{ "__proto__": { "isAdmin": true } }');
    const refused = [
      () => 1,
      Symbol("s"),
      new Account(),
      polluting,
      deep,
      undefined,
      Promise.resolve(1),
      new Error("no"),
    ];
    for (const value of refused) {
      await assert.rejects(cache.set("the-key", value), isCacheErrorOf("unserializable", "the-key"));
    }
    await assert.rejects(cache.set("k", { a: [{ run: () => 1 }] }), /"k".* at \.a\[0\]\.run: .*function/);
    await assert.rejects(cache.publish("box", { run: () => 1 }), isCacheErrorOf("unserializable", "box"));
    await assert.rejects(
      cache.broadcast("channel", () => 1),
      isCacheErrorOf("unserializable", "channel"),
    );
    assert.deepEqual(await cache.keys(), []);
  },

  async "knows a missing key from a value, and says whether it deleted one"(cache, other) {
    assert.equal(await cache.get("nothing"), undefined);
    for (const value of [null, false, 0, "", Number.NaN]) {
      await cache.set("value", value);
      assert.deepEqual(await other.get("value"), value);
    }
    assert.equal(await other.delete("value"), true);
    assert.equal(await other.delete("value"), false);
    assert.equal(await cache.get("value"), undefined);
  },

  async "lets values expire, and a new value stay"(cache, other) {
    await cache.set("long", 1, { ttlMs: 60_000 });
    await cache.set("replaced", 1, { ttlMs });
    await cache.set("replaced", 2);
    await cache.set("short", 1, { ttlMs });
    await cache.update("updated", () => 1, { ttlMs });
    while ((await other.get("short")) !== undefined || (await other.get("updated")) !== undefined) {
      await new Promise((resolve) => setTimeout(resolve, ttlMs / 2));
    }
    assert.equal(await other.delete("short"), false);
    assert.deepEqual(
      await other.getAll(),
      new Map([
        ["long", 1],
        ["replaced", 2],
      ]),
    );
  },

  async "loses no update among many at once"(cache, other) {
    const increment = (each: typeof cache) => each.update<number>("count", (before = 0) => before + 1);
    await Promise.all(Array.from({ length: 20 }, () => [increment(cache), increment(other)]).flat());
    assert.equal(await cache.get("count"), 40);
    assert.equal(await cache.update("count", () => undefined), undefined);
    assert.deepEqual(await cache.keys(), []);
    await assert.rejects(
      cache.update("count", () => {
        throw new Error("of the caller");
      }),
      /of the caller/,
    );
  },

  async "lists more than a page of keys"(cache, other) {
    const names = Array.from({ length: 2500 }, (_, index) => `key-${index}`);
    await Promise.all(names.map((name, index) => cache.set(name, index)));
    assert.deepEqual(new Set(await other.keys()), new Set(names));
    const all = await other.getAll();
    assert.equal(all.size, names.length);
    assert.equal(all.get("key-2499"), 2499);
    await other.clear();
    assert.deepEqual(await cache.keys(), []);
  },

  async "refuses options that cannot work"(cache) {
    for (const ttl of [0, -1, Number.NaN]) await assert.rejects(cache.set("k", 1, { ttlMs: ttl }), /ttlMs/);
    await assert.rejects(cache.receive("box", { timeoutMs: -1 }), /timeoutMs/);
    await assert.rejects(cache.peek("box", { limit: 0 }), /limit/);
    await assert.rejects(cache.subscribe("channel", { maxBuffered: 0 }), /maxBuffered/);
    await assert.rejects(cache.get("\ud800", { raw: true }), /Unicode/);
  },

  async "ends what waits when it is closed, and refuses what comes after"(cache) {
    const subscription = await cache.subscribe("channel");
    const waiting = [cache.receive("box"), cache.receive("box", { timeoutMs: 60_000 })];
    const next = subscription.next();
    const lock = await cache.lock("lock");
    waiting.push(cache.lock("lock"));
    const settled = Promise.allSettled(waiting);
    // They wait at the storage.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await cache.close();
    for (const outcome of await settled) {
      assert.equal(outcome.status, "rejected");
      assert.ok(isCacheErrorOf("closed")(outcome.reason));
    }
    assert.deepEqual(await next, { done: true, value: undefined });
    const after = [cache.get("k"), cache.set("k", 1), cache.keys(), cache.clear(), cache.publish("box", 1)];
    after.push(cache.receive("box"), cache.subscribe("channel"), cache.lock("other"));
    for (const outcome of await Promise.allSettled(after)) {
      assert.equal(outcome.status, "rejected");
      assert.ok(isCacheErrorOf("closed")(outcome.reason));
    }
    await lock.release().catch(() => {});
    await cache.close();
  },
};
