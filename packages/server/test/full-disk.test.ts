import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { attach } from "../src/index.ts";
import { fileEventLog } from "../src/node.ts";
import { detach, respond } from "./event-log-suite.ts";
import { all } from "./serve.ts";

const disk = vi.hoisted(() => ({ room: Number.POSITIVE_INFINITY }));

/** A disk with room for so many writes, that takes half of the next one, as real ones do. */
vi.mock("node:fs/promises", async (importOriginal) => {
  const real = await importOriginal<typeof import("node:fs/promises")>();
  const appendFile = async (path: string, text: string): Promise<void> => {
    disk.room--;
    await real.appendFile(path, disk.room < 0 ? text.slice(0, text.length / 2) : text);
    if (disk.room >= 0) return;
    disk.room = Number.POSITIVE_INFINITY;
    throw new Error("ENOSPC: no space left on device");
  };
  return { ...real, appendFile };
});

it("a run whose line was written by half is lost, and every reader is told so", async () => {
  const path = await mkdtemp(join(tmpdir(), "millrace-full-"));
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
  const log = fileEventLog(path, { pollMs: 5 });
  const errors: unknown[] = [];
  disk.room = 5;
  const { runId, done } = await detach(respond({ delayMs: 5 }), log, { onError: (error) => errors.push(error) });
  const seqs: number[] = [];
  const reading = (async () => {
    for await (const { seq } of attach(log, runId)) {
      seqs.push(seq);
    }
  })();
  await expect(reading).rejects.toMatchObject({ kind: "lost" });
  await done;
  expect(errors).toHaveLength(1);
  expect(seqs.length).toBeGreaterThan(0);
  expect(seqs).toEqual(seqs.map((_, index) => index));
  await expect(all(attach(log, runId))).rejects.toMatchObject({ kind: "lost" });
  expect(await log.find({ runId })).toMatchObject({ isOver: true });
});
