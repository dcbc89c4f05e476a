import { describe, expect, it } from "vitest";
import { z } from "zod";
import { Agent } from "./agent.ts";
import type { AgentOptions } from "./agent-options.ts";
import type { AgentEvent } from "./events.ts";
import type { Model } from "./model.ts";
import { checkEvents, type ScriptedStep, scriptedModel } from "./testing.ts";
import { type ToolContext, tool } from "./tool.ts";

const ids = { userId: "u", chatId: "c" };
const silent: Model = {
  provider: "own",
  id: "silent",
  async *stream(_, { signal }) {
    yield { type: "usage", usage: { inputTokens: 100 } };
    yield { type: "text-delta", text: "Half", part: 0 };
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
  },
};

/** An agent that asks the tool `name` and then answers. */
function asks(name: string, tools: AgentOptions["tools"] = [], more: Partial<AgentOptions> = {}): Agent {
  const model = scriptedModel([{ toolCalls: [{ name, args: { input: `to ${name}` } }] }, "Done"]);
  return new Agent({ name: `asks-${name}`, model, tools, ...more });
}

async function read(
  agent: Agent,
  at?: (event: AgentEvent, stop: () => void) => void,
  deps?: unknown,
): Promise<AgentEvent[]> {
  const run = agent.respond("?", { ...ids, deps });
  const events: AgentEvent[] = [];
  for await (const event of run) {
    events.push(event);
    at?.(event, () => run.stop("enough"));
  }
  expect(checkEvents(events)).toEqual([]);
  return events;
}

function answers(...steps: ScriptedStep[]): Agent {
  return new Agent({ name: "inner", description: "Answers", model: scriptedModel(steps) });
}

