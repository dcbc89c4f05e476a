import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type Cache, MemoryCache } from "@millrace/cache";
import { RedisCache } from "@millrace/cache/redis";
import { type GraphFinal, type Snapshot, Task } from "../src/index.ts";
import { folderSnapshots } from "../src/node.ts";
import { numbersOf, owner, pathsOf, thirtyNodes } from "./thirty-nodes.ts";

/** What came of one kill. */
export interface KillReport {
  readonly seed: number;
  readonly problems: string[];
  /** How many modules the snapshot had as done when the process was killed. */
  readonly done: number;
}

/**
 * Kills a process in the midst of the graph of thirty nodes, at a moment that the seed determines, and goes on in this
 * one: tells what is not as if nothing had happened.
 *
 * @param place a folder, or the URL of a Redis
 */
export async function killAndResume(place: string, seed: number): Promise<KillReport> {
  const id = `task of ${seed}`;
  const script = fileURLToPath(new URL("children/saved-graph.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=@millrace/source", script, place, id, String(seed)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(child.stdout, "data");
    const random = numbersOf(seed);
    await new Promise((resolve) => setTimeout(resolve, random() ** 2 * 300));
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  const cache = place.startsWith("redis:") ? new RedisCache({ url: place }) : undefined;
  try {
    return await resume(cache ? { cache } : { snapshots: folderSnapshots(place) }, id, seed);
  } finally {
    await cache?.close();
  }
}

async function resume(
  storage: Pick<Parameters<typeof thirtyNodes>[1], "cache" | "snapshots">,
  id: string,
  seed: number,
): Promise<KillReport> {
  const problems: string[] = [];
  const ran: string[] = [];
  const graph = thirtyNodes(seed, { ...storage, onRun: (path) => ran.push(path) });
  const run = await graph.resumeLatest(id, owner);
  let done: ReadonlySet<string> = new Set();
  for await (const event of run) {
    if (event.type === "snapshot-damaged") problems.push(`damaged: ${event.error.message}`);
    if (event.type !== "graph-start" || event.resumedFrom === undefined) continue;
    done = doneIn(await graph.snapshot(id, event.resumedFrom), pathsOf(graph));
  }
  const expected = await uninterrupted(seed);
  // A generator is run again up to where it was, so that it can go on; its nodes are visited once here.
  const again = ran.filter((path) => done.has(path));
  if (again.length > 0) problems.push(`done before and run again: ${again.join(", ")}`);
  if (new Set(ran).size < ran.length) problems.push(`run twice after the snapshot: ${ran.join(", ")}`);
  const missing = pathsOf(graph).filter((path) => !done.has(path) && !ran.includes(path));
  if (missing.length > 0) problems.push(`never run: ${missing.join(", ")}`);
  const outcome = await outcomeOf(run.cache, run.final);
  if (outcome !== expected) problems.push(differenceOf(expected, outcome));
  return { seed, problems, done: done.size };
}

/** The modules that a snapshot has as done, by node and path. */
function doneIn(snapshot: Snapshot, paths: readonly string[]): Set<string> {
  const nodes = new Map(snapshot.nodes.map((node) => [node.name, node]));
  return new Set(
    paths.filter((path) => {
      const [name = "", module] = path.split("/");
      const node = nodes.get(name);
      return node?.status === "complete" || node?.modules.some((saved) => saved.path === module && saved.done);
    }),
  );
}

/** What the same graph comes to where nothing happens to it. */
async function uninterrupted(seed: number): Promise<string> {
  const graph = thirtyNodes(seed, { cache: new MemoryCache() });
  const run = graph.run(new Task({ type: "kill", objective: "Live" }), owner);
  for await (const _ of run);
  return outcomeOf(run.cache, run.final);
}

/** Statuses, results, visits, values, and how many messages of which kind: each must be there once. */
async function outcomeOf(cache: Cache, final: GraphFinal | undefined): Promise<string> {
  const values = [...(await cache.getAll())].filter(([key]) => key !== "task").toSorted(([a], [b]) => byText(a, b));
  const mailboxes = await Promise.all(
    (await cache.mailboxes())
      .toSorted(byText)
      .map(async (name) => [name, name === "agent_output" ? 1 : (await cache.peek<string>(name)).toSorted(byText)]),
  );
  return JSON.stringify({
    status: final?.status,
    nodes: final?.nodes,
    iterations: final?.iterations,
    values,
    mailboxes,
  });
}

/** Where two long texts part. */
function differenceOf(expected: string, got: string): string {
  const at = [...expected].findIndex((character, index) => character !== got[index]);
  const around = (text: string): string => text.slice(Math.max(0, at - 80), at + 80);
  return `expected …${around(expected)}…, got …${around(got)}…`;
}

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}
