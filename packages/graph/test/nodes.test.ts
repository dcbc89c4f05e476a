import { expect, test, vi } from "vitest";
import {
  GraphAgent,
  type GraphNode,
  type ModuleContext,
  type NodeOptions,
  type NodePart,
  NonRetryableError,
  node,
} from "../src/index.ts";
import { ofType, problemsOf, type ReadRun, runOnce } from "./read-run.ts";

const fail = (): never => {
  throw new Error("no");
};
const quick = { initialDelayMs: 0 };
const graphOf = (...nodes: GraphNode[]): GraphAgent => new GraphAgent({ name: "g", nodes });
/** Runs one node beside one that succeeds, so that a failure is one in part. */
async function runNode(options: Partial<NodeOptions>, graphOptions = {}): Promise<ReadRun> {
  const nodes = [node({ name: "n", modules: [], ...options }), node({ name: "good", modules: [() => 1] })];
  const read = await runOnce(new GraphAgent({ name: "g", nodes, ...graphOptions }));
  expect(problemsOf(read.events)).toEqual([]);
  return read;
}

test("modules run one after the other and give a list; the first failure ends the node", async () => {
  const seen: string[] = [];
  const good = await runNode({ modules: [() => seen.push("a"), async () => "b"] });
  expect(good.final.results["n"]).toEqual([1, "b"]);
  const bad = await runNode({ retry: false, modules: [() => 1, fail, () => seen.push("never")] });
  expect(bad.final.nodes["n"]).toMatchObject({ status: "failed", error: { kind: "failed", module: "fail" } });
  expect(seen).toEqual(["a"]);
});

test("side by side all modules run, and the first failure in their order is the node's", async () => {
  const seen: string[] = [];
  const { final } = await runNode({
    retry: false,
    parallel: true,
    modules: [
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        throw new Error("the first");
      },
      () => {
        throw new Error("the second");
      },
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 10));
        seen.push("ran");
      },
    ],
  });
  expect(final.nodes["n"]?.error?.message).toContain("the first");
  expect(seen).toEqual(["ran"]);
});

test("with stopOnSuccess modules are tried until one succeeds, and side by side the others are stopped", async () => {
  const seen: string[] = [];
  const inOrder = await runNode({ stopOnSuccess: true, modules: [fail, () => "second", () => seen.push("third")] });
  expect(inOrder.final.results["n"]).toBe("second");
  expect(seen).toEqual([]);
  const all = await runNode({
    stopOnSuccess: true,
    retry: false,
    modules: [fail, fail].map((run, i) => ({ name: `m${i}`, run })),
  });
  expect(all.final.nodes["n"]).toMatchObject({ status: "failed" });
  const hanging = ({ signal }: ModuleContext): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
  const atOnce = await runNode({ parallel: true, stopOnSuccess: true, modules: [hanging, async () => "quick"] });
  expect(atOnce.final.results["n"]).toBe("quick");
  expect(ofType(atOnce.events, "module-error")).toMatchObject([{ module: "hanging", error: { kind: "stopped" } }]);
});

test.each([true, false])("what is skipped is no success that would be enough (side by side: %s)", async (parallel) => {
  const skipped = node({ name: "skipped", condition: () => false, modules: [() => "skipped"] });
  const fails = { name: "fails", run: () => Promise.reject(new Error("no")) };
  const works = { name: "works", run: () => "works" };
  const tried = (...modules: NodePart[]): Promise<ReadRun> =>
    runOnce(graphOf(node({ name: "a", parallel, stopOnSuccess: true, retry: false, modules })));
  expect((await tried(skipped, fails, works)).final.results).toEqual({ a: "works" });
  expect((await tried(fails, skipped)).final.nodes["a"]?.status).toBe("failed");
  expect((await tried(skipped)).final.nodes["a"]).toMatchObject({ status: "complete", result: undefined });
});

test("nodes in nodes never wait for each other's places", async () => {
  let running = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 2));
    running--;
  };
  const inner = (name: string): GraphNode =>
    node({ name, parallel: true, modules: [work, node({ name: "deep", modules: [work] })] });
  const { final, events } = await runNode(
    { parallel: true, modules: [inner("i1"), inner("i2")] },
    { maxConcurrency: 1 },
  );
  expect(final.status).toBe("complete");
  expect(most).toBe(1);
  expect(ofType(events, "module-start").map(({ module }) => module)).toContain("i2/deep/work");
});

test("at most so many modules run at a time", async () => {
  let running = 0;
  let most = 0;
  const nodes = Array.from({ length: 12 }, (_, index) =>
    node({
      name: `n${index}`,
      modules: [
        async () => {
          most = Math.max(most, ++running);
          await new Promise((resolve) => setTimeout(resolve, 1));
          running--;
        },
      ],
    }),
  );
  await runOnce(new GraphAgent({ name: "g", nodes, maxConcurrency: 4 }));
  expect(most).toBe(4);
});

