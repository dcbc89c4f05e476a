import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { findRedis, startRedis } from "@millrace/fixtures";
import { expect, it } from "vitest";
import { RedisCache } from "../src/redis.ts";

const readersEach = 4;

it.skipIf(!findRedis())(
  "shares a mailbox and a cache among processes: each message is handled once",
  {
    timeout: 30_000,
  },
  async () => {
    await using server = await startRedis();
    await using cache = new RedisCache({ url: server.url, namespace: "shared" });
    const script = fileURLToPath(new URL("children/consumer.ts", import.meta.url));
    const children: ChildProcess[] = [];
    try {
      const consumers = [1, 2].map(() => {
        const child = spawn(process.execPath, ["--conditions=@millrace/source", script, server.url, "shared"], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        children.push(child);
        return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      });
      for (const lines of consumers) expect((await lines.next()).value).toBe("ready");
      const numbers = Array.from({ length: 1000 }, (_, index) => index);
      for (const number of numbers) void cache.publish("work", number);
      const handled = await Promise.all([
        ...consumers.map(rest),
        ...consumers.flatMap(() =>
          Array.from({ length: readersEach }, () => cache.publish("work", "end").then(() => [])),
        ),
      ]);
      expect(handled.flat().sort((a, b) => a - b)).toEqual(numbers);
      expect(handled.slice(0, 2).map(({ length }) => length > 0)).toEqual([true, true]);
      expect(await cache.get("handled")).toBe(1000);
      expect((await cache.keys()).filter((key) => key.startsWith("ready-"))).toHaveLength(2);
    } finally {
      for (const child of children) child.kill("SIGKILL");
    }
  },
);

async function rest(lines: AsyncIterator<string>): Promise<number[]> {
  const numbers: number[] = [];
  for (let next = await lines.next(); !next.done; next = await lines.next()) numbers.push(Number(next.value));
  return numbers;
}
