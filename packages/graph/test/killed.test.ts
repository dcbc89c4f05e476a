import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findRedis, startRedis } from "@millrace/fixtures";
import { expect, test } from "vitest";
import { killAndResume } from "./kill-and-resume.ts";

/** A few here; `test/soak/kill.ts` does it as often as you like. */
const kills = 10;
const firstSeed = Math.floor(Date.now() % 1_000_000);

async function expectNothingLost(place: string): Promise<void> {
  for (let seed = firstSeed; seed < firstSeed + kills; seed++) {
    const { problems } = await killAndResume(place, seed);
    expect(problems, `seed ${seed}`).toEqual([]);
  }
}

test("goes on after kill -9 at any moment, from snapshots in a folder", { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "millrace-graph-"));
  try {
    await expectNothingLost(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test.skipIf(!findRedis())("and from snapshots in Redis", { timeout: 120_000 }, async () => {
  await using redis = await startRedis();
  await expectNothingLost(redis.url);
});
