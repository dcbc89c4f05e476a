import { ConfigError } from "millrace";
import { expect, test } from "vitest";
import { flowControl, GraphAgent, node, outcome, SnapshotError } from "../src/index.ts";
import { folderSnapshots } from "../src/node.ts";
import { call, newTask } from "./read-run.ts";

const work = (): number => 1;
const graph = (...nodes: ReturnType<typeof node>[]): GraphAgent => new GraphAgent({ name: "g", nodes });
const simple = (name: string, ...dependencies: string[]): ReturnType<typeof node> =>
  node({ name, dependencies, modules: [work] });

test.each<[string, () => unknown, string]>([
  ["a circle", () => graph(simple("a", "c"), simple("b", "a"), simple("c", "b")), "a → b → c → a"],
  ["a circle behind a line", () => graph(simple("x"), simple("a", "x", "b"), simple("b", "a")), "a → b → a"],
  ["a node that depends on itself", () => graph(simple("a", "a")), "a → a"],
  ["an unknown dependency", () => graph(simple("a", "nobody")), 'there is no node named "nobody"'],
  ["two nodes of one name", () => graph(simple("a"), simple("a")), 'two are named "a"'],
  [
    "a jump to nowhere",
    () => graph(node({ name: "a", modules: [flowControl({ decisions: [{ next: "nobody" }] })] })),
    'leads to "nobody"',
  ],
  [
    "a default that is nowhere",
    () => graph(node({ name: "a", modules: [flowControl({ decisions: [], default: "nobody" })] })),
    'leads to "nobody"',
  ],
  [
    "two modules of one name",
    () =>
      node({
        name: "a",
        modules: [
          { name: "m", run: work },
          { name: "m", run: work },
        ],
      }),
    'named "m"',
  ],
  [
    "a name that would break paths",
    () => node({ name: "a", modules: [{ name: "m/n", run: work }] }),
    'must not contain "/"',
  ],
  [
    "an inner node with dependencies",
    () => node({ name: "a", modules: [simple("b", "c")] }),
    "a node within a node has none",
  ],
  ["an unknown retryFrom", () => node({ name: "a", modules: [work], retry: { retryFrom: "x" } }), "retryFrom"],
  ["no name", () => node({ name: "", modules: [] }), "name"],
  ["a module that is none", () => node({ name: "a", modules: [JSON.parse("{}")] }), "modules[0]"],
  ["a condition that is none", () => node({ name: "a", modules: [], condition: JSON.parse('"x"') }), "condition"],
  ["a slip of the pen", () => node(JSON.parse('{ "name": "a", "modules": [], "dependecies": [] }')), "no such option"],
  ["a timeout of no time", () => node({ name: "a", modules: [{ name: "m", run: work, timeoutMs: 0 }] }), "timeoutMs"],
  [
    "a middleware that is none",
    () => node({ name: "a", modules: [{ name: "m", run: work, middlewares: [JSON.parse("5")] }] }),
    "middlewares[0]",
  ],
  ["an outcome that is none", () => outcome(JSON.parse('{ "next": 5 }')), "outcome.next"],
  ["a cache that is none", () => new GraphAgent({ name: "g", nodes: [], cache: JSON.parse("{}") }), "cache.scoped"],
  ["a store that is none", () => new GraphAgent({ name: "g", nodes: [], snapshots: JSON.parse('"./x"') }), "snapshots"],
  ["a folder that is none", () => folderSnapshots(JSON.parse("null")), "folder"],
  ["a task that is none", () => graph(simple("a")).run(JSON.parse('{"status":"waiting"}'), call), "expected a Task"],
  ["a signal that is none", () => graph().run(newTask(), { ...call, signal: JSON.parse("{}") }), "signal"],
  ["no place at all", () => new GraphAgent({ name: "g", nodes: [], maxConcurrency: 0 }), "maxConcurrency"],
])("refuses %s", (_, build, message) => {
  expect(build).toThrow(ConfigError);
  expect(build).toThrow(message);
});

test("tells the steps of the whole, and those after a jump", () => {
  const diamond = graph(simple("a"), simple("b", "a"), simple("c", "a"), simple("d", "b", "c"), simple("e"));
  expect(diamond.steps()).toEqual([["a", "e"], ["b", "c"], ["d"]]);
  expect(diamond.steps("b")).toEqual([["b"], ["d"]]);
  expect(() => diamond.steps("nobody")).toThrow(ConfigError);
});

test("a run needs its owner", () => {
  expect(() => graph(simple("a")).run(newTask(), JSON.parse('{ "userId": "u" }'))).toThrow("chatId");
});

test("refuses what is no snapshot", () => {
  for (const wrong of ["{}", "null", '{ "version": 2, "task": { "id": "t" } }']) {
    expect(() => graph().resume(JSON.parse(wrong), call)).toThrow(SnapshotError);
  }
});
