import { type Cache, MemoryCache, type Scope } from "@millrace/cache";
import { Agent } from "millrace";
import { scriptedModel } from "millrace/testing";
import { expect, test } from "vitest";
import {
  cacheSnapshots,
  flowControl,
  GraphAgent,
  type GraphEvent,
  type GraphNode,
  type GraphOptions,
  type ModuleContext,
  node,
  type SnapshotStore,
} from "../src/index.ts";
import { call, newTask, ofType, problemsOf, readRun } from "./read-run.ts";

/** What is running now. */
let running = 0;
/** Signals of modules that were abandoned while they worked. */
let aborted = 0;

async function work({ signal, progress }: ModuleContext): Promise<string> {
  running++;
  try {
    await progress("begun");
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, 2);
      signal.addEventListener(
        "abort",
        () => {
          aborted++;
          clearTimeout(timer);
          reject(signal.reason);
        },
        { once: true },
      );
    });
    return "worked";
  } finally {
    running--;
  }
}

const model = () => scriptedModel(["one two", "three"], { delayMs: 1 });
const graph = (): GraphAgent =>
  new GraphAgent({
    name: "g",
    graceMs: 50,
    nodes: [
      node({ name: "a", modules: [work], snapshot: "always" }),
      node({
        name: "b",
        dependencies: ["a"],
        parallel: true,
        modules: [work, new Agent({ name: "agent", model: model() })],
      }),
      node({
        name: "c",
        dependencies: ["a"],
        retry: { maxRetries: 1, initialDelayMs: 5 },
        modules: [
          ({ attempt }) => {
            if (attempt === 1) throw new Error("not yet");
          },
        ],
      }),
      node({
        name: "d",
        dependencies: ["b", "c"],
        modules: [
          {
            name: "generator",
            async *run(context: ModuleContext) {
              running++;
              try {
                for (;;) yield await work(context);
              } finally {
                running--;
              }
            },
          },
          flowControl({ decisions: [], cleanupOnDefault: false }),
        ],
      }),
    ],
  });

const cuts: Record<string, (events: GraphEvent[], at: number) => Promise<GraphEvent | undefined>> = {
  async stop(events, at) {
    const run = graph().run(newTask(), call);
    for await (const event of run) if (events.push(event) === at) run.stop("enough");
    return run.final;
  },
  async abort(events, at) {
    const controller = new AbortController();
    const run = graph().run(newTask(), { ...call, signal: controller.signal });
    for await (const event of run) if (events.push(event) === at) controller.abort("enough");
    return run.final;
  },
  async break(events, at) {
    const run = graph().run(newTask(), { ...call, hooks: { onEvent: (event) => events.push(event) } });
    let read = 0;
    for await (const _ of run) if (++read === at) break;
    return run.final;
  },
  async throw(events, at) {
    const run = graph().run(newTask(), { ...call, hooks: { onEvent: (event) => events.push(event) } });
    let read = 0;
    try {
      for await (const _ of run) if (++read === at) throw new Error("the reader");
    } catch (error) {
      expect(error).toMatchObject({ message: "the reader" });
    }
    return run.final;
  },
  async "return() while next() is pending"(events, at) {
    const run = graph().run(newTask(), { ...call, hooks: { onEvent: (event) => events.push(event) } });
    for (let read = 0; read < at; read++) await run.next();
    const pending = run.next().catch(() => {});
    await run.return();
    await pending;
    return run.final;
  },
};

test.each(Object.keys(cuts))(
  "a %s at any event leaves nothing running, and one final",
  { timeout: 60_000 },
  async (kind) => {
    const { events: all, final: whole } = await readRun(graph().run(newTask(), call));
    expect(problemsOf(all)).toEqual([]);
    expect(whole.status).toBe("complete");
    expect(all.length).toBeGreaterThan(30);
    const last = all.length - 1;
    for (let at = 1; at <= last; at++) {
      const events: GraphEvent[] = [];
      const final = await cuts[kind]?.(events, at);
      expect(problemsOf(events), `${kind} at ${at}`).toEqual([]);
      expect(final, `${kind} at ${at}`).toBe(events.at(-1));
      expect(final, `${kind} at ${at}`).toMatchObject({ type: "final" });
      if (final?.type !== "final") continue;
      expect(running, `${kind} at ${at}`).toBe(0);
      expect(final.task.status, `${kind} at ${at}`).toBe(final.status);
      if (final.stopReason === "stopped") {
        expect(final).toMatchObject({
          status: "failed",
          task: { error: { message: expect.stringMatching(/stopped/) } },
        });
        expect(ofType(events, "stopped")).toHaveLength(1);
      } else {
        expect(final.stopReason).toBe("completed");
      }
    }
    expect(aborted).toBeGreaterThan(0);
  },
);

test("a module that does not react is abandoned after the grace", async () => {
  const stuck = new GraphAgent({
    name: "g",
    graceMs: 20,
    nodes: [node({ name: "a", modules: [() => new Promise(() => {})] })],
  });
  const run = stuck.run(newTask(), call);
  for await (const event of run) if (event.type === "module-start") setTimeout(() => run.stop(), 5);
  expect(run.final).toMatchObject({ stopReason: "stopped", nodes: { a: { status: "stopped" } } });
});

