// How many messages a second go from one process to another through a mailbox in Redis, each handled once.
// Over the built packages: `npm run build`, then `node packages/cache/bench/mailbox.mjs`. A Redis is started for it.
import { fork } from "node:child_process";
import { once } from "node:events";
import { startRedis } from "../../fixtures/src/redis-server.ts";
import { RedisCache } from "../dist/redis.js";

const count = 100_000;
const [, , role, url = ""] = process.argv;
/** What is published between two looks at what was done. */
const window = 500;

if (role === "consumer") await consume();
else await measure();

async function measure() {
  const shapes = [
    { readers: 1, bytes: 100 },
    { readers: 16, bytes: 100 },
    { readers: 64, bytes: 100 },
    { readers: 64, bytes: 2000 },
  ];
  for (const appendOnly of [false, true]) {
    await using server = await startRedis({ appendOnly });
    for (const { readers, bytes } of shapes) {
      const consumer = fork(new URL(import.meta.url), ["consumer", server.url, String(readers)]);
      await once(consumer, "message");
      await using cache = new RedisCache({ url: server.url });
      const body = "x".repeat(bytes);
      const start = performance.now();
      const ended = once(consumer, "message");
      for (let sent = 0; sent < count; sent += window) {
        await Promise.all(
          Array.from({ length: window }, (_, index) => cache.publish("box", { id: sent + index, body })),
        );
      }
      const [handled] = await ended;
      const seconds = (performance.now() - start) / 1000;
      await once(consumer, "exit");
      console.log(
        `${Math.round(count / seconds)} messages of ${bytes} bytes a second, ${readers} at a time` +
          `${appendOnly ? ", appended to a file" : ""}; ${handled} handled, ${count} sent`,
      );
    }
  }
}

async function consume() {
  const cache = new RedisCache({ url });
  const handled = new Uint8Array(count);
  let left = count;
  const leaving = new AbortController();
  process.send?.("ready");
  await Promise.all(
    Array.from({ length: Number(process.argv[4]) }, async () => {
      while (left > 0) {
        const message = await cache.receive("box", { signal: leaving.signal }).catch(() => undefined);
        if (message === undefined) return;
        if (handled[message.id]++ > 0) throw new Error(`message ${message.id} came twice`);
        if (--left === 0) leaving.abort();
      }
    }),
  );
  process.send?.(handled.filter((times) => times === 1).length);
  await cache.close();
  process.disconnect();
}
