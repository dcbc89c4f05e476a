import { agentDirectedFlow, GraphAgent, type GraphEvent, type GraphRun, node, outcome, Task } from "@millrace/graph";
import { trace } from "@opentelemetry/api";
import { Agent, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Recorder, spanIn } from "../test/recorder.ts";
import { traceGraph } from "./graph.ts";

const ids = { userId: "ada", chatId: "c1" };

let recorder: Recorder;
beforeAll(() => {
  recorder = new Recorder();
});
afterEach(() => {
  const { open } = recorder;
  recorder.reset();
  expect(open).toEqual([]);
});
afterAll(() => recorder.close());

function task(): Task {
  return new Task({ type: "report", objective: "Write it" });
}

async function read(run: GraphRun): Promise<GraphEvent[]> {
  const events: GraphEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

function query(): void {
  recorder.tracer.startSpan("query").end();
}

describe("traceGraph", () => {
  it("nests task, nodes, modules, agents, requests and tools", async () => {
    const look = tool({ name: "look", description: "Looks", execute: query });
    const writer = new Agent({
      name: "writer",
      model: scriptedModel([{ toolCalls: [{ name: "look" }] }, "Done."], { id: "m" }),
      tools: [look],
    });
    const gather = node({
      name: "gather",
      modules: [
        async function search() {
          await null;
          query();
        },
      ],
    });
    const write = node({ name: "write", dependencies: ["gather"], modules: [writer] });
    const graph = new GraphAgent(traceGraph({ name: "reporter", nodes: [gather, write] }));
    await read(graph.run(task(), ids));
    expect(recorder.tree()).toBe(
      [
        "invoke_workflow reporter",
        "  run_node gather",
        "    run_module search",
        "      query",
        "  run_node write",
        "    run_module writer",
        "      invoke_agent writer",
        "        chat m",
        "        execute_tool look",
        "          query",
        "        chat m",
        "",
      ].join("\n"),
    );
    expect(recorder.attributes("invoke_workflow reporter")).toMatchObject({
      "gen_ai.operation.name": "invoke_workflow",
      "gen_ai.workflow.name": "reporter",
      "gen_ai.conversation.id": "c1",
      "user.id": "ada",
      "millrace.task.type": "report",
      "millrace.task.status": "complete",
      "gen_ai.usage.input_tokens": 20,
    });
    expect(recorder.attributes("run_module writer")).toMatchObject({ "millrace.node": "write", "user.id": "ada" });
  });

  it("has the agents that a module asks within its span", async () => {
    const model = scriptedModel(
      ["left", "right"].map((decision) => ({
        toolCalls: [{ name: "make_decision", args: { thoughts: "", decision } }],
      })),
      { id: "m" },
    );
    const decisions = ["left", "right"].map((next) => ({ next, description: next }));
    const flow = agentDirectedFlow({ model, instructions: "Choose.", decisions, voters: 2 });
    const ways = ["left", "right"].map((name) => node({ name, dependencies: ["way"], modules: [() => name] }));
    const graph = new GraphAgent(
      traceGraph({ name: "ways", nodes: [node({ name: "way", modules: [flow] }), ...ways] }),
    );
    await read(graph.run(task(), ids));
    const voter = ["      invoke_agent agent-directed-flow", "        chat m", "        execute_tool make_decision"];
    expect(recorder.tree()).toBe(
      [
        "invoke_workflow ways",
        "  run_node way",
        "    run_module agent-directed-flow",
        ...voter,
        ...voter,
        "  run_node left",
        "    run_module module-1",
        "",
      ].join("\n"),
    );
  });

  it("shows each try of a node, what was decided, and what failed", async () => {
    let tries = 0;
    const flaky = node({
      name: "flaky",
      modules: [
        function call() {
          if (tries++ === 0) throw new Error("of Ada's secret");
          return tries < 3 ? outcome({ next: "flaky" }) : "ok";
        },
      ],
      retry: { initialDelayMs: 1 },
    });
    const dead = node({
      name: "dead",
      modules: [
        function fail() {
          throw new RangeError("never");
        },
      ],
      retry: false,
    });
    const graph = new GraphAgent(traceGraph({ name: "g", nodes: [flaky, dead], maxConcurrency: 1 }));
    await read(graph.run(task(), ids));
    const lines = recorder.tree().split("\n");
    expect(lines.filter((line) => line.includes("flaky") || line.includes("call"))).toEqual([
      "  run_node flaky",
      "    run_module call !failed",
      "    run_module call",
      "  run_node flaky",
      "    run_module call",
    ]);
    expect(lines).toContain("  run_node dead !failed");
    const { events } = recorder.span("invoke_workflow g");
    expect(events.map(({ name }) => name)).toEqual(expect.arrayContaining(["millrace.retry", "millrace.decision"]));
    expect(JSON.stringify(recorder.spans.map(({ status, attributes }) => [status, attributes]))).not.toContain("Ada's");
  });

  it("follows a generator from visit to visit, and nodes within nodes", async () => {
    const seen: string[] = [];
    const inner = node({
      name: "inner",
      modules: [
        {
          name: "count",
          async *run() {
            for (let visit = 1; ; visit++) {
              seen.push(spanIn());
              query();
              await null;
              yield outcome({ result: visit, ...(visit < 2 && { next: "outer" }) });
            }
          },
        },
      ],
    });
    const outer = node({ name: "outer", modules: [inner] });
    const graph = new GraphAgent(traceGraph({ name: "g", nodes: [outer] }));
    await read(graph.run(task(), ids));
    expect(seen).toEqual(["run_module inner/count", "run_module inner/count"]);
    const modules = recorder.spans.filter(({ name }) => name === "run_module inner/count");
    const queries = recorder.spans.filter(({ name }) => name === "query");
    expect(queries.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(
      modules.map((span) => span.spanContext().spanId),
    );
  });

  it("ends every span, wherever the run is stopped or left, and never touches the reader's context", async () => {
    const make = (): GraphRun => {
      const agent = new Agent({ name: "writer", model: scriptedModel(["One two"]) });
      const nodes = [
        node({ name: "a", modules: [() => new Promise((resolve) => setTimeout(resolve, 1))] }),
        node({ name: "b", dependencies: ["a"], modules: [agent] }),
      ];
      return new GraphAgent(traceGraph({ name: "g", nodes, graceMs: 1 })).run(task(), ids);
    };
    const whole = await read(make());
    for (let cut = 1; cut <= whole.length; cut++) {
      for (const kind of ["stop", "break"]) {
        const run = make();
        let count = 0;
        for await (const _ of run) {
          expect(trace.getActiveSpan()).toBeUndefined();
          if (++count !== cut) continue;
          if (kind === "break") break;
          run.stop("cut");
        }
        expect(recorder.open, `${kind} after event ${cut}`).toEqual([]);
      }
    }
  });

  it("never mixes runs", async () => {
    const nodes = [
      node({ name: "a", modules: [async () => query()] }),
      node({ name: "b", modules: [async () => query()] }),
    ];
    const graph = new GraphAgent(traceGraph({ name: "g", nodes }));
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => read(graph.run(task(), { ...ids, userId: `u${index}` }))),
    );
    const traces = new Set(recorder.spans.map((span) => span.spanContext().traceId));
    expect(traces.size).toBe(20);
    expect(recorder.spans).toHaveLength(20 * 7);
  });
});