test("maxRetries counts the tries after the first, and the waits grow", async () => {
  const triesWith = async (retry: NodeOptions["retry"]): Promise<number> => {
    const { events } = await runNode({ ...(retry !== undefined && { retry }), modules: [fail] });
    return ofType(events, "module-start").filter((event) => event.node === "n").length;
  };
  expect(await triesWith(quick)).toBe(4);
  expect(await triesWith({ maxRetries: 1, ...quick })).toBe(2);
  expect(await triesWith({ maxRetries: 0 })).toBe(1);
  expect(await triesWith(false)).toBe(1);
  const waits = async (backoff: "fixed" | "linear" | "exponential"): Promise<number[]> => {
    const retry = { maxRetries: 4, backoff, initialDelayMs: 1, maxDelayMs: 4 };
    return ofType((await runNode({ retry, modules: [fail] })).events, "retry").map(({ delayMs }) => delayMs);
  };
  expect(await waits("fixed")).toEqual([1, 1, 1, 1]);
  expect(await waits("linear")).toEqual([1, 2, 3, 4]);
  expect(await waits("exponential")).toEqual([1, 2, 4, 4]);
});

test("what cannot succeed is not tried again", async () => {
  const { events } = await runNode({
    modules: [
      () => {
        throw new NonRetryableError("never");
      },
    ],
  });
  expect(ofType(events, "retry")).toEqual([]);
});

test("a repetition begins with the first module, or where it is told to", async () => {
  const seenWith = async (retryFrom?: string): Promise<string> => {
    const seen: string[] = [];
    const part = (name: string, fails = false) => ({
      name,
      run() {
        seen.push(name);
        if (fails && seen.filter((other) => other === name).length === 1) throw new Error("not yet");
        return name;
      },
    });
    const retry = { ...quick, ...(retryFrom && { retryFrom }) };
    const { final } = await runNode({ retry, modules: [part("a"), part("b"), part("c", true)] });
    expect(final.results["n"]).toEqual(["a", "b", "c"]);
    return seen.join("");
  };
  expect(await seenWith()).toBe("abcabc");
  expect(await seenWith("b")).toBe("abcbc");
  expect(await seenWith("c")).toBe("abcc");
});

test("a node within a node is tried again only where it says so", async () => {
  const tries = async (retry?: NodeOptions["retry"]): Promise<number> => {
    const inner = node({ name: "inner", modules: [fail], ...(retry !== undefined && { retry }) });
    const { events } = await runNode({ retry: false, modules: [inner] });
    return ofType(events, "module-start").filter((event) => event.node === "n").length;
  };
  expect(await tries()).toBe(1);
  expect(await tries({ maxRetries: 2, ...quick })).toBe(3);
});

test("a module that takes too long fails, its signal aborts, and what it gives later is ignored", async () => {
  let aborted = false;
  const { events, final } = await runNode({
    retry: false,
    modules: [
      {
        name: "slow",
        timeoutMs: 10,
        async run({ signal }: ModuleContext) {
          signal.addEventListener("abort", () => {
            aborted = true;
          });
          await new Promise((resolve) => setTimeout(resolve, 40));
          return "late";
        },
      },
    ],
  });
  expect(final.nodes["n"]).toMatchObject({
    status: "failed",
    error: { kind: "timeout", message: "module slow of node n took longer than 10 ms" },
  });
  expect(aborted).toBe(true);
  expect(ofType(events, "module-result").map(({ module }) => module)).not.toContain("slow");
});

test("neither waiting for a place nor waiting for the reader counts as the module's time", async () => {
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const nodes = [1, 2, 3, 4].map((index) =>
    node({
      name: `n${index}`,
      retry: false,
      modules: [
        {
          name: "m",
          timeoutMs: 60,
          async run({ progress }: ModuleContext) {
            await pause(20);
            await progress("half");
            await pause(1);
          },
        },
      ],
    }),
  );
  const run = new GraphAgent({ name: "g", nodes, maxConcurrency: 1 }).run(
    new (await import("../src/index.ts")).Task({ type: "t", objective: "o" }),
    { userId: "u", chatId: "c" },
  );
  for await (const event of run) if (event.type === "module-progress") await pause(100);
  expect(run.final?.status).toBe("complete");
});

test("a node whose condition is false is skipped, and those behind it go on", async () => {
  const graph = graphOf(
    node({ name: "a", modules: [({ cache }) => cache.set("ready", false)] }),
    node({ name: "b", dependencies: ["a"], condition: ({ ready }) => ready === true, modules: [() => "b"] }),
    node({
      name: "c",
      dependencies: ["b"],
      condition: ({ ready }) => ready === false,
      modules: [({ input }) => input],
    }),
  );
  const { final, events } = await runOnce(graph);
  expect(final).toMatchObject({
    status: "complete",
    nodes: { b: { status: "skipped", visits: 0 }, c: { result: {} } },
  });
  expect(ofType(events, "node-skipped").map((event) => event.node)).toEqual(["b"]);
});

