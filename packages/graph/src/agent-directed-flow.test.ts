import { Agent, ConfigError, ModelError } from "millrace";
import { echoModel, type ScriptedStep, scriptedModel } from "millrace/testing";
import { WireDecoder, WireEncoder } from "millrace/wire";
import { expect, test } from "vitest";
import {
  type AgentDirectedFlowOptions,
  agentDirectedFlow,
  GraphAgent,
  type GraphEvent,
  type GraphRun,
  node,
  Task,
} from "./index.ts";

const call = { userId: "u1", chatId: "c1" };
const decisions = [
  { next: "order", description: "Someone wants to buy flour." },
  { next: "Complaint", description: "Something is wrong.", cleanup: true, metadata: { urgent: true } },
];

function vote(decision: string): ScriptedStep {
  return { toolCalls: [{ name: "make_decision", args: { thoughts: `It is ${decision}.`, decision } }] };
}

/** A graph whose ways say that they were gone. */
function routing(steps: readonly ScriptedStep[], options: Partial<AgentDirectedFlowOptions> = {}) {
  const model = scriptedModel(steps);
  const flow = agentDirectedFlow({ model, instructions: "You route letters.", decisions, ...options });
  const graph = new GraphAgent({
    name: "router",
    nodes: [
      node({ name: "route", modules: [flow], retry: false }),
      ...["order", "Complaint", "other"].map((name) => node({ name, dependencies: ["route"], modules: [() => name] })),
    ],
  });
  return { graph, model };
}

const letter = (): Task => new Task({ type: "letter", objective: "The flour has worms!" });

async function read(run: GraphRun): Promise<GraphEvent[]> {
  const events: GraphEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

test("goes where the model says, and tells of its run, its votes and what it spent", async () => {
  const { graph, model } = routing([vote("Complaint")]);
  const run = graph.run(letter(), call);
  const events = await read(run);
  expect(run.final?.steps).toEqual([["route"], ["Complaint"]]);
  expect(events.find(({ type }) => type === "decision")).toMatchObject({
    next: "Complaint",
    cleanup: true,
    metadata: { urgent: true, votes: [{ decision: "Complaint", thoughts: "It is Complaint." }] },
  });
  const inner = events.flatMap((event) => (event.type === "sub-agent" ? [event.event] : []));
  expect(inner[0]).toMatchObject({
    type: "run-start",
    run: { parent: { runId: run.id, callId: expect.stringMatching(/_1$/) }, userId: "u1" },
  });
  expect(inner.some((event) => event.type === "tool-call-start" && event.name === "make_decision")).toBe(true);
  const final = inner.at(-1);
  expect(final?.type === "final" && final.usage).toEqual(run.final?.usage);
  expect(run.final?.usage.outputTokens).toBeGreaterThan(0);
  expect(model.requests[0]?.settings).toMatchObject({ temperature: 0, toolChoice: "required" });
});

test.each([
  { name: "most votes", votes: ["order", "Complaint", "Complaint"], next: "Complaint" },
  { name: "upper and lower case", votes: ["ORDER", " order ", "Complaint"], next: "order" },
  { name: "as many for two: the one that is listed first", votes: ["Complaint", "order"], next: "order" },
  { name: "as many for one and for none", votes: ["Complaint", "a walk"], next: "Complaint" },
  { name: "most for none", votes: ["a walk", "a swim", "order"], next: "other" },
])("votes: $name", async ({ votes, next }) => {
  const { graph } = routing(votes.map(vote), { voters: votes.length, default: "other" });
  const final = await graph.runTask(letter(), call);
  expect(final.steps[1]).toEqual([next]);
});

test.each([
  { given: "text without a decision", steps: ["I would say: order."] },
  { given: "a decision that is none", steps: [vote("a walk")] },
])("$given leads to the default, cleaned up as it says", async ({ steps }) => {
  for (const cleanupOnDefault of [true, false]) {
    const { graph } = routing(steps, { default: "other", cleanupOnDefault });
    const events = await read(graph.run(letter(), call));
    expect(events.find(({ type }) => type === "decision")).toMatchObject({ next: "other", cleanup: cleanupOnDefault });
  }
  const { graph } = routing(steps);
  const final = await graph.runTask(letter(), call);
  expect(final.steps).toEqual([["route"], ["order", "Complaint", "other"]]);
});

test("tells the model the ways, the examples each once, what was said, and the message", async () => {
  const examples = [
    { message: "Two bags, please.", choice: "order", reasoning: "Bags are bought." },
    { message: "Worms!", choices: ["Complaint", "praise"], choice: "complaint" },
  ];
  const { graph, model } = routing([vote("order")], {
    decisions: [{ ...decisions[0], next: "order", description: "Buys.", examples }, ...decisions.slice(1)],
    useHistory: () => [
      { role: "user", content: 'Do you have "rye"?' },
      { role: "assistant", content: [{ type: "text", text: "Yes." }] },
    ],
  });
  const run = graph.run(letter(), call);
  await run.cache.set("input_message", "Then two bags.");
  await read(run);
  const { instructions, messages } = model.requests[0] ?? {};
  expect(instructions).toMatch(/^You route letters\./);
  for (const part of ["- order: Buys.", "- Complaint: Something is wrong.", "Thoughts: Bags are bought."]) {
    expect(instructions?.split(part)).toHaveLength(2);
  }
  expect(instructions).toContain("Message: Two bags, please.\nChoices: order, Complaint\n");
  expect(instructions).toContain("Choices: Complaint, praise\nDecision: complaint");
  expect(messages).toHaveLength(1);
  expect(messages?.[0]).toMatchObject({ role: "user", content: expect.stringMatching(/\n\nThen two bags\.$/) });
  expect(JSON.stringify(messages)).toContain("Yes.");
});

test("the events of voters are told apart behind a wire", async () => {
  const { graph } = routing([vote("order"), vote("order"), vote("order")], { voters: 3 });
  const encoder = new WireEncoder();
  const decoder = new WireDecoder();
  const runs = new Set<string>();
  for await (const event of graph.run(letter(), call)) {
    const received = decoder.decode(JSON.parse(encoder.encode(event)));
    if (event.type !== "sub-agent" || received.type !== "sub-agent") continue;
    expect(received.event.run).toEqual(event.event.run);
    runs.add(received.event.run.id);
  }
  expect(runs.size).toBe(3);
});

test("a module asks agents, and shows progress, by what it takes out of its context", async () => {
  const agent = new Agent({ name: "echo", model: echoModel() });
  const graph = new GraphAgent({
    name: "g",
    nodes: [
      node({
        name: "ask",
        modules: [
          async ({ sendMessage, progress }) => {
            await progress("asking");
            return (await sendMessage(agent, "Hello")).output;
          },
        ],
      }),
    ],
  });
  const run = graph.run(letter(), call);
  const events = await read(run);
  expect(events.some(({ type }) => type === "module-progress")).toBe(true);
  expect(run.final?.results["ask"]).toContain("Hello");
});

test("each visit counts its own votes", async () => {
  const model = scriptedModel([vote("work"), vote("work"), vote("work"), vote("done"), vote("done"), vote("work")]);
  const graph = new GraphAgent({
    name: "g",
    nodes: [
      node({ name: "work", modules: [() => 1] }),
      node({
        name: "check",
        dependencies: ["work"],
        modules: [
          agentDirectedFlow({
            model,
            instructions: "Is it done?",
            voters: 3,
            decisions: ["work", "done"].map((next) => ({ next, description: next })),
          }),
        ],
      }),
      node({ name: "done", dependencies: ["check"], modules: [() => 1] }),
    ],
  });
  const final = await graph.runTask(letter(), call);
  expect(final.steps.flat()).toEqual(["work", "check", "work", "check", "done"]);
  expect(model.requests[3]?.messages).toHaveLength(1);
});

test("a voter that fails has no vote; when all fail, the node does", async () => {
  const broken = (): never => {
    throw new ModelError("down", { kind: "server-error", provider: "scripted" });
  };
  const { graph } = routing([broken, vote("order"), broken], { voters: 3 });
  expect((await graph.runTask(letter(), call)).steps[1]).toEqual(["order"]);
  const none = routing([broken, broken], { voters: 2 }).graph;
  const error: unknown = await none.runTask(letter(), call).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ errors: [{ kind: "failed", cause: { name: "ModelError", kind: "server-error" } }] });
});

