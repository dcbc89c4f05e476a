import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryCache } from "@millrace/cache";
import { Agent } from "millrace";
import { echoModel } from "millrace/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  cacheSnapshots,
  flowControl,
  GraphAgent,
  type GraphFinal,
  type GraphRun,
  type ModuleContext,
  node,
  outcome,
  type SnapshotStore,
  Task,
} from "../src/index.ts";
import { folderSnapshots } from "../src/node.ts";
import { call, newTask, ofType, problemsOf, readRun } from "./read-run.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-snapshots-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const planned = () => node({ name: "planned", snapshot: "always", modules: [({ input }) => input] });

/** A graph with all that a snapshot has to keep: a loop, a generator, an agent that remembers, messages, added nodes. */
function everything(ran: string[], snapshots: SnapshotStore): GraphAgent {
  const tell =
    (name: string, work: (context: ModuleContext) => unknown) =>
    (context: ModuleContext): unknown => {
      ran.push(`${name}:${context.visit}:${context.attempt}`);
      return work(context);
    };
  const agent = new Agent({ name: "echo", model: echoModel() });
  const always = { snapshot: "always" } as const;
  return new GraphAgent({
    name: "everything",
    snapshots,
    keepSnapshots: 1000,
    nodes: [
      node({
        name: "start",
        ...always,
        modules: [
          {
            name: "set",
            outputMailbox: "log",
            run: tell("set", async ({ cache }) => {
              await cache.set("when", new Date(5));
              await cache.scoped({ prefix: "deep" }).set("big", 10n);
              return new Map([["a", new Set([1])]]);
            }),
          },
          { name: "second", run: tell("second", () => "2"), outputMailbox: "log" },
        ],
      }),
      node({
        name: "loop",
        ...always,
        dependencies: ["start"],
        modules: [
          {
            name: "generator",
            outputMailbox: "log",
            async *run() {
              for (let n = 0; ; n++) yield n;
            },
          },
          agent,
        ],
      }),
      node({
        name: "flaky",
        ...always,
        dependencies: ["start"],
        retry: { maxRetries: 2, initialDelayMs: 0 },
        modules: [
          { name: "fine", run: tell("fine", () => 1) },
          {
            name: "fails",
            run: tell("fails", ({ attempt }) => {
              if (attempt < 2) throw new Error("not yet");
              return 2;
            }),
          },
        ],
      }),
      node({
        name: "check",
        ...always,
        dependencies: ["loop"],
        modules: [
          flowControl({
            decisions: [{ next: "loop", condition: ({ rounds = 0 }) => Number(rounds) < 2 }],
            cleanupOnDefault: false,
          }),
          ({ cache }) => cache.update<number>("rounds", (before = 0) => before + 1),
        ],
      }),
      node({
        name: "plan",
        ...always,
        dependencies: ["check"],
        modules: [() => outcome({ result: "planned", newNodes: [planned()] })],
      }),
      node({ name: "bad", ...always, dependencies: ["start"], retry: false, modules: [tell("bad", failing)] }),
      node({
        name: "end",
        ...always,
        dependencies: ["plan"],
        modules: [{ name: "end", run: tell("end", () => "over") }],
      }),
    ],
  });
}

function failing(): never {
  throw new Error("always");
}

/** What must be the same, however often the run was interrupted. */
async function comparable({ cache }: GraphRun, final: GraphFinal | undefined): Promise<unknown> {
  const { status, nodes, iterations, steps, usage, failedChains } = final ?? {};
  const values = new Map(await cache.getAll({ raw: true }));
  const mailboxes = new Map<string, unknown>();
  for (const name of await cache.mailboxes()) mailboxes.set(name, await cache.peek(name));
  for (const key of values.keys()) if (key.endsWith(":task")) values.delete(key);
  const visits = Object.entries(nodes ?? {}).map(([name, report]) => [
    name,
    { ...report, error: report.error?.message },
  ]);
  return { status, iterations, steps, usage, failedChains, values, mailboxes, visits };
}