test("inputs must be there before a node runs, outputs after it has", async () => {
  let runs = 0;
  const needs = await runNode({ inputs: ["data", "task"], modules: [() => runs++] });
  expect(needs.final.nodes["n"]?.error).toMatchObject({ kind: "missing-inputs" });
  expect(needs.final.nodes["n"]?.error?.message).toContain("data missing");
  expect(runs).toBe(0);
  const promises = await runNode({
    outputs: ["result"],
    retry: quick,
    modules: [({ cache, attempt }) => (attempt === 3 ? cache.set("result", 1) : undefined)],
  });
  expect(ofType(promises.events, "retry")).toMatchObject([
    { error: { kind: "missing-outputs" } },
    { error: { kind: "missing-outputs" } },
  ]);
  expect(promises.final.status).toBe("complete");
});

test("middlewares change what goes in and what comes out, and mailboxes get what they made of it", async () => {
  const order: string[] = [];
  const { final, run } = await runNode({
    outputMailbox: "node",
    modules: [
      {
        name: "m",
        run: ({ input }) => `${input}!`,
        outputMailbox: "module",
        middlewares: [
          {
            before: () => "in",
            async after(result) {
              order.push("first");
              return `${result}1`;
            },
          },
          { before: (input) => `${input}put`, after: (result) => `${result}2` },
        ],
      },
    ],
  });
  expect(final.results["n"]).toBe("input!12");
  expect(await run.cache.peek("module")).toEqual(["input!12"]);
  expect(await run.cache.peek("node")).toEqual(["input!12"]);
  expect(order).toEqual(["first"]);
});

test("a middleware that throws fails the module; after a failure none is asked", async () => {
  const after = vi.fn(() => fail());
  const good = await runNode({ retry: false, modules: [{ name: "m", run: () => 1, middlewares: [{ after }] }] });
  expect(good.final.nodes["n"]?.status).toBe("failed");
  await runNode({ retry: false, modules: [{ name: "m", run: fail, middlewares: [{ after }] }] });
  expect(after).toHaveBeenCalledTimes(1);
});

test("failures are counted once each, and told in the mailboxes", async () => {
  const graph = graphOf(
    node({ name: "a", modules: [() => "fine"] }),
    node({ name: "b", dependencies: ["a"], retry: false, modules: [fail] }),
    node({ name: "c", dependencies: ["a"], retry: false, modules: [fail] }),
    node({ name: "d", dependencies: ["b", "c"], modules: [() => 1] }),
    node({ name: "e", dependencies: ["d"], modules: [() => 1] }),
  );
  const { final, run, thrown, events } = await runOnce(graph);
  expect(thrown).toBeUndefined();
  expect(final).toMatchObject({
    stopReason: "completed",
    status: "partial_failure",
    results: { a: "fine" },
    failedChains: [
      ["b", "d", "e"],
      ["c", "d", "e"],
    ],
  });
  expect(ofType(events, "node-blocked")).toMatchObject([
    { node: "d", by: "b" },
    { node: "e", by: "d" },
  ]);
  expect(run.task.error).toMatchObject({ name: "GraphError" });
  expect(await run.cache.peek("agent_error")).toMatchObject([
    { status: "error", node: "b" },
    { status: "error", node: "c" },
  ]);
  expect(await run.cache.peek("agent_output")).toMatchObject([{ status: "partial_failure", result: { a: "fine" } }]);
});

test("a task of which nothing succeeded fails, and the run throws after its final", async () => {
  const { final, thrown, run } = await runOnce(graphOf(node({ name: "a", retry: false, modules: [fail] })));
  expect(final).toMatchObject({ stopReason: "error", status: "failed" });
  expect(thrown).toMatchObject({ name: "GraphError", final: { type: "final" } });
  expect(String(thrown)).toContain("no node succeeded; failed were: a; first: module fail of node a failed: no");
  expect(run.task.status).toBe("failed");
});

test("a node is visited at most maxVisits times, for ever with 0, and each run counts anew", async () => {
  const visits = async (maxVisits?: number): Promise<number | undefined> => {
    let rounds = 0;
    const { final } = await runNode({
      ...(maxVisits !== undefined && { maxVisits }),
      modules: [
        async () => {
          const { outcome } = await import("../src/index.ts");
          return ++rounds < 9 ? outcome({ next: "n" }) : "end";
        },
      ],
    });
    return final.nodes["n"]?.visits;
  };
  expect(await visits()).toBe(5);
  expect(await visits(2)).toBe(2);
  expect(await visits(0)).toBe(9);
});

test("hooks see every event, and what they throw breaks nothing", async () => {
  const seen: string[] = [];
  const errors: unknown[] = [];
  const { events } = await runNode(
    { modules: [() => 1] },
    {
      hooks: [
        {
          onEvent: ({ type }: { type: string }) => seen.push(type),
          onHookError: (error: unknown) => errors.push(error),
        },
        { onNodeResult: fail },
      ],
    },
  );
  expect(seen).toEqual(events.map(({ type }) => type));
  expect(errors).toHaveLength(2);
});
