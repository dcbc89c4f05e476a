import { expect, test } from "vitest";
import { flowControl, GraphAgent, type GraphEvent, generatorExhausted, node, outcome } from "../src/index.ts";
import { call, newTask, ofType, problemsOf, readRun, runOnce } from "./read-run.ts";

/** The nodes in the order in which they were visited. */
function visitsOf(events: readonly GraphEvent[]): string {
  expect(problemsOf(events)).toEqual([]);
  return ofType(events, "node-start")
    .map((event) => event.node)
    .join(" ");
}

const setting = (key: string, value: unknown) => ({
  name: `set-${key}`,
  run: ({ cache }: { cache: { set(key: string, value: unknown): Promise<void> } }) => cache.set(key, value),
});

test("the first decision whose condition is true, or that has none, wins; else the default; else the plan goes on", async () => {
  const after = (decisions: Parameters<typeof flowControl>[0]) =>
    runOnce(
      new GraphAgent({
        name: "g",
        nodes: [
          node({ name: "a", modules: [setting("n", 2)] }),
          node({ name: "f", dependencies: ["a"], modules: [flowControl({ cleanupOnDefault: false, ...decisions })] }),
          node({ name: "x", dependencies: ["f"], modules: [() => 1] }),
          node({ name: "y", dependencies: ["f"], modules: [() => 1] }),
          node({ name: "z", dependencies: ["y"], modules: [() => 1] }),
        ],
      }),
    ).then(({ events }) => visitsOf(events));
  const isOne = ({ n }: { n?: unknown }): boolean => n === 1;
  const isTwo = ({ n }: { n?: unknown }): boolean => n === 2;
  expect(
    await after({
      decisions: [
        { next: "x", condition: isOne },
        { next: "y", condition: isTwo },
      ],
    }),
  ).toBe("a f y z");
  expect(await after({ decisions: [{ next: "x" }, { next: "y", condition: isTwo }] })).toBe("a f x");
  expect(await after({ decisions: [{ next: "x", condition: isOne }], default: "z" })).toBe("a f z");
  expect(await after({ decisions: [{ next: "x", condition: isOne }] })).toBe("a f x y z");
});

test("jumps back until a condition holds, and visits what depends on the target again", async () => {
  const graph = new GraphAgent({
    name: "g",
    nodes: [
      node({
        name: "count",
        modules: [({ cache }) => cache.update<number>("n", (before = 0) => before + 1)],
      }),
      node({
        name: "check",
        dependencies: ["count"],
        modules: [
          flowControl({
            decisions: [{ next: "count", condition: ({ n }) => Number(n) < 3, metadata: { why: "too few" } }],
            cleanupOnDefault: false,
          }),
        ],
      }),
      node({ name: "end", dependencies: ["check"], modules: [() => "done"] }),
    ],
  });
  const { events, final } = await runOnce(graph);
  expect(visitsOf(events)).toBe("count check count check count check end");
  expect(ofType(events, "decision")).toMatchObject([
    { node: "check", next: "count", metadata: { why: "too few" } },
    { node: "check", next: "count" },
    { node: "check" },
  ]);
  expect(final.nodes["count"]).toMatchObject({ visits: 3, result: 3 });
});

test("deletes the variables of a condition that was true, and of no other", async () => {
  const graph = new GraphAgent({
    name: "g",
    nodes: [
      node({ name: "a", modules: [setting("yes", true), setting("no", false), setting("free", 1)] }),
      node({
        name: "f",
        dependencies: ["a"],
        modules: [
          flowControl({
            decisions: [
              { next: "b", condition: ({ no }) => no === true, conditionVariables: ["no"] },
              { next: "b", condition: ({ yes }) => yes === true, conditionVariables: ["yes"] },
              { next: "b", conditionVariables: ["free"] },
            ],
          }),
        ],
      }),
      node({ name: "b", dependencies: ["f"], modules: [() => 1] }),
    ],
  });
  const { run } = await runOnce(graph);
  expect(new Set(await run.cache.keys())).toEqual(new Set(["free", "no", "task"]));
});