test("goes on from every snapshot as if nothing had happened", { timeout: 30_000 }, async () => {
  const store = folderSnapshots(join(folder, "everything"));
  const task = new Task({ type: "t", objective: "Say it", id: "whole" });
  const ran: string[] = [];
  const whole = await readRun(everything(ran, store).run(task, call));
  expect(problemsOf(whole.events)).toEqual([]);
  expect(whole.final).toMatchObject({ status: "partial_failure", failedChains: [["bad"]] });
  expect(whole.final.nodes["loop"]?.visits).toBe(3);
  const expected = await comparable(whole.run, whole.final);
  const numbers = ofType(whole.events, "snapshot").map(({ number }) => number);
  expect(numbers.length).toBeGreaterThan(10);
  expect(await store.list("whole")).toEqual(numbers);
  for (const number of numbers) {
    const again: string[] = [];
    const graph = everything(again, store);
    const snapshot = await graph.snapshot("whole", number);
    const done = new Set(
      snapshot.nodes.flatMap(({ visits, attempt, modules }) =>
        modules.filter((module) => module.done).map(({ path }) => `${path}:${visits}:${attempt}`),
      ),
    );
    const { run, events, final } = await readRun(graph.resume(snapshot, { ...call, nodes: [planned()] }));
    expect(problemsOf(events), `from ${number}`).toEqual([]);
    expect(events[0]).toMatchObject({ type: "graph-start", resumedFrom: number });
    expect(await comparable(run, final), `from ${number}`).toEqual(expected);
    expect(again.filter((path) => done.has(path))).toEqual([]);
    await store.delete("whole", number);
  }
});

test("saves when nodes ask for it: never, before the first visit, or always", async () => {
  const numbersOf = async (snapshot: "never" | "once" | "always"): Promise<number> => {
    let visits = 0;
    const nodes = [
      node({ name: "a", snapshot, modules: [() => 1, () => (++visits < 3 ? outcome({ next: "a" }) : 2)] }),
      node({ name: "b", dependencies: ["a"], modules: [() => 1] }),
    ];
    const { events } = await readRun(new GraphAgent({ name: "g", nodes }).run(newTask(), call));
    return ofType(events, "snapshot").length;
  };
  expect(await numbersOf("never")).toBe(0);
  expect(await numbersOf("once")).toBe(2); // before the first visit, and at the end
  expect(await numbersOf("always")).toBe(3 * 3 + 1); // before each visit, after each module, and at the end
});

test("keeps the newest snapshots, beside a task's values in the cache", async () => {
  const cache = new MemoryCache();
  const nodes = [1, 2, 3, 4].map((index) => node({ name: `n${index}`, snapshot: "always", modules: [() => index] }));
  const graph = new GraphAgent({ name: "g", cache, nodes, keepSnapshots: 2, maxConcurrency: 1 });
  const { run, events } = await readRun(graph.run(newTask(), call));
  const taken = ofType(events, "snapshot").map(({ number }) => number);
  expect(await cacheSnapshots(cache).list(run.task.id)).toEqual(taken.slice(-2));
  const again = await readRun(await graph.resumeLatest(run.task.id, call));
  expect(again.final).toMatchObject({ status: "complete", task: { status: "complete" } });
  expect(ofType(again.events, "node-start")).toEqual([]);
});

test("snapshots in a cache go with time, where that is wanted", async () => {
  const store = cacheSnapshots(new MemoryCache(), { ttlMs: 1 });
  await store.write("t", 0, "text");
  await expect.poll(() => store.list("t")).toEqual([]);
  expect(await store.read("t", 0)).toBeUndefined();
});

