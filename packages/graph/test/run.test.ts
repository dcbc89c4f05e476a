import { Agent } from "millrace";
import { echoModel } from "millrace/testing";
import { expect, test } from "vitest";
import { GraphAgent, type GraphEvent, type GraphRun, NonRetryableError, node, outcome, Task } from "../src/index.ts";

const call = { userId: "u1", chatId: "c1" };
const newTask = (params: Record<string, unknown> = {}): Task =>
  new Task({ type: "test", objective: "Test it", params });

async function read(run: GraphRun): Promise<GraphEvent[]> {
  const events: GraphEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

test("runs a diamond step by step, and tells of it in order", async () => {
  const graph = new GraphAgent({
    name: "diamond",
    nodes: [
      node({ name: "a", modules: [() => 1] }),
      node({ name: "b", dependencies: ["a"], modules: [({ results }) => Number(results["a"]) + 1] }),
      node({ name: "c", dependencies: ["a"], modules: [async ({ input }) => input] }),
      node({ name: "d", dependencies: ["b", "c"], modules: [({ input }) => input, () => "two"] }),
    ],
  });
  expect(graph.steps()).toEqual([["a"], ["b", "c"], ["d"]]);
  const task = newTask();
  const run = graph.run(task, call);
  const events = await read(run);
  expect(events.map((event) => ("node" in event ? `${event.type} ${event.node}` : event.type))).toEqual([
    "graph-start",
    "step-start",
    "node-start a",
    "module-start a",
    "module-result a",
    "node-result a",
    "step-start",
    "node-start b",
    "node-start c",
    "module-start b",
    "module-start c",
    "module-result b",
    "module-result c",
    "node-result b",
    "node-result c",
    "step-start",
    "node-start d",
    "module-start d",
    "module-result d",
    "module-start d",
    "module-result d",
    "node-result d",
    "final",
  ]);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index));
  expect(run.final).toMatchObject({ stopReason: "completed", status: "complete", iterations: 3 });
  expect(task.status).toBe("complete");
  expect(task.result).toEqual({ a: 1, b: 2, c: { a: 1 }, d: [{ b: 2, c: { a: 1 } }, "two"] });
  expect(await run.cache.get("task")).toMatchObject({ status: "complete" });
  expect(await run.cache.receive("agent_output", { timeoutMs: 0 })).toMatchObject({ status: "complete" });
});

test("an agent in a node streams its events, whole", async () => {
  const agent = new Agent({ name: "echo", model: echoModel() });
  const graph = new GraphAgent({ name: "g", nodes: [node({ name: "ask", modules: [agent] })] });
  const run = graph.run(newTask(), call);
  const events = await read(run);
  const inner = events.flatMap((event) => (event.type === "sub-agent" ? [event.event.type] : []));
  expect(inner[0]).toBe("run-start");
  expect(inner.at(-1)).toBe("final");
  expect(run.final?.results["ask"]).toContain("Test it");
  expect(run.final?.usage.outputTokens).toBeGreaterThan(0);
});

test("what fails is tried again, and blocks what depends on it", async () => {
  let tries = 0;
  const graph = new GraphAgent({
    name: "g",
    nodes: [
      node({
        name: "a",
        retry: { maxRetries: 2, initialDelayMs: 0 },
        modules: [
          () => {
            tries++;
            throw new Error("no");
          },
        ],
      }),
      node({ name: "b", dependencies: ["a"], modules: [() => 1] }),
      node({ name: "c", modules: [() => 1] }),
      node({
        name: "d",
        modules: [
          () => {
            throw new NonRetryableError("never");
          },
        ],
      }),
    ],
  });
  const run = graph.run(newTask(), call);
  const events = await read(run);
  expect(tries).toBe(3);
  expect(events.filter(({ type }) => type === "retry")).toHaveLength(2);
  expect(run.final).toMatchObject({ status: "partial_failure", failedChains: [["a", "b"], ["d"]] });
  expect(run.final?.nodes["b"]?.status).toBe("blocked");
});

test("adds nodes", async () => {
  const seen: string[] = [];
  const graph = new GraphAgent({
    name: "g",
    nodes: [
      node({
        name: "a",
        modules: [() => outcome({ result: 1, newNodes: [node({ name: "n", modules: [() => seen.push("n")] })] })],
      }),
      node({ name: "b", dependencies: ["a"], modules: [() => seen.push("b")] }),
    ],
  });
  const run = graph.run(newTask(), call);
  await read(run);
  expect(seen).toEqual(["n", "b"]);
});