test("an expression gets the keys that it reads, and what it throws fails its node after its repetitions", async () => {
  const asked: unknown[] = [];
  const graph = new GraphAgent({
    name: "g",
    nodes: [
      node({ name: "a", modules: [setting("n", 1), setting("other", 2)] }),
      node({
        name: "f",
        dependencies: ["a"],
        retry: { maxRetries: 1, initialDelayMs: 0 },
        modules: [
          flowControl({
            decisions: [
              {
                next: "a",
                condition: {
                  source: "n == nothing.at",
                  keys: ["n", "nothing"],
                  evaluate(values) {
                    asked.push(values);
                    throw new Error("nothing is nil");
                  },
                },
              },
            ],
          }),
        ],
      }),
    ],
  });
  const { final } = await runOnce(graph);
  expect(asked).toEqual([{ n: 1 }, { n: 1 }]);
  expect(final.nodes["f"]?.error?.message).toContain("nothing is nil");
  expect(final.status).toBe("partial_failure");
});

test.each<[string, boolean, unknown[]]>([
  ["without cleanup a generator goes on", false, [0, 1, 2, generatorExhausted, generatorExhausted]],
  ["with cleanup it begins anew", true, [0, 0, 0, 0, 0]],
])("%s", async (_, cleanup, expected) => {
  let cleaned = 0;
  const graph = new GraphAgent({
    name: "g",
    nodes: [
      node({
        name: "gen",
        modules: [
          {
            name: "count",
            async *run() {
              for (let n = 0; n < 3; n++) yield n;
            },
            cleanup: () => cleaned++,
          },
        ],
      }),
      node({
        name: "loop",
        dependencies: ["gen"],
        maxVisits: 0,
        modules: [flowControl({ decisions: [{ next: "gen", cleanup, condition: ({ task }) => task !== undefined }] })],
      }),
    ],
  });
  const { events, final } = await runOnce(graph);
  expect(ofType(events, "node-result").flatMap((event) => (event.node === "gen" ? [event.result] : []))).toEqual(
    expected,
  );
  // The sixth visit is one too many.
  expect(final.nodes["gen"]).toMatchObject({ status: "failed", error: { kind: "max-visits" } });
  expect(cleaned > 0).toBe(cleanup);
});

test("cleans up all nodes when nothing matches, and none of them where that is not wanted", async () => {
  const cleanedWith = async (cleanupOnDefault?: boolean): Promise<string[]> => {
    const cleaned: string[] = [];
    const part = (name: string) => ({ name, run: () => 1, cleanup: () => cleaned.push(name) });
    const options = cleanupOnDefault === undefined ? {} : { cleanupOnDefault };
    const graph = new GraphAgent({
      name: "g",
      nodes: [
        node({ name: "a", modules: [part("a")] }),
        node({ name: "f", dependencies: ["a"], modules: [flowControl({ decisions: [], ...options })] }),
        node({ name: "b", dependencies: ["f"], modules: [part("b")] }),
      ],
    });
    await runOnce(graph);
    return cleaned;
  };
  expect(await cleanedWith()).toEqual(["a", "b"]);
  expect(await cleanedWith(false)).toEqual([]);
});

test("cleans up what stands before the target and the target, not its siblings", async () => {
  const cleaned: string[] = [];
  const part = (name: string) => ({ name, run: () => 1, cleanup: () => cleaned.push(name) });
  let jumps = 0;
  const graph = new GraphAgent({
    name: "g",
    nodes: [
      node({ name: "a", modules: [part("a")] }),
      node({ name: "b", dependencies: ["a"], modules: [part("b")] }),
      node({ name: "sibling", dependencies: ["a"], modules: [part("sibling")] }),
      node({
        name: "f",
        dependencies: ["b", "sibling"],
        modules: [part("f"), () => (jumps++ === 0 ? outcome({ next: "b", cleanup: true }) : 1)],
      }),
    ],
  });
  const { events } = await runOnce(graph);
  expect(cleaned).toEqual(["a", "b"]);
  expect(visitsOf(events)).toBe("a b sibling f b f");
});

test("a jump to a node that there is not, or that has failed, is not followed: the plan goes on", async () => {
  const graph = new GraphAgent({
    name: "g",
    nodes: [
      node({
        name: "bad",
        retry: false,
        modules: [
          () => {
            throw new Error("no");
          },
        ],
      }),
      node({ name: "lost", modules: [() => outcome({ next: "nobody" })] }),
      node({ name: "f", dependencies: ["lost"], modules: [flowControl({ decisions: [{ next: "bad" }] })] }),
      node({ name: "end", dependencies: ["f"], modules: [() => 1] }),
    ],
  });
  const { events, final, run } = await runOnce(graph);
  expect(ofType(events, "decision")).toMatchObject([
    { node: "lost", next: "nobody", refused: "unknown" },
    { node: "f", next: "bad", refused: "failed" },
  ]);
  expect(visitsOf(events)).toBe("bad lost f end");
  expect(final).toMatchObject({ status: "partial_failure", failedChains: [["bad"]] });
  expect(await run.cache.peek("agent_error")).toMatchObject([
    { node: "bad" },
    { error: "Invalid next node: nobody" },
    { error: "Next node has failed: bad" },
  ]);
});

