import { spawnSync } from "node:child_process";
import { findExecutable } from "@millrace/fixtures";
import fc from "fast-check";
import { Agent } from "millrace";
import { echoModel, scriptedModel } from "millrace/testing";
import { expect, test } from "vitest";
import {
  agentDirectedFlow,
  flowControl,
  GraphAgent,
  type GraphEvent,
  type GraphView,
  initialGraphState,
  node,
  outcome,
  reduceGraph,
  Task,
  toDot,
  toMermaid,
} from "./index.ts";
import { lua } from "./lua.ts";

const call = { userId: "u1", chatId: "c1" };
const writer = new Agent({ name: "writer", model: echoModel() });
const isShort = ({ draft }: Readonly<Record<string, unknown>>): boolean => String(draft).length < 10;

const graph = new GraphAgent({
  name: "report",
  nodes: [
    node({ name: "plan", modules: [() => 1] }),
    node({
      name: "write",
      dependencies: ["plan"],
      modules: [writer, node({ name: "check", parallel: true, modules: [() => 1, () => 2] })],
    }),
    node({
      name: "review",
      dependencies: ["write"],
      condition: lua("task.params.reviewed ~= true"),
      modules: [
        flowControl({
          decisions: [
            { next: "write", condition: isShort },
            { next: "plan", condition: lua('draft == "none"') },
            { next: "plan", condition: ({ draft }) => draft === undefined },
            { next: "plan", description: "the editor says so", condition: ({ draft }) => draft === null },
          ],
          default: "publish",
        }),
      ],
    }),
    node({ name: "publish", dependencies: ["review"], modules: [() => 1] }),
  ],
});

test("draws nodes, what they depend on, what they are made of, and where they lead", () => {
  expect(toMermaid(graph)).toBe(`flowchart TD
  n0["plan"]
  subgraph n1["write"]
    n1_0["writer"]
    subgraph n1_1["check"]
      n1_1_0["module-1"]
      n1_1_1["module-2"]
    end
  end
  n2["review<br>if task.params.reviewed #126;= true"]
  n3["publish"]
  n0 --> n1
  n1 --> n2
  n2 --> n3
  n2 -. "isShort" .-> n1
  n2 -. "draft == #34;none#34;" .-> n0
  n2 -. "when" .-> n0
  n2 -. "the editor says so" .-> n0
  n2 -. "default" .-> n3
`);
  const dot = toDot(graph);
  expect(dot).toContain('subgraph "cluster_n1" {\n    label="write";');
  expect(dot).toContain('"n0" -> "n1_0" [lhead="cluster_n1"];');
  expect(dot).toContain('label="draft == \\"none\\""');
  expect(dot).toContain('color=blue, label="default"');
});

test("draws what a model may decide by its description", () => {
  const decisions = [{ next: "a", description: "Someone asks." }];
  const flow = agentDirectedFlow({ model: scriptedModel([]), instructions: "Choose.", decisions });
  const drawn = toMermaid(
    new GraphAgent({
      name: "g",
      nodes: [node({ name: "a", modules: [() => 1] }), node({ name: "b", modules: [flow] })],
    }),
  );
  expect(drawn).toContain('n1 -. "Someone asks." .-> n0');
});

test("shows where each node stands, from the events, also over a wire", async () => {
  const failing = (): never => {
    throw new Error("no");
  };
  const running = new GraphAgent({
    name: "g",
    nodes: [
      node({ name: "a", modules: [() => outcome({ newNodes: [node({ name: "new", modules: [() => 1] })] })] }),
      node({ name: "b", dependencies: ["a"], retry: false, modules: [failing] }),
      node({ name: "c", dependencies: ["b"], modules: [() => 1] }),
      node({ name: "d", condition: () => false, modules: [() => 1] }),
    ],
  });
  let view = initialGraphState;
  const seen: string[] = [];
  for await (const event of running.run(new Task({ type: "t", objective: "o" }), call)) {
    const received: GraphEvent = JSON.parse(JSON.stringify(event));
    const next = reduceGraph(view, received);
    if (next !== view) seen.push(next.nodes.map(({ name, status }) => `${name} ${status}`).join(", "));
    view = next;
  }
  expect(seen).toEqual([
    "a waiting, b waiting, c waiting, d waiting",
    "a running, b waiting, c waiting, d waiting",
    "a running, b waiting, c waiting, d running",
    "a running, b waiting, c waiting, d skipped",
    "a complete, b waiting, c waiting, d skipped",
    "a complete, b waiting, c waiting, d skipped, new waiting",
    "a complete, b waiting, c waiting, d skipped, new running",
    "a complete, b waiting, c waiting, d skipped, new complete",
    "a complete, b running, c waiting, d skipped, new complete",
    "a complete, b failed, c waiting, d skipped, new complete",
    "a complete, b failed, c blocked, d skipped, new complete",
    "a complete, b failed, c blocked, d skipped, new complete",
  ]);
  expect(view).toMatchObject({ name: "g", status: "completed", nodes: [{ visits: 1 }, {}, {}, {}, {}] });
  const drawn = toMermaid(view);
  expect(drawn).toContain("n4 --> n1");
  expect(drawn).toContain("class n1 failed");
  expect(drawn).toContain("classDef failed ");
  expect(toDot(view)).toContain('"n1" [label="b", color="#dc2626"');
});

