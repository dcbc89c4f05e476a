import { RedisCache } from "@millrace/cache/redis";
import { findRedis, startRedis } from "@millrace/fixtures";
import { expect, test } from "vitest";
import { GraphAgent, node } from "../src/index.ts";
import { call, newTask, problemsOf, readRun } from "./read-run.ts";

const steps = ["a", "b", "c", "d"];

function graphOn(cache: RedisCache): GraphAgent {
  return new GraphAgent({
    name: "g",
    cache,
    nodes: steps.map((name, index) =>
      node({
        name,
        dependencies: steps.slice(Math.max(0, index - 1), index),
        snapshot: "always",
        modules: [{ name: "m", outputMailbox: "done", run: () => name }],
      }),
    ),
  });
}

test.skipIf(!findRedis())(
  "a Redis that is killed and comes back is waited for, and nothing is lost",
  { timeout: 30_000 },
  async () => {
    await using redis = await startRedis({ appendOnly: true });
    await using cache = new RedisCache({ url: redis.url });
    const run = graphOn(cache).run(newTask(), call);
    const types: string[] = [];
    for await (const event of run) {
      types.push(event.type);
      if (event.type !== "module-start" || event.node !== "c") continue;
      await redis.kill();
      setTimeout(() => void redis.restart(), 200);
    }
    expect(run.final).toMatchObject({ status: "complete", results: { a: "a", b: "b", c: "c", d: "d" } });
    expect(await run.cache.peek("done")).toEqual(steps);
  },
);

test.skipIf(!findRedis())(
  "one that stays away fails the run with one typed error, and later it goes on",
  { timeout: 30_000 },
  async () => {
    await using redis = await startRedis({ appendOnly: true });
    await using cache = new RedisCache({ url: redis.url, maxWaitMs: 300 });
    const run = graphOn(cache).run(newTask(), call);
    const types: string[] = [];
    const reading = (async () => {
      for await (const event of run) {
        types.push(event.type);
        if (event.type === "node-result" && event.node === "b") await redis.kill();
      }
    })();
    await expect(reading).rejects.toMatchObject({ name: "CacheError", kind: "unavailable" });
    expect(run.final).toMatchObject({ stopReason: "error", status: "failed", error: { kind: "unavailable" } });
    expect(types.filter((type) => type === "final")).toHaveLength(1);

    await redis.restart();
    // It waits 300 ms at most; until it has connected again, each try may take longer.
    const isBack = (): Promise<boolean> =>
      cache.keys().then(
        () => true,
        () => false,
      );
    await expect.poll(isBack, { timeout: 20_000 }).toBe(true);
    const again = await readRun(await graphOn(cache).resumeLatest(run.task.id, call));
    expect(problemsOf(again.events)).toEqual([]);
    expect(again.final.status).toBe("complete");
    expect(await again.run.cache.peek("done")).toEqual(steps);
  },
);