test.each<[string, (text: string) => string]>([
  ["cut", (text) => text.slice(0, -20)],
  ["altered", (text) => text.replace('"complete"', '"failed!!"')],
  ["empty", () => ""],
  ["no snapshot", () => "hello"],
  ["cut in its first line", (text) => text.slice(0, 15)],
])("tries the one before where the newest is %s, and says so", async (how, damage) => {
  const store = folderSnapshots(join(folder, `damaged ${how}`));
  const nodes = [node({ name: "a", snapshot: "always", modules: [() => 1] })];
  const graph = new GraphAgent({ name: "g", snapshots: store, nodes });
  const { run } = await readRun(graph.run(newTask(), call));
  const { id } = run.task;
  const newest = (await store.list(id)).at(-1) ?? 0;
  await store.write(id, newest, damage((await store.read(id, newest)) ?? ""));
  await expect(graph.snapshot(id, newest)).rejects.toMatchObject({ name: "SnapshotError", kind: "damaged" });
  const { events, final } = await readRun(await graph.resumeLatest(id, call));
  expect(ofType(events, "snapshot-damaged")).toMatchObject([{ number: newest, error: { kind: "damaged" } }]);
  expect(events[0]).toMatchObject({ type: "graph-start", resumedFrom: newest - 1 });
  expect(final.status).toBe("complete");
});

test("refuses a snapshot of a later version", async () => {
  const store = folderSnapshots(join(folder, "version"));
  await store.write("t", 0, '{"format":"millrace-graph-snapshot","version":2,"sha256":""}\n');
  const graph = new GraphAgent({ name: "g", snapshots: store, nodes: [] });
  await expect(graph.resumeLatest("t", call)).rejects.toMatchObject({ kind: "version" });
});

test("refuses what it cannot go on from", async () => {
  const graph = (name: string, resumable: boolean): GraphAgent =>
    new GraphAgent({
      name,
      nodes: [
        node({
          name: "a",
          snapshot: "always",
          modules: [
            {
              name: "generator",
              resumable,
              async *run() {
                for (;;) yield 1;
              },
            },
            () => 2,
          ],
        }),
      ],
    });
  const strict = graph("g", false);
  const run = strict.run(newTask(), call);
  for await (const event of run) if (event.type === "snapshot" && event.number === 1) run.stop();
  const { id } = run.task;
  const snapshot = await strict.snapshot(id, 1);
  await expect(strict.resumeLatest(id, call)).rejects.toMatchObject({ kind: "not-resumable" });
  expect(() => graph("other", true).resume(snapshot, call)).toThrow('was taken of the graph "g"');
  expect(() => graph("g", true).resume(snapshot, { ...call, userId: "eve" })).toThrow("another user's task");
  expect(() => new GraphAgent({ name: "g", nodes: [] }).resume(snapshot, call)).toThrow(
    "nodes that the graph has not: a",
  );
  await expect(strict.resumeLatest("nobody", call)).rejects.toMatchObject({ kind: "not-found" });
  const resumed = await readRun(graph("g", true).resume(snapshot, call));
  expect(resumed.final.status).toBe("complete");
});

test("a stopped task goes on where it was", async () => {
  const ran: string[] = [];
  const graph = new GraphAgent({
    name: "g",
    nodes: ["a", "b", "c"].map((name, index, all) =>
      node({ name, dependencies: all.slice(0, index), snapshot: "always", modules: [() => ran.push(name)] }),
    ),
  });
  const run = graph.run(newTask(), call);
  for await (const event of run) if (event.type === "module-start" && event.node === "b") run.stop("enough");
  expect(run.task.status).toBe("failed");
  const again = await readRun(await graph.resumeLatest(run.task.id, call));
  expect(again.final.status).toBe("complete");
  expect(ran.join(" ")).toMatch(/^a (b )?b c$/);
});

test("what cannot be saved fails the run, with one typed error", async () => {
  const graph = new GraphAgent({
    name: "g",
    nodes: [node({ name: "a", snapshot: "always", modules: [() => () => "a function"] })],
  });
  const { thrown, final, events } = await readRun(graph.run(newTask(), call));
  expect(thrown).toMatchObject({ name: "SnapshotError", kind: "unserializable" });
  expect(final).toMatchObject({ stopReason: "error", status: "failed" });
  expect(problemsOf(events)).toEqual([]);
});