test("a run that goes on shows what was done before", async () => {
  const stopped = new GraphAgent({
    name: "g",
    nodes: [
      node({ name: "a", modules: [() => 1] }),
      node({ name: "b", dependencies: ["a"], snapshot: "always", modules: [() => 1] }),
    ],
  });
  const task = new Task({ type: "t", objective: "o" });
  for await (const event of stopped.run(task, call)) if (event.type === "snapshot") break;
  let view = initialGraphState;
  for await (const event of await stopped.resumeLatest(task.id, call)) {
    view = reduceGraph(view, event);
    if (event.type === "graph-start") expect(view.nodes.map(({ status }) => status)).toEqual(["complete", "waiting"]);
  }
  expect(view.nodes.map(({ status }) => status)).toEqual(["complete", "complete"]);
});

const label = fc
  .oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 12 }),
    fc
      .array(
        fc.constantFrom(
          '"',
          "'",
          "`",
          "[",
          "]",
          "|",
          "-->",
          "\n",
          "\r",
          "\\",
          "\\n",
          "#quot;",
          "&lt;",
          "<b>",
          "end",
          ";",
          "%%",
          "\0",
          "\ud800",
          "ü",
          "😀",
        ),
        { minLength: 1, maxLength: 6 },
      )
      .map((parts) => parts.join("")),
  )
  .filter((text) => text.trim() !== "");

const anyView: fc.Arbitrary<GraphView> = fc
  .tuple(label, fc.uniqueArray(label, { minLength: 2, maxLength: 5 }), label)
  .map(([name, names, way]) => ({
    name,
    status: "running",
    nodes: names.map((each, index) => ({
      name: each,
      status: "waiting",
      visits: 0,
      dependencies: names.slice(0, index),
      condition: way,
      ...(index === 1 && {
        modules: [{ name: way, modules: [{ name }] }, { name }],
        decisions: [{ next: each, label: way }],
      }),
    })),
  }));

/** Each line is of one of the forms that Mermaid has; nothing in a label ends it. */
const text = String.raw`[^"\n\x60&;<>[\]|\\{}]*(?:(?:#\d+;|<br>)[^"\n\x60&;<>[\]|\\{}]*)*`;
const line = new RegExp(
  String.raw`^\s*(?:flowchart TD|end|n\d+(?:_\d+)*\["${text}"\]|subgraph n\d+(?:_\d+)*\["${text}"\]|n\d+ (?:-->|-\. "${text}" \.->) n\d+|classDef \w+ [\w:#,]+|class n\d+ \w+)$`,
  "u",
);

test("no name breaks a drawing", () => {
  fc.assert(
    fc.property(anyView, (view) => {
      const lines = toMermaid(view).trimEnd().split("\n");
      for (const each of lines) expect(each).toMatch(line);
      // In DOT all but what stands in quotes is the same for all names.
      const outside = toDot(view).replaceAll(/"(?:[^"\\\n]|\\.)*"/gu, '""');
      const plain = { ...view, name: "x", nodes: view.nodes.map((each) => ({ ...each, condition: "x" })) };
      expect(outside).toBe(toDot(plain).replaceAll(/"(?:[^"\\\n]|\\.)*"/gu, '""'));
    }),
    { numRuns: 300 },
  );
});

test.skipIf(!findExecutable("dot"))("Graphviz reads any drawing", () => {
  fc.assert(
    fc.property(anyView, (view) => {
      const { status, stdout, stderr } = spawnSync("dot", ["-Tplain"], { input: toDot(view), encoding: "utf8" });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout).toMatch(/^graph /);
    }),
    { numRuns: 30 },
  );
});
