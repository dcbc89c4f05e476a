// @ts-check
// What scheduling costs per node, with modules that do nothing: graphs that are wide, deep, and made of diamonds.
// Beside it LangGraph.js on the same shapes, where it is installed: `npm install` in this folder.
//
// node --conditions=@millrace/source packages/graph/bench/scheduling.mjs [nodes]
import { GraphAgent, node, Task } from "../src/index.ts";

const sizes = process.argv[2] ? [Number(process.argv[2])] : [1_000, 10_000];

/** @typedef {{ name: string, dependencies: string[] }} Outline */

/** @type {Record<string, (count: number) => Outline[]>} */
const shapes = {
  /** One node, then all others but one side by side, then one that depends on them. */
  wide(count) {
    const middle = Array.from({ length: count - 2 }, (_, index) => ({ name: `n${index}`, dependencies: ["first"] }));
    return [
      { name: "first", dependencies: [] },
      ...middle,
      { name: "last", dependencies: middle.map(({ name }) => name) },
    ];
  },
  /** Each depends on the one before. */
  deep(count) {
    return Array.from({ length: count }, (_, index) => ({
      name: `n${index}`,
      dependencies: index === 0 ? [] : [`n${index - 1}`],
    }));
  },
  /** One, two side by side, one, two side by side … */
  diamond(count) {
    return Array.from({ length: count }, (_, index) => {
      const before = index % 3 === 0 ? [index - 2, index - 1] : [index - (index % 3)];
      return { name: `n${index}`, dependencies: before.filter((other) => other >= 0).map((other) => `n${other}`) };
    });
  },
};

/** @param {Outline[]} outline */
async function millrace(outline) {
  const graph = new GraphAgent({
    name: "bench",
    nodes: outline.map(({ name, dependencies }) => node({ name, dependencies, modules: [async () => 1] })),
    maxTotalIterations: outline.length + 1,
    maxConcurrency: outline.length,
  });
  const task = () => new Task({ type: "bench", objective: "Do nothing" });
  return async () => {
    const final = await graph.runTask(task(), { userId: "u", chatId: "c" });
    if (final.status !== "complete") throw new Error(`expected complete, got ${final.status}`);
  };
}

/** @param {Outline[]} outline */
async function langgraph(outline) {
  const { Annotation, END, START, StateGraph } = await import("@langchain/langgraph");
  const State = Annotation.Root({
    done: Annotation({ reducer: (/** @type {number} */ a, /** @type {number} */ b) => a + b, default: () => 0 }),
  });
  /** @type {any} */
  let builder = new StateGraph(State);
  for (const { name } of outline) builder = builder.addNode(name, async () => ({ done: 1 }));
  const hasDependent = new Set(outline.flatMap(({ dependencies }) => dependencies));
  for (const { name, dependencies } of outline) {
    if (dependencies.length === 0) builder = builder.addEdge(START, name);
    else builder = builder.addEdge(dependencies.length === 1 ? dependencies[0] : dependencies, name);
    if (!hasDependent.has(name)) builder = builder.addEdge(name, END);
  }
  const graph = builder.compile();
  return async () => {
    const { done } = await graph.invoke({}, { recursionLimit: outline.length + 2 });
    if (done !== outline.length) throw new Error(`expected ${outline.length} nodes, got ${done}`);
  };
}

/**
 * The best of some runs after one to warm up, in microseconds of processor time per node: on a busy machine the clock says
 * little.
 *
 * @param {() => Promise<void>} run
 * @param {number} count
 */
async function measure(run, count, times = 3) {
  let best = Number.POSITIVE_INFINITY;
  for (let time = 0; time <= times; time++) {
    const before = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(before);
    if (time > 0 || times === 0) best = Math.min(best, user + system);
  }
  return best / count;
}

const hasLangGraph = await import("@langchain/langgraph").then(
  () => true,
  () => false,
);
/** It takes minutes for large graphs: once, and not at all where that is hopeless. */
const langGraphLimitMs = 120_000;
/** @type {Map<string, number>} */
const lastCost = new Map();
const rows = [];
for (const [shape, outlineOf] of Object.entries(shapes)) {
  for (const count of sizes) {
    const outline = outlineOf(count);
    const ours = await measure(await millrace(outline), count);
    const row = { shape, nodes: count, "millrace µs/node": ours.toFixed(1) };
    const expected = (lastCost.get(shape) ?? 0) * count * 10;
    if (!hasLangGraph) rows.push(row);
    else if (expected / 1000 > langGraphLimitMs) rows.push({ ...row, "langgraph µs/node": "too slow" });
    else {
      const theirs = await measure(await langgraph(outline), count, count > 1_000 ? 0 : 2);
      lastCost.set(shape, theirs);
      rows.push({ ...row, "langgraph µs/node": theirs.toFixed(1), "times less": (theirs / ours).toFixed(1) });
    }
  }
}
console.table(rows);
if (!hasLangGraph) console.log("without LangGraph.js: `npm install` in packages/graph/bench to compare");