test("a store that fails does so too", async () => {
  const broken: SnapshotStore = {
    ...cacheSnapshots(new MemoryCache()),
    write: () => Promise.reject(new Error("disk full")),
  };
  const nodes = [node({ name: "a", snapshot: "once", modules: [() => 1] })];
  const { thrown, final } = await readRun(new GraphAgent({ name: "g", snapshots: broken, nodes }).run(newTask(), call));
  expect(thrown).toMatchObject({ message: "disk full" });
  expect(final.nodes["a"]?.status).toBe("waiting");
});

test.each(["../../escape", "..", "/etc/passwd", "a/b", "C:\\x", "nul\0l", "\ud800", "x".repeat(500), "A", "a"])(
  "no id leads out of the folder: %j",
  async (id) => {
    const root = join(folder, "inside", "deep");
    await mkdir(root, { recursive: true });
    const store = folderSnapshots(root);
    const before = (await readdir(root)).length;
    await store.write(id, 0, "text");
    expect(await store.read(id, 0)).toBe("text");
    expect(await store.list(id)).toEqual([0]);
    expect((await readdir(root)).length).toBe(before + 1);
    expect(await readdir(join(root, ".."))).toEqual(["deep"]);
  },
);

test("what is half written is not seen, and goes with the snapshot that it was to be", async () => {
  const root = join(folder, "half");
  const store = folderSnapshots(root);
  await store.write("t", 3, "whole");
  const [inner = ""] = await readdir(root);
  await writeFile(join(root, inner, "4.snapshot.123.part"), "ha");
  expect(await store.list("t")).toEqual([3]);
  expect(await readFile(join(root, inner, "3.snapshot"), "utf8")).toBe("whole");
  await store.write("t", 4, "whole too");
  await store.delete("t", 4);
  expect(await readdir(join(root, inner))).toEqual(["3.snapshot"]);
});

test("who looks for the snapshots of a task does not disturb the run that writes them", async () => {
  const store = folderSnapshots(join(folder, "watched"));
  const nodes = Array.from({ length: 20 }, (_, index) =>
    node({ name: `n${index}`, snapshot: "always", modules: [() => "x".repeat(100_000)] }),
  );
  const run = new GraphAgent({ name: "g", snapshots: store, nodes }).run(newTask(), call);
  let isOver = false;
  const watching = (async () => {
    while (!isOver) await store.list(run.task.id);
  })();
  const { final, thrown } = await readRun(run);
  isOver = true;
  await watching;
  expect(thrown).toBeUndefined();
  expect(final.status).toBe("complete");
});

test("a generator that had ended has ended still", async () => {
  const looping = (): GraphAgent =>
    new GraphAgent({
      name: "g",
      cache,
      nodes: [
        node({
          name: "next",
          snapshot: "always",
          modules: [
            {
              name: "steps",
              async *run() {
                yield "one";
                return "the end";
              },
            },
          ],
        }),
        node({
          name: "note",
          dependencies: ["next"],
          modules: [
            ({ cache, results }) => cache.update<unknown[]>("seen", (seen = []) => [...seen, results["next"]]),
            flowControl({
              decisions: [{ next: "next", condition: ({ seen }) => Array.isArray(seen) && seen.length < 4 }],
              cleanupOnDefault: false,
            }),
          ],
        }),
      ],
    });
  const cache = new MemoryCache();
  const run = looping().run(newTask(), call);
  for await (const event of run) if (event.type === "node-start" && event.node === "note" && event.visit === 2) break;
  const again = await readRun(await looping().resumeLatest(run.task.id, call));
  expect(await again.run.cache.get("seen")).toEqual(["one", "the end", "generator exhausted", "generator exhausted"]);
});
