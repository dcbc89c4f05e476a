import assert from "node:assert/strict";
import { stopFlags } from "../stop-flags.ts";
import type { CheckBody } from "./conformance.ts";
import { isCacheErrorOf } from "./expected-errors.ts";

export const lockChecks: Record<string, CheckBody> = {
  async "gives a lock to one at a time, with a token that grows"(cache, other) {
    let holders = 0;
    const tokens: number[] = [];
    const work = async (each: typeof cache): Promise<void> => {
      await using lock = await each.lock("lock");
      tokens.push(lock.token);
      assert.equal(++holders, 1);
      await new Promise((resolve) => setTimeout(resolve, 2));
      holders--;
    };
    await Promise.all(Array.from({ length: 10 }, (_, index) => work(index % 2 === 0 ? cache : other)));
    assert.deepEqual(
      tokens,
      [...tokens].sort((a, b) => a - b),
    );
    assert.equal(new Set(tokens).size, 10);
  },

  async "says that a lock is held, and ends the wait for it"(cache, other) {
    await using _lock = await cache.lock("lock");
    await assert.rejects(other.lock("lock", { waitMs: 0 }), isCacheErrorOf("locked", "lock"));
    await assert.rejects(other.lock("lock", { waitMs: 40 }), isCacheErrorOf("locked", "lock"));
    const leaving = new AbortController();
    const waiting = other.lock("lock", { signal: leaving.signal });
    const reason = new Error("enough");
    setTimeout(() => leaving.abort(reason), 30);
    await assert.rejects(waiting, reason);
    await using _another = await other.lock("another", { waitMs: 0 });
  },

  async "renews a lock for as long as it is held"(cache, other) {
    const lock = await cache.lock("lock", { ttlMs: 600 });
    await new Promise((resolve) => setTimeout(resolve, 1300));
    assert.equal(lock.signal.aborted, false);
    await assert.rejects(other.lock("lock", { waitMs: 0 }), isCacheErrorOf("locked"));
    await lock.release();
    await lock.release();
    await (await other.lock("lock", { waitMs: 0 })).release();
  },

  async "stops runs by flags"(cache, other) {
    const flags = stopFlags(cache);
    assert.equal(await flags.check({ runId: "run_1" }), false);
    await stopFlags(other).stop("run_1");
    assert.equal(await flags.check({ runId: "run_1" }), true);
    assert.equal(await flags.check({ runId: "run_2" }), false);
  },
};
