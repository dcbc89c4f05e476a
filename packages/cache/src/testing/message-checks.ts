import assert from "node:assert/strict";
import type { CheckBody } from "./conformance.ts";

export const messageChecks: Record<string, CheckBody> = {
  async "hands messages out in their order, and shows those that wait"(cache, other) {
    for (let index = 0; index < 5; index++) await cache.publish("box", { index });
    assert.deepEqual(await other.peek("box", { limit: 2 }), [{ index: 0 }, { index: 1 }]);
    assert.equal((await other.peek("box")).length, 5);
    assert.deepEqual(await other.mailboxes(), ["box"]);
    for (let index = 0; index < 5; index++) assert.deepEqual(await other.receive("box"), { index });
    assert.deepEqual(await other.peek("box"), []);
    assert.deepEqual(await other.mailboxes(), []);
    assert.deepEqual(await cache.keys({ raw: true }), []);
  },

  async "keeps the order of messages that are published at once"(cache, other) {
    const numbers = Array.from({ length: 3000 }, (_, index) => index);
    await Promise.all(numbers.map((number) => cache.publish("box", number)));
    const received: unknown[] = [];
    for (const _ of numbers) received.push(await other.receive("box"));
    assert.deepEqual(received, numbers);
  },

  async "waits for a message, for so long and no longer"(cache, other) {
    assert.equal(await other.receive("box", { timeoutMs: 0 }), undefined);
    assert.equal(await other.receive("box", { timeoutMs: 30 }), undefined);
    const waiting = other.receive("box");
    const alsoWaiting = other.receive("box", { timeoutMs: 60_000 });
    await cache.publish("box", "first");
    await cache.publish("box", null);
    assert.equal(await waiting, "first");
    assert.equal(await alsoWaiting, null);
    await cache.publish("box", "there");
    assert.equal(await other.receive("box", { timeoutMs: 0 }), "there");
  },

  async "gives each message to one of many readers"(cache, other) {
    const count = 400;
    const received: unknown[] = [];
    const reader = async (each: typeof cache): Promise<void> => {
      for (;;) {
        const message = await each.receive("box");
        if (message === "end") return;
        received.push(message);
      }
    };
    const readers = Array.from({ length: 8 }, (_, index) => reader(index % 2 === 0 ? cache : other));
    const numbers = Array.from({ length: count }, (_, index) => index);
    await Promise.all(numbers.map((number) => (number % 2 === 0 ? cache : other).publish("box", number)));
    for (const _ of readers) await cache.publish("box", "end");
    await Promise.all(readers);
    assert.deepEqual(
      received.sort((a, b) => Number(a) - Number(b)),
      numbers,
    );
  },

  async "serves hundreds of readers of hundreds of mailboxes"(cache, other) {
    const names = Array.from({ length: 300 }, (_, index) => `box-${index}`);
    const waiting = names.map((name) => other.receive(name));
    await Promise.all(names.map((name) => cache.publish(name, name)));
    assert.deepEqual(await Promise.all(waiting), names);
  },

  async "throws the reason of an abort"(cache) {
    const reason = new Error("enough");
    await assert.rejects(cache.receive("box", { signal: AbortSignal.abort(reason) }), reason);
    const leaving = new AbortController();
    const waiting = cache.receive("box", { signal: leaving.signal });
    leaving.abort(reason);
    await assert.rejects(waiting, reason);
    await cache.publish("box", "kept");
    assert.deepEqual(await cache.peek("box"), ["kept"]);
  },

  async "leaves a message to who comes next where its reader has left"(cache, other) {
    for (let round = 0; round < 20; round++) {
      await cache.publish("box", round);
      const leaving = new AbortController();
      const waiting = other.receive("box", { signal: leaving.signal }).catch(() => "left");
      // At once, in the same moment, or while the answer is on its way.
      if (round % 3 > 0) await Promise.resolve();
      if (round % 3 > 1) await new Promise((resolve) => setImmediate(resolve));
      leaving.abort();
      if ((await waiting) === "left") assert.equal(await cache.receive("box", { timeoutMs: 5000 }), round);
    }
    assert.deepEqual(await cache.peek("box"), []);
  },

  async "loses no message to a reader that leaves, and hands none out twice"(cache, other) {
    const count = 300;
    const received: unknown[] = [];
    const publishing = (async () => {
      for (let index = 0; index < count; index++) await cache.publish("box", index);
    })();
    const impatient = async (): Promise<void> => {
      while (received.length < count) {
        const leaving = new AbortController();
        const waiting = other.receive("box", { signal: leaving.signal, timeoutMs: 50 }).then(
          (message) => message !== undefined && received.push(message),
          () => {},
        );
        await new Promise((resolve) => setImmediate(resolve));
        leaving.abort();
        await waiting;
      }
    };
    await Promise.all([publishing, impatient(), impatient(), impatient()]);
    assert.equal(new Set(received).size, count);
    assert.equal(received.length, count);
    assert.deepEqual(await other.peek("box"), []);
  },

  async "broadcasts to all who have subscribed"(cache, other) {
    await cache.broadcast("news", "before");
    const subscriptions = [await cache.subscribe("news"), await other.subscribe("news"), await other.subscribe("news")];
    const elsewhere = await other.scoped({ prefix: "a" }).subscribe("news");
    for (const number of [1, 2, 3]) await cache.broadcast("news", { number });
    for (const subscription of subscriptions) {
      const heard: unknown[] = [];
      for await (const message of subscription) if (heard.push(message) === 3) break;
      assert.deepEqual(heard, [{ number: 1 }, { number: 2 }, { number: 3 }]);
      assert.deepEqual(await subscription.next(), { done: true, value: undefined });
    }
    const next = elsewhere.next();
    await cache.scoped({ prefix: "a" }).broadcast("news", "here");
    assert.deepEqual(await next, { done: false, value: "here" });
    await elsewhere.return();
  },

  async "drops the oldest for a slow subscriber, and says how many"(cache, other) {
    await using slow = await other.subscribe<number>("news", { maxBuffered: 3 });
    await using inTime = await other.subscribe<number>("news");
    for (let number = 0; number < 10; number++) await cache.broadcast("news", number);
    for (let number = 0; number < 10; number++) assert.equal((await inTime.next()).value, number);
    assert.equal(slow.dropped, 7);
    assert.equal((await slow.next()).value, 7);
    assert.equal(inTime.dropped, 0);
  },

  async "ends a subscription that waits"(cache) {
    const leaving = new AbortController();
    const aborted = await cache.subscribe("news", { signal: leaving.signal });
    const left = await cache.subscribe("news");
    const ends = [aborted.next(), left.next()];
    leaving.abort();
    await left.return();
    for (const end of ends) assert.deepEqual(await end, { done: true, value: undefined });
    await assert.rejects(cache.subscribe("news", { signal: leaving.signal }), { name: "AbortError" });
  },
};
