// A process that takes messages until it is told to end, and says which; it is ready when it says so.
import { RedisCache } from "../../src/redis.ts";

const [, , url = "", namespace = ""] = process.argv;
const cache = new RedisCache({ url, namespace });
await cache.set(`ready-${process.pid}`, true);
console.log("ready");
async function consume(): Promise<void> {
  for (;;) {
    const message = await cache.receive("work");
    if (message === "end") return;
    await cache.update<number>("handled", (before = 0) => before + 1);
    console.log(JSON.stringify(message));
  }
}
await Promise.all(Array.from({ length: 4 }, consume));
await cache.close();