describe("an agent as a tool", () => {
  it("gives its answer as the result, and its events whole", async () => {
    const events = await read(asks("inner", [answers("Inner answer").asTool()]));
    const inner = events.flatMap((event) => (event.type === "sub-agent" ? [event] : []));
    expect(checkEvents(inner.map(({ event }) => event))).toEqual([]);
    expect(inner.every(({ agent, callId }) => agent === "inner" && callId === "call_1_1")).toBe(true);
    expect(inner[0]?.event).toMatchObject({
      type: "run-start",
      input: [{ role: "user", content: "to inner" }],
      run: { ...ids, agentName: "inner", parent: { runId: events[0]?.run.id, callId: "call_1_1" } },
    });
    expect(events.find(({ type }) => type === "tool-result")).toMatchObject({ result: "Inner answer" });
    expect(events.at(-1)).toMatchObject({ usage: { inputTokens: 30, outputTokens: 15 }, turns: 2 });
  });

  it("gives its object where it has an output schema", async () => {
    const inner = answers({ object: { city: "Tokyo" } }).with({ output: z.object({ city: z.string() }) });
    const events = await read(asks("inner", [inner.asTool()]));
    expect(events.find(({ type }) => type === "tool-result")).toMatchObject({ result: { city: "Tokyo" } });
  });

  it("nests as deep as one likes, and all that is spent is counted", async () => {
    let told: ToolContext | undefined;
    const look = tool({
      name: "look",
      description: "Looks",
      input: { type: "object" },
      execute: (_, context) => {
        told = context;
      },
    });
    const deepest = asks("look", [look], { name: "deepest" });
    const middle = asks("deepest", [deepest.asTool()], { name: "middle" });
    const events = await read(asks("middle", [middle.asTool()]), undefined, "deps");
    const types = new Set<string>();
    for (const event of events) {
      if (event.type === "sub-agent" && event.event.type === "sub-agent") types.add(event.event.event.type);
    }
    expect([...types]).toEqual(expect.arrayContaining(["run-start", "tool-call-start", "tool-result", "final"]));
    expect(told).toMatchObject({ ...ids, agentName: "deepest", deps: "deps" });
    expect(events.at(-1)).toMatchObject({ usage: { inputTokens: 60 } });
  });

  it("is named and described as a tool has to be", async () => {
    const odd = new Agent({ name: "Frau Müller (2)", model: scriptedModel([]) });
    expect(odd.asTool()).toMatchObject({ name: "Frau_M_ller__2_", description: 'Asks the agent "Frau Müller (2)".' });
    expect(answers().asTool()).toMatchObject({ name: "inner", description: "Answers" });
    expect(answers().asTool({ name: "other", description: "Else" })).toMatchObject({
      name: "other",
      description: "Else",
    });
  });

  it("tells its failure as the tool's", async () => {
    const events = await read(asks("inner", [answers({ text: "Half", error: new Error("no model") }).asTool()]));
    expect(events.find(({ type }) => type === "tool-error")).toMatchObject({
      error: { kind: "failed", message: "no model" },
    });
    expect(events.at(-1)).toMatchObject({ stopReason: "completed", usage: { estimated: true } });
  });

  it("tells where it ended without an answer", async () => {
    const look = tool({ name: "look", description: "x", execute: () => "" });
    const inner = new Agent({
      name: "inner",
      model: scriptedModel([{ toolCalls: [{ name: "look" }] }]),
      tools: [look],
      maxTurns: 1,
    });
    const events = await read(asks("inner", [inner.asTool()]));
    const error = events.find((event) => event.type === "tool-error" && event.name === "inner");
    expect(error).toMatchObject({ error: { message: expect.stringContaining("max-turns") } });
  });

  it("refuses what is no prompt", async () => {
    const model = scriptedModel([
      {
        toolCalls: [
          { name: "inner", args: { prompt: "?" } },
          { name: "inner", args: { input: " " } },
        ],
      },
      "Done",
    ]);
    const events = await read(new Agent({ name: "a", model, tools: [answers().asTool()] }));
    const errors = events.flatMap((event) => (event.type === "tool-error" ? [event.error.kind] : []));
    expect(errors).toEqual(["invalid-arguments", "failed"]);
  });

  it("is stopped with its parent, two levels down, and tells what it spent", async () => {
    const deepest = new Agent({ name: "deepest", model: silent });
    const middle = asks("deepest", [deepest.asTool()], { name: "middle" });
    const events = await read(asks("middle", [middle.asTool()]), (event, stop) => {
      const { event: inner } = event.type === "sub-agent" ? event : {};
      if (inner?.type === "sub-agent" && inner.event.type === "text-delta") stop();
    });
    const finals = events
      .flatMap((event) => {
        if (event.type !== "sub-agent") return [];
        return event.event.type === "sub-agent" ? [event.event.event] : [event.event];
      })
      .filter(({ type }) => type === "final");
    expect(finals).toMatchObject([
      { stopReason: "stopped", output: "Half", run: { agentName: "deepest" } },
      { stopReason: "stopped", run: { agentName: "middle" } },
    ]);
    expect(events.at(-1)).toMatchObject({ stopReason: "stopped", usage: { inputTokens: 120, estimated: true } });
  });

  it("tells what it spent also where its time is over", async () => {
    const inner = new Agent({ name: "inner", model: silent });
    const events = await read(asks("inner", [inner.asTool()], { toolExecution: { timeoutMs: 20 } }));
    expect(events.find(({ type }) => type === "tool-error")).toMatchObject({ error: { kind: "timeout" } });
    expect(events.at(-1)).toMatchObject({ stopReason: "completed", usage: { inputTokens: 120, estimated: true } });
  });

  it("serves several calls side by side", async () => {
    const inner = answers("A", "B", "C");
    const toolCalls = ["1", "2", "3"].map((input) => ({ name: "inner", args: { input } }));
    const events = await read(
      new Agent({ name: "a", model: scriptedModel([{ toolCalls }, "Done"]), tools: [inner.asTool()] }),
    );
    const results = events.flatMap((event) => (event.type === "tool-result" ? [event.result] : []));
    expect(results.toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual(["A", "B", "C"]);
  });
});