test("modules behind a decision run before the jump, and of two decisions in a step the last one is followed", async () => {
  const seen: string[] = [];
  const graph = new GraphAgent({
    name: "g",
    nodes: [
      node({ name: "one", modules: [flowControl({ decisions: [{ next: "x" }] }), () => seen.push("behind")] }),
      node({ name: "two", modules: [flowControl({ decisions: [{ next: "y" }] })] }),
      node({ name: "x", dependencies: ["one"], modules: [() => seen.push("x")] }),
      node({ name: "y", dependencies: ["two"], modules: [() => seen.push("y")] }),
    ],
  });
  await runOnce(graph);
  expect(seen).toEqual(["behind", "y"]);
});

test("a failed node that succeeds after a jump has not failed", async () => {
  let tries = 0;
  const graph = new GraphAgent({
    name: "g",
    nodes: [
      node({ name: "a", modules: [() => 1] }),
      node({
        name: "b",
        dependencies: ["a"],
        retry: false,
        modules: [
          () => {
            if (tries++ === 0) throw new Error("not yet");
            return "now";
          },
        ],
      }),
      node({ name: "c", dependencies: ["a"], modules: [() => (tries < 2 ? outcome({ next: "a" }) : 1)] }),
      node({ name: "d", dependencies: ["b"], modules: [() => 1] }),
    ],
  });
  const { final } = await runOnce(graph);
  expect(final).toMatchObject({
    status: "complete",
    failedChains: [],
    nodes: { b: { result: "now" }, d: { visits: 1 } },
  });
});

test("ends a loop at its cap of steps, and the next task begins at none", async () => {
  const graph = new GraphAgent({
    name: "g",
    maxTotalIterations: 7,
    nodes: [node({ name: "a", maxVisits: 0, modules: [() => outcome({ next: "a" })] })],
  });
  for (let time = 0; time < 2; time++) {
    const { final, events, run, thrown } = await runOnce(graph);
    expect(thrown).toBeUndefined();
    expect(final).toMatchObject({ stopReason: "max-iterations", status: "failed", iterations: 7 });
    expect(final.nodes["a"]?.visits).toBe(7);
    expect(events.at(-2)).toMatchObject({ type: "max-iterations-reached", maxTotalIterations: 7 });
    expect(await run.cache.get("task")).toMatchObject({ status: "failed" });
    expect(await run.cache.peek("agent_error")).toMatchObject([
      { status: "error", error: "Graph execution exceeded maximum total iterations (7)" },
    ]);
  }
});

test("new nodes run before what depends on their maker, and nothing else of the plan is lost", async () => {
  const graph = new GraphAgent({
    name: "g",
    nodes: [
      node({
        name: "maker",
        modules: [
          () =>
            outcome({
              result: "made",
              next: "far",
              newNodes: [
                node({ name: "n1", modules: [({ input }) => input] }),
                node({ name: "n2", dependencies: ["n1"], modules: [() => 2] }),
              ],
            }),
        ],
      }),
      node({ name: "other", modules: [() => 1] }),
      node({ name: "near", dependencies: ["maker"], modules: [({ input }) => input] }),
      node({ name: "far", dependencies: ["other"], modules: [() => 1] }),
    ],
  });
  const { events, final } = await readRun(graph.run(newTask(), call));
  expect(visitsOf(events)).toBe("maker other far n1 n2 near");
  expect(ofType(events, "nodes-added")[0]).toMatchObject({ node: "maker", nodes: [{ name: "n1" }, { name: "n2" }] });
  expect(final.results["n1"]).toEqual({ maker: "made" });
  expect(final.results["near"]).toEqual({ maker: "made", n1: { maker: "made" }, n2: 2 });
  expect(graph.nodes.map(({ name }) => name)).toEqual(["maker", "other", "near", "far"]);
});

test("new nodes that cannot be fail their maker, with what is wrong", async () => {
  const graph = new GraphAgent({
    name: "g",
    nodes: [node({ name: "a", modules: [() => outcome({ newNodes: [node({ name: "a", modules: [] })] })] })],
  });
  const { thrown } = await runOnce(graph);
  expect(thrown).toMatchObject({ name: "GraphError", errors: [{ kind: "invalid-nodes", node: "a" }] });
});