test("nothing happens before it is read, and a task is begun once", async () => {
  const task = newTask();
  const graphOfOne = new GraphAgent({ name: "g", nodes: [node({ name: "a", modules: [() => 1] })] });
  const first = graphOfOne.run(task, call);
  const second = graphOfOne.run(task, call);
  expect(task.status).toBe("waiting");
  await readRun(first);
  const { thrown, final } = await readRun(second);
  expect(thrown).toMatchObject({ name: "TaskError" });
  expect(final).toMatchObject({ stopReason: "error", status: "complete" });
  expect(() => graphOfOne.run(task, call)).toThrow("it is complete and cannot become executing");
});

test("a task that two runs are told to carry out is left to the first", async () => {
  const task = newTask();
  const cache = new MemoryCache();
  const graph = new GraphAgent({ name: "g", cache, nodes: [node({ name: "a", modules: [() => 1] })] });
  const first = graph.run(task, call);
  const second = graph.run(task, call);
  await first.next();
  const { thrown, final } = await readRun(second);
  expect(thrown).toMatchObject({ name: "TaskError" });
  expect(final.stopReason).toBe("error");
  expect(task.status).toBe("executing");
  expect((await readRun(first)).final).toMatchObject({ status: "complete", results: { a: 1 } });
  expect(await first.cache.peek("agent_output")).toHaveLength(1);
});

test("a node that is stopped between its modules has not succeeded", async () => {
  const ran: string[] = [];
  const two = ["one", "two"].map((name) => ({ name, run: () => ran.push(name) }));
  const run = new GraphAgent({ name: "g", nodes: [node({ name: "a", modules: two })] }).run(newTask(), call);
  const types: string[] = [];
  for await (const event of run) {
    types.push(event.type);
    if (event.type === "module-result") run.stop();
  }
  expect(ran).toEqual(["one"]);
  expect(types).not.toContain("node-result");
  expect(run.final).toMatchObject({ stopReason: "stopped", results: {}, nodes: { a: { status: "stopped" } } });
});

test("a task whose end nobody can be told of has failed", async () => {
  const graph = new GraphAgent({ name: "g", nodes: [node({ name: "a", modules: [() => () => "a function"] })] });
  const { thrown, final, run } = await readRun(graph.run(newTask(), call));
  expect(thrown).toMatchObject({ name: "CacheError", kind: "unserializable" });
  expect(final).toMatchObject({ stopReason: "error", status: "failed" });
  expect(run.task.error).toBe(thrown);
});

/** A cache, and all in its scopes, of which one method never answers. */
function hanging(cache: Cache, method: "publish" | "set"): Cache {
  return new Proxy(cache, {
    get(target, key) {
      if (key === method) return () => new Promise(() => {});
      if (key === "scoped") return (scope: Scope) => hanging(target.scoped(scope), method);
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const silentStore: SnapshotStore = {
  ...cacheSnapshots(new MemoryCache()),
  write: () => new Promise(() => {}),
};
const fails = (): never => {
  throw new Error("no");
};
const silent: Record<string, Partial<GraphOptions> & { nodes: GraphNode[] }> = {
  "a store that is to keep a snapshot before a step": {
    snapshots: silentStore,
    nodes: [node({ name: "a", snapshot: "once", modules: [() => 1] })],
  },
  "a cache that is to keep the task": {
    cache: hanging(new MemoryCache(), "set"),
    nodes: [node({ name: "a", modules: [() => 1] })],
  },
  "a mailbox that is to hear of a failure": {
    cache: hanging(new MemoryCache(), "publish"),
    nodes: [node({ name: "a", retry: false, modules: [fails] })],
  },
  "a mailbox that is to hear of the end": {
    cache: hanging(new MemoryCache(), "publish"),
    nodes: [node({ name: "a", modules: [() => 1] })],
  },
};

test.each(Object.keys(silent))("a stop waits no longer than the grace for %s", async (what) => {
  const run = new GraphAgent({ name: "g", nodes: [], graceMs: 1, ...silent[what] }).run(newTask(), call);
  setTimeout(() => run.stop("enough"), 20);
  const { final, thrown, events } = await readRun(run);
  expect(thrown).toBeUndefined();
  expect(final.status).not.toBe("executing");
  expect(problemsOf(events)).toEqual([]);
});

test("a slow reader holds what streams", async () => {
  let given = 0;
  const streaming = new GraphAgent({
    name: "g",
    nodes: [
      node({
        name: "a",
        modules: [
          async ({ progress }) => {
            for (let n = 0; n < 100; n++) {
              await progress(n);
              given++;
            }
          },
        ],
      }),
    ],
  });
  const run = streaming.run(newTask(), call);
  for (let read = 0; read < 20; read++) await run.next();
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(given).toBeLessThan(20);
  await run.return();
});
