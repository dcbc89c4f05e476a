// Kills a graph as often as you like, half of the times with snapshots in a folder and half in Redis:
// node --conditions=@millrace/source packages/graph/test/soak/kill.ts [times] [first seed]
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRedis } from "@millrace/fixtures";
import { killAndResume } from "../kill-and-resume.ts";

const [times = 200, first = Date.now() % 1_000_000] = process.argv.slice(2).map(Number);
const folder = await mkdtemp(join(tmpdir(), "millrace-graph-"));
const redis = await startRedis();
console.log(`${times} kills each, from seed ${first} on`);
try {
  for (const [name, place] of Object.entries({ folder, redis: redis.url })) {
    let failed = 0;
    const done: number[] = [];
    for (let seed = first; seed < first + times; seed++) {
      const report = await killAndResume(place, seed);
      done.push(report.done);
      if (report.problems.length === 0) continue;
      failed++;
      console.log(`${name}, seed ${seed}: ${report.problems.join("; ")}`);
    }
    console.log(`${name}: ${times - failed} of ${times} went on as if nothing had happened`);
    console.log(`  modules done when killed: ${Math.min(...done)} to ${Math.max(...done)}`);
    if (failed > 0) process.exitCode = 1;
  }
} finally {
  await redis.stop();
  await rm(folder, { recursive: true, force: true });
}