test.each(["a stop", "its time"])("%s ends all voters", async (how) => {
  const never = (): Promise<string> => new Promise<string>(() => {});
  const { graph } = routing([never, never], { voters: 2, ...(how === "its time" && { timeoutMs: 50 }) });
  const run = graph.run(letter(), call);
  const ended: string[] = [];
  let started = 0;
  try {
    for await (const event of run) {
      if (event.type !== "sub-agent") continue;
      if (event.event.type === "turn-start" && ++started === 2 && how === "a stop") run.stop("enough");
      if (event.event.type === "final") ended.push(event.event.stopReason);
    }
  } catch (error) {
    expect(error).toMatchObject({ errors: [{ kind: "timeout" }] });
  }
  expect(ended).toEqual(["stopped", "stopped"]);
  expect(run.final?.stopReason).toBe(how === "a stop" ? "stopped" : "error");
  // A stop comes before the requests are sent.
  if (how === "its time") expect(run.final?.usage.inputTokens).toBeGreaterThan(0);
});

test("refuses what cannot work, naming it", () => {
  const model = scriptedModel([]);
  const build = (options: Partial<AgentDirectedFlowOptions>) => (): unknown =>
    agentDirectedFlow({ model, instructions: "Choose.", decisions, ...options });
  expect(build({ decisions: [] })).toThrow("agentDirectedFlow.decisions: there must be one at least");
  expect(build({ decisions: [...decisions, { next: "ORDER", description: "again" }] })).toThrow(
    'agentDirectedFlow.decisions[2].next: "ORDER" and "order" cannot be told apart',
  );
  const example = { message: "?", choice: "a walk" };
  expect(build({ decisions: [{ next: "order", description: "Buys.", examples: [example] }] })).toThrow(
    "agentDirectedFlow.decisions[0].examples[0].choice: expected one of the choices order",
  );
  expect(build({ voters: 0 })).toThrow("agentDirectedFlow.voters: expected a whole number from 1");
  expect(build({ voters: 0 })).toThrow(ConfigError);
  expect(() => routing([], { default: "nowhere" })).toThrow('leads to "nowhere", which is no node');
});
