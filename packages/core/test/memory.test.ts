import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const megabyte = 1024 * 1024;

/** Runs a file of `children/` in a process of its own, and reads what it prints. */
async function child(name: string): Promise<unknown> {
  const path = new URL(`./children/${name}.ts`, import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--expose-gc", "--conditions=@millrace/source", path],
    {
      timeout: 110_000,
    },
  );
  return JSON.parse(stdout);
}

describe("memory", () => {
  it("does not grow with the runs and the events that one long-lived signal sees", async () => {
    const grown = await child("heap");
    expect(Object(grown).runs).toBeLessThan(2 * megabyte);
    expect(Object(grown).events).toBeLessThan(2 * megabyte);
  }, 120_000);

  it("holds 10,000 runs that wait, in less than a gigabyte", async () => {
    const { rss, stopped } = Object(await child("idle-runs"));
    expect(rss).toBeLessThan(1024 * megabyte);
    expect(stopped).toBe(10_000);
  }, 120_000);

  it("does not hold a run that was dropped in the middle: its connection is closed, its chat is free", async () => {
    expect(await child("abandoned")).toEqual({
      requests: 2,
      closed: 2,
      ended: ["stopped", "stopped"],
      unhandled: 0,
      output: "yes",
    });
  }, 120_000);
});
