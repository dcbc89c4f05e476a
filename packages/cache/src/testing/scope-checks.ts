import assert from "node:assert/strict";
import type { Cache } from "../cache.ts";
import type { CheckBody } from "./conformance.ts";

/** All that is special in a name, in a pattern or in a path. */
const hostile = [
  "a",
  "a:b",
  "b",
  "a/b",
  "*",
  "?",
  "[a]",
  "\\",
  "a%3Ab",
  "%",
  "-",
  "",
  ":",
  "/",
  "\ud800",
  "\udfff",
  "ü",
];

export const scopeChecks: Record<string, CheckBody> = {
  async "names a key prefix:key:suffix"(cache, other) {
    await cache.set("key", 0);
    await cache.inScope({ prefix: "pre" }, () => cache.set("key", 1));
    await cache.inScope({ suffix: "suf" }, () => cache.set("key", 2));
    await cache.inScope({ prefix: "pre", suffix: "suf" }, () => cache.set("key", 3));
    await cache.inScope({ prefix: "", suffix: "" }, () => cache.set("plain", 4));
    const names = ["key", "pre:key", ":key:suf", "pre:key:suf", "plain"];
    assert.deepEqual(await other.getAll({ raw: true }), new Map(names.map((name, index) => [name, index])));
    assert.equal(await other.get("pre:key:suf", { raw: true }), 3);
    assert.equal(await other.scoped({ prefix: "else" }).get("pre:key:suf", { raw: true }), 3);
    assert.equal(await other.delete("pre:key:suf", { raw: true }), true);
    assert.deepEqual((await other.keys()).sort(), ["key", "plain"]);
  },

  async "takes any raw key for what it is"(cache, other) {
    const raw = { raw: true };
    for (const name of [":key", "a:b:c:d", "%", "a/b", "::"]) await cache.set(name, name, raw);
    assert.deepEqual(await other.keys(), ["a/b"]);
    assert.equal((await other.keys(raw)).length, 5);
    for (const name of await other.keys(raw)) assert.equal(await other.get(name, raw), name);
    await other.scoped({ prefix: "a" }).clear();
    assert.equal((await other.keys(raw)).length, 5);
    await other.clear();
    assert.deepEqual(await other.keys(raw), []);
  },

  async "nests scopes, and comes back out of them"(cache) {
    await cache.inScope({ prefix: "a", suffix: "x" }, async () => {
      await cache.inScope({ prefix: "b", suffix: "y" }, async () => {
        await cache.set("key", "inner");
        assert.deepEqual(await cache.keys({ raw: true }), ["a/b:key:y/x"]);
      });
      assert.equal(await cache.get("key"), undefined);
      assert.deepEqual(await cache.keys(), []);
      assert.deepEqual(await cache.keys({ raw: true }), ["a/b:key:y/x"]);
      await assert.rejects(
        cache.inScope({ prefix: "c" }, async () => Promise.reject(new Error("no"))),
        /no/,
      );
      await cache.set("key", "outer");
    });
    assert.equal(await cache.get("a:key:x", { raw: true }), "outer");
  },

  async "keeps the scopes of what runs side by side apart"(cache) {
    const tenants = Array.from({ length: 20 }, (_, index) => `tenant-${index}`);
    const work = async (name: string): Promise<void> => {
      for (let step = 0; step < 5; step++) {
        await cache.update<number>("steps", (before = 0) => before + 1);
        await cache.set("name", name);
      }
      assert.equal(await cache.get("name"), name);
      assert.equal(await cache.get("steps"), 5);
    };
    await Promise.all(tenants.map((prefix) => cache.inScope({ prefix }, () => work(prefix))));
    assert.deepEqual(await cache.keys(), []);
  },

  async "has views that stand where they were made"(cache) {
    const view = cache.inScope({ prefix: "a" }, () => cache.scoped({ prefix: "b" }));
    await cache.inScope({ prefix: "elsewhere" }, () => view.set("key", 1));
    await view.inScope({ suffix: "s" }, () => view.scoped({ prefix: "c" }).set("key", 2));
    assert.deepEqual(
      await cache.getAll({ raw: true }),
      new Map([
        ["a/b:key", 1],
        ["a/b/c:key:s", 2],
      ]),
    );
    assert.deepEqual(await view.keys(), ["key"]);
    await cache.close();
    await assert.rejects(view.get("key"), /closed/);
  },

  async "never takes one key for another, whatever is in its parts"(cache, other) {
    const places = new Map<string, [Cache, string]>();
    for (const key of hostile) places.set(JSON.stringify([key]), [cache, key]);
    for (const part of hostile.filter((each) => each !== "")) {
      for (const key of hostile) {
        places.set(JSON.stringify(["prefix", part, key]), [cache.scoped({ prefix: part }), key]);
        places.set(JSON.stringify(["suffix", part, key]), [cache.scoped({ suffix: part }), key]);
        const nested = cache.scoped({ prefix: "a", suffix: "b" }).scoped({ prefix: part });
        places.set(JSON.stringify(["nested", part, key]), [nested, key]);
      }
    }
    await Promise.all([...places].map(([place, [at, key]]) => at.set(key, place)));
    assert.equal((await other.keys({ raw: true })).length, places.size);
    assert.deepEqual(new Set(await other.keys()), new Set(hostile));
    for (const [place, [at, key]] of places) assert.equal(await at.get(key), place);
    for (const prefix of hostile.filter((each) => each !== "")) {
      assert.deepEqual(new Set(await other.scoped({ prefix }).keys()), new Set(hostile), prefix);
    }
  },

  async "clears a scope and what is within it, and nothing else"(cache, other) {
    const prefixes = ["a", "a*", "ab", "*", "[ab]", "a:b", "?"];
    for (const prefix of prefixes) {
      await cache.scoped({ prefix }).set("key", prefix);
      await cache.scoped({ prefix }).publish("box", prefix);
      await cache.scoped({ prefix }).scoped({ prefix: "deep" }).set("key", prefix);
    }
    await cache.set("a", "outside");
    await cache.set("x", "outside");
    for (const [index, prefix] of prefixes.entries()) {
      await other.scoped({ prefix }).clear();
      const left = prefixes.length - index - 1;
      assert.equal((await cache.keys({ raw: true })).length, 2 * left + 2);
      assert.equal((await cache.mailboxes({ raw: true })).length, left);
    }
    await cache.scoped({ suffix: "s" }).set("key", 1);
    await cache.scoped({ prefix: "p", suffix: "s" }).set("key", 1);
    await cache.scoped({ prefix: "p", suffix: "t" }).set("s", 1);
    await other.scoped({ suffix: "s" }).clear();
    assert.deepEqual((await cache.keys({ raw: true })).sort(), ["a", "p:s:t", "x"]);
    await other.clear();
    assert.deepEqual(await cache.keys({ raw: true }), []);
  },

  async "deletes, publishes and locks within the scope"(cache, other) {
    await cache.set("key", "outside");
    await cache.publish("box", "outside");
    await using _outside = await cache.lock("lock");
    const view = other.scoped({ prefix: "a" });
    assert.equal(await view.delete("key"), false);
    assert.equal(await view.receive("box", { timeoutMs: 0 }), undefined);
    await using _inside = await view.lock("lock", { waitMs: 0 });
    await view.publish("box", "inside");
    assert.deepEqual(await view.mailboxes(), ["box"]);
    assert.deepEqual((await cache.mailboxes({ raw: true })).sort(), ["a:box", "box"]);
    assert.equal(await cache.receive("a:box", { raw: true, timeoutMs: 0 }), "inside");
    assert.equal(await cache.receive("box", { timeoutMs: 0 }), "outside");
    assert.equal(await cache.get("key"), "outside");
  },
};
