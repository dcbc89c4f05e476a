import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Agent } from "../agent.ts";
import { ConfigError, ModelError } from "../errors.ts";
import type { AgentEvent } from "../events.ts";
import { finalOf } from "../final-of.ts";
import type { ContentPart, Message, ToolCallPart } from "../messages.ts";
import { textOf, toolCallsOf } from "../messages.ts";
import type { Model, ModelRequest } from "../model.ts";
import { checkEvents } from "../testing/check-events.ts";
import { checkHistory } from "../testing/check-history.ts";
import { cutEverywhere } from "../testing/cut-everywhere.ts";
import { type ScriptedModel, type ScriptedStep, scriptedModel } from "../testing/scripted-model.ts";
import { tool } from "../tool.ts";
import type { Usage } from "../usage.ts";
import type { ContextOptions } from "./context-options.ts";

const ids = { userId: "u1", chatId: "c1" };

const user = (content: string | ContentPart[]): Message => ({ role: "user", content });
const said = (text: string): Message => ({ role: "assistant", content: [{ type: "text", text }] });
const call = (callId: string, args: ToolCallPart["args"] = {}): ToolCallPart => ({
  type: "tool-call",
  callId,
  name: "look",
  args,
});
const called = (...callIds: string[]): Message => ({ role: "assistant", content: callIds.map((id) => call(id)) });
const result = (callId: string, content: string | ContentPart[]): Message => ({
  role: "tool",
  callId,
  name: "look",
  content,
});

/** A chat of so many turns, each of about fifty tokens. */
function longChat(turns: number): Message[] {
  return Array.from({ length: turns }, (_, turn) => [
    user(`Question ${turn}. ${"q".repeat(80)}`),
    said(`Answer ${turn}. ${"a".repeat(80)}`),
  ]).flat();
}

interface Outcome {
  events: AgentEvent[];
  requests: readonly ModelRequest[];
  /** The last request. */
  sent: readonly Message[];
  text: string;
}

async function send(
  input: string | Message[],
  history: readonly Message[],
  context: ContextOptions,
  steps: ScriptedStep[] = ["Done."],
  more: Partial<ConstructorParameters<typeof Agent>[0]> = {},
): Promise<Outcome> {
  const model = scriptedModel(steps);
  const agent = new Agent({ name: "a", model, context, ...more });
  const events: AgentEvent[] = [];
  for await (const event of agent.respond(input, { ...ids, history })) events.push(event);
  expect(checkEvents(events)).toEqual([]);
  return outcomeOf(events, model);
}

function outcomeOf(events: AgentEvent[], { requests }: ScriptedModel): Outcome {
  const sent = requests.at(-1)?.messages ?? [];
  return { events, requests, sent, text: JSON.stringify(sent) };
}

function of<Type extends AgentEvent["type"]>(events: readonly AgentEvent[], type: Type) {
  return events.filter((event): event is Extract<AgentEvent, { type: Type }> => event.type === type);
}

/** By a count of its own: all characters by four. */
function roughTokens(messages: readonly Message[]): number {
  return messages.reduce((sum, { content }) => {
    if (typeof content === "string") return sum + content.length / 4;
    return content.reduce((all, part) => {
      if (part.type === "text") return all + part.text.length / 4;
      if (part.type === "tool-call") return all + JSON.stringify(part.args).length / 4;
      return all + (part.type === "image" ? 1000 : 0);
    }, sum);
  }, 0);
}

const anyText = fc.oneof(
  { weight: 5, arbitrary: fc.string({ minLength: 1, maxLength: 80 }) },
  { weight: 2, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 400 }) },
  { weight: 1, arbitrary: fc.nat({ max: 6000 }).map((length) => `x${"🌞 y".repeat(length / 4)}`) },
);
const anyStep = fc.array(fc.record({ args: fc.dictionary(fc.string(), anyText, { maxKeys: 2 }), result: anyText }), {
  minLength: 1,
  maxLength: 3,
});
const anyTurn = fc.record({
  question: anyText,
  steps: fc.array(anyStep, { maxLength: 3 }),
  answer: fc.option(anyText),
});
const anyHistory = fc
  .record({
    system: fc.option(fc.string({ minLength: 1, maxLength: 60 })),
    turns: fc.array(anyTurn, { maxLength: 12 }),
  })
  .map(({ system, turns }) => {
    let count = 0;
    const messages: Message[] = system === null ? [] : [{ role: "system", content: system }];
    for (const { question, steps, answer } of turns) {
      messages.push(user(question));
      for (const step of steps) {
        const calls = step.map(({ args }) => call(`c${++count}`, args));
        messages.push({ role: "assistant", content: calls });
        messages.push(...calls.map(({ callId }, index) => result(callId, step[index]?.result ?? "")));
      }
      if (answer !== null) messages.push(said(answer));
    }
    return messages;
  });
const anyContext: fc.Arbitrary<ContextOptions> = fc.record(
  {
    maxTokens: fc.integer({ min: 400, max: 4000 }),
    maxMessages: fc.integer({ min: 1, max: 20 }),
    maxMessageTokens: fc.integer({ min: 200, max: 2000 }),
    keepToolCalls: fc.boolean(),
  },
  { requiredKeys: ["maxTokens"] },
);

describe("any history within any limit", () => {
  it("is valid, within the limit, holds the newest user message, and is not fitted twice", async () => {
    await fc.assert(
      fc.asyncProperty(anyHistory, fc.option(anyText), anyContext, async (history, question, context) => {
        const input = question?.trim() ? question : "";
        fc.pre(input !== "" || history.some(({ role }) => role === "user"));
        const before = structuredClone(history);
        const { sent, events } = await send(input === "" ? [] : input, history, context);
        expect(history).toEqual(before);
        expect(checkHistory(sent)).toEqual([]);
        expect(roughTokens(sent)).toBeLessThanOrEqual(context.maxTokens);
        for (const { tokens } of of(events, "turn-start")) expect(tokens).toBeLessThanOrEqual(context.maxTokens);
        const newest = input || textOf(history.findLast(({ role }) => role === "user") ?? user(""));
        const last = textOf(sent.findLast(({ role }) => role === "user") ?? user(""));
        expect(last.startsWith(newest.slice(0, 4))).toBe(true);
        expect(JSON.stringify(sent)).toBe(JSON.stringify(sent).toWellFormed());
        const again = await send([], sent, context);
        expect(again.sent).toEqual(sent);
      }),
      { numRuns: 300 },
    );
  });

  it("is valid and within the limit with summaries", async () => {
    await fc.assert(
      fc.asyncProperty(
        anyHistory,
        anyContext,
        fc.string({ minLength: 1, maxLength: 3000 }),
        async (history, context, summary) => {
          fc.pre(summary.trim() !== "");
          const options = { ...context, drop: "summary" as const };
          const steps: ScriptedStep[] = [({ instructions }) => (instructions ? summary : "Done."), "Done."];
          const { requests, sent } = await send("Next?", history, options, steps);
          expect(checkHistory(sent)).toEqual([]);
          for (const { messages } of requests) expect(roughTokens(messages)).toBeLessThanOrEqual(context.maxTokens);
          expect(textOf(sent.findLast(({ role }) => role === "user") ?? user(""))).toMatch(/^Next\?/);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe("what fits", () => {
  it("is sent as it is, and nothing is told", async () => {
    const history = longChat(3);
    const { sent, events } = await send("Next?", history, { maxTokens: 10_000 });
    expect(sent).toEqual([...history, user("Next?")]);
    expect(sent[0]).toBe(history[0]);
    expect(events.map(({ type }) => type)).not.toContain("context-overflow");
  });

  it("begins with the user, for every provider", async () => {
    const model = scriptedModel(["Hello."]);
    const agent = new Agent({ name: "a", model, context: { maxTokens: 1000 } });
    await agent.sendMessage("Hi", { ...ids, history: [said("Welcome!")] });
    const sent = model.requests[0]?.messages ?? [];
    expect(checkHistory(sent)).toEqual([]);
    expect(sent.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
  });
});

describe("oldest", () => {
  it("leaves out the oldest turns, tells it before the turn, tells the model, and keeps the history", async () => {
    const history = longChat(40);
    const { sent, events } = await send("Next?", history, {
      maxTokens: 500,
      overflowPrompt: "OVER",
      droppedPrompt: "LESS",
    });
    const types = events.map(({ type }) => type);
    expect(types.slice(0, 5)).toEqual([
      "run-start",
      "message-added",
      "context-overflow",
      "messages-dropped",
      "turn-start",
    ]);
    const [overflow] = of(events, "context-overflow");
    expect(overflow).toMatchObject({ limit: 500, by: "estimate" });
    expect(overflow?.tokens).toBeGreaterThan(1900);
    const [dropped] = of(events, "messages-dropped");
    expect(dropped?.messages).toEqual(history.slice(0, dropped?.messages.length));
    expect(sent.slice(0, -1)).toEqual(history.slice(dropped?.messages.length));
    expect(sent.at(-1)).toEqual(user("Next?\n\nLESS\n\nOVER"));
    expect(of(events, "final")[0]?.history.messages).toHaveLength(82);
    expect(of(events, "final")[0]?.history.messages[80]).toEqual(user("Next?"));
  });

  it("tells once in a run what is left out, and each time that it is too much", async () => {
    const look = tool({
      name: "look",
      description: "Looks",
      input: { type: "object" },
      execute: () => "x".repeat(400),
    });
    const { events } = await send(
      "Next?",
      longChat(40),
      { maxTokens: 700 },
      [{ toolCalls: [{ name: "look", args: {} }] }, { toolCalls: [{ name: "look", args: {} }] }, "Done."],
      { tools: [look] },
    );
    expect(of(events, "context-overflow")).toHaveLength(3);
    const dropped = of(events, "messages-dropped").flatMap(({ messages }) => messages);
    expect(new Set(dropped).size).toBe(dropped.length);
  });

  it("leaves the cut where it is for some turns, so that the provider's cache is of use", async () => {
    const model = scriptedModel(Array.from({ length: 30 }, () => `Answer. ${"a".repeat(80)}`));
    const chat = new Agent({ name: "a", model, context: { maxTokens: 2000 } }).chat({ ...ids, history: longChat(60) });
    for (let turn = 0; turn < 30; turn++) await chat.sendMessage(`Question. ${"q".repeat(80)}`);
    const beginnings = model.requests.map(({ messages }) => messages[0]);
    expect(new Set(beginnings).size).toBeLessThan(10);
  });

  it("leaves out earlier steps of a long turn, and never the newest user message or the last calls", async () => {
    const steps = Array.from({ length: 20 }, (_, index) => [called(`c${index}`), result(`c${index}`, "r".repeat(200))]);
    const history = [...longChat(3), user("The question"), ...steps.flat()];
    const { sent } = await send([], history, { maxTokens: 500 });
    expect(checkHistory(sent)).toEqual([]);
    expect(textOf(sent[0] ?? user(""))).toMatch(/^The question/);
    expect(sent.slice(-2)).toEqual(history.slice(-2));
  });

  it("keeps results that the model has not seen, with what was sent to the run meanwhile", async () => {
    const history = [user("First"), called("a", "b"), result("a", "A".repeat(4000)), result("b", "B"), user("Second")];
    const { sent } = await send([], history, { maxTokens: 400 });
    expect(sent.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "tool", "user"]);
    expect(sent[3]).toEqual(result("b", "B"));
  });

  it("keeps leading system messages, whole", async () => {
    const system: Message = { role: "system", content: "s".repeat(400) };
    const { sent } = await send("Next?", [system, ...longChat(40)], { maxTokens: 500, maxMessageTokens: 50 });
    expect(sent[0]).toEqual(system);
  });
});

describe("long messages", () => {
  it("are cut with a line that says so, also where all would fit", async () => {
    const history = [user("Q"), called("a"), result("a", JSON.stringify({ rows: "🌞".repeat(2000) })), said("A")];
    const { sent, events, text } = await send("Next?", history, {
      maxTokens: 100_000,
      maxMessageTokens: 100,
      overflowPrompt: "OVER",
    });
    const cut = textOf(sent[2] ?? user(""));
    expect(cut).toMatch(/^\{"rows":"🌞+\n\[Cut here: /u);
    expect(cut.length).toBeLessThanOrEqual(400);
    expect(text).toContain("OVER");
    expect(of(events, "context-overflow")).toMatchObject([{ limit: 100, by: "estimate" }]);
    expect(of(events, "messages-dropped")).toEqual([]);
    expect(history[2]).toEqual(result("a", JSON.stringify({ rows: "🌞".repeat(2000) })));
  });

  it("are never cut within a character", async () => {
    for (let length = 90; length < 98; length++) {
      const { text } = await send(`${"a".repeat(length)}${"🌞".repeat(500)}`, [], {
        maxTokens: 1000,
        maxMessageTokens: 60,
      });
      expect(text.isWellFormed()).toBe(true);
    }
  });

  it("keep the newest user message, cut where it alone is too long", async () => {
    const { sent } = await send(`Begin ${"x".repeat(9000)}`, longChat(2), { maxTokens: 600 });
    expect(sent).toHaveLength(1);
    expect(textOf(sent[0] ?? user(""))).toMatch(/^Begin x{900}/);
  });

  it("lose what only a provider can read, and texts in arguments", async () => {
    const history: Message[] = [
      user("Q"),
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "Hm", providerData: { p: { id: "r" } } },
          { ...call("a", { path: "a.txt", content: "c".repeat(9000) }), providerData: { p: { id: "i" } } },
        ],
      },
      result("a", "ok"),
      said("A"),
    ];
    const { sent } = await send("Next?", history, { maxTokens: 100_000, maxMessageTokens: 300 });
    const [kept] = toolCallsOf(sent[1] ?? user(""));
    expect(kept?.args["path"]).toBe("a.txt");
    expect(String(kept?.args["content"]).length).toBeLessThan(1200);
    expect(JSON.stringify(sent[1])).not.toMatch(/providerData|reasoning/);
  });

  it("of tools take no more than half where not all fits", async () => {
    const history = [...longChat(4), user("Look"), called("a"), result("a", "r".repeat(40_000))];
    const { sent } = await send([], history, { maxTokens: 1000 });
    expect(sent.length).toBeGreaterThan(5);
    expect(textOf(sent.at(-1) ?? user("")).length).toBeLessThanOrEqual(2000);
  });

  it("hold images: whole or not at all", async () => {
    const image: ContentPart = { type: "image", url: "https://a.example/a.png" };
    const small: ContentPart = { ...image, detail: "low" };
    const kept = await send([user([{ type: "text", text: "See" }, image])], [], { maxTokens: 1200 });
    expect(kept.sent).toEqual([user([{ type: "text", text: "See" }, image])]);
    const lost = await send([user([{ type: "text", text: "See" }, image, small])], [], { maxTokens: 600 });
    expect(lost.sent[0]?.content).toMatchObject([
      { text: "See" },
      small,
      { text: expect.stringContaining("[Cut here") },
      {},
    ]);
    const dropped = await send("Next?", [user([image]), said("A"), user([image]), said("B")], { maxTokens: 1500 });
    expect(dropped.sent).toHaveLength(3);
  });
});

describe("other limits", () => {
  it("maxMessages keeps the newest, and no half pairs", async () => {
    const history = [...longChat(3), user("Q"), called("a", "b"), result("a", "A"), result("b", "B"), said("A")];
    const { sent, events } = await send("Next?", history, {
      maxTokens: 10_000,
      maxMessages: 7,
      overflowPrompt: "OVER",
    });
    expect(sent.slice(0, -1)).toEqual(history.slice(-5));
    expect(events.map(({ type }) => type)).toContain("messages-dropped");
    expect(events.map(({ type }) => type)).not.toContain("context-overflow");
    expect(textOf(sent.at(-1) ?? user(""))).not.toContain("OVER");
    const exact = await send("Next?", longChat(10), { maxTokens: 10_000, maxMessages: 5 });
    expect(exact.sent).toHaveLength(5);
  });

  it("keepToolCalls: false sends of earlier turns only what was said", async () => {
    const answer: Message = { role: "assistant", content: [{ type: "text", text: "Let me see." }, call("a")] };
    const earlier = [user("Q"), answer, result("a", "A"), said("A")];
    const now = [user("R"), called("b"), result("b", "B")];
    const { sent, events } = await send([], [...earlier, ...now], { maxTokens: 10_000, keepToolCalls: false });
    expect(sent).toEqual([user("Q"), said("Let me see."), said("A"), ...now]);
    expect(events.map(({ type }) => type)).not.toContain("messages-dropped");
  });

  it("instructions and tools count, and must fit", async () => {
    const tools = [tool({ name: "look", description: "d".repeat(2000), input: { type: "object" }, execute: () => "" })];
    const context = { maxTokens: 400 };
    await expect(send("Hi", [], context, [], { tools })).rejects.toThrow(
      /^context\.maxTokens: expected room for what must be sent, which is \d+ tokens \(5\d\d of them instructions and tools\), got 400/,
    );
    const { sent } = await send("Hi", longChat(10), { maxTokens: 900 }, ["Done."], { instructions: "i".repeat(2400) });
    expect(roughTokens(sent)).toBeLessThanOrEqual(300);
  });

  it("an option that cannot work is refused at once", () => {
    const make = (context: object): Agent =>
      new Agent({ name: "a", model: scriptedModel([]), context: { maxTokens: 1000, ...context } });
    const wrong: [object, string][] = [
      [{ maxTokens: undefined }, "context.maxTokens: is required"],
      [{ maxTokens: 0 }, "context.maxTokens: expected a whole number from 1, got 0"],
      [{ count: "exact" }, "context.count: expected one of simple, accurate"],
      [{ count: { count: 1 } }, "context.count.count: expected a function"],
      [{ drop: "newest" }, "context.drop: expected one of oldest, summary"],
      [{ keepToolCalls: 1 }, "context.keepToolCalls: expected true or false"],
      [{ limit: 1 }, "context.limit: no such option"],
    ];
    for (const [context, message] of wrong) expect(() => make(context)).toThrow(message);
    make({ count: { count: () => 1 }, drop: () => [], overflowPrompt: "" });
  });
});

describe("counting", () => {
  it("counts each message once, however long the history is", async () => {
    let counts = 0;
    const count = { count: (text: string) => ++counts && Math.ceil(text.length / 4) };
    const model = scriptedModel(["A", "B", "C"]);
    const chat = new Agent({ name: "a", model, context: { maxTokens: 4000, count } }).chat({
      ...ids,
      history: longChat(5000),
    });
    await chat.sendMessage("One?");
    expect(counts).toBeGreaterThan(10_000);
    for (const question of ["Two?", "Three?"]) {
      counts = 0;
      await chat.sendMessage(question);
      expect(counts).toBeLessThan(20);
    }
  });

  it("loads a counter before the first count, once for each model", async () => {
    const loads: string[] = [];
    const counts: string[] = [];
    const count = {
      load: async ({ provider, id }: { provider: string; id: string }) => void loads.push(`${provider}/${id}`),
      count: (text: string, { id }: { id: string }) => counts.push(`${loads.length} ${id}`) && text.length,
    };
    await send("Hi", [], { maxTokens: 1000, count });
    await send("Hi", [], { maxTokens: 1000, count });
    expect(loads).toEqual(["scripted/scripted"]);
    expect(new Set(counts)).toEqual(new Set(["1 scripted"]));
  });

  it("refuses a counter that gives no number", async () => {
    await expect(send("Hi", [], { maxTokens: 100, count: { count: () => Number.NaN } })).rejects.toThrow(
      "context.count: expected the counter to give a number from 0, got NaN",
    );
  });

  it("is accurate where asked", async () => {
    const { countTokens } = await import("../tiktoken.ts");
    const history = longChat(30);
    const { sent, events } = await send("Next?", history, { maxTokens: 400, count: "accurate" });
    const tokens = sent.reduce((sum, message) => sum + countTokens(textOf(message)), 0);
    expect(tokens).toBeGreaterThan(200);
    expect(tokens).toBeLessThanOrEqual(400);
    expect(of(events, "turn-start")[0]?.tokens).toBeLessThanOrEqual(400);
  });

  const usage = (inputTokens: number): Usage => ({
    inputTokens,
    outputTokens: 5,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
  });
  const look = tool({ name: "look", description: "Looks", input: { type: "object" }, execute: () => "ok" });
  const afterReport = async (inputTokens: number, more: Partial<ContextOptions> = {}): Promise<Outcome> =>
    send(
      "Next?",
      longChat(40),
      { maxTokens: 1000, ...more },
      [{ toolCalls: [{ name: "look", args: {} }], usage: usage(inputTokens) }, "Done."],
      { tools: [look] },
    );

  it("is corrected by what the provider reports", async () => {
    const { requests, events } = await afterReport(1800);
    const [first, second] = requests.map(({ messages }) => roughTokens(messages));
    expect(second).toBeLessThan((first ?? 0) * 0.7);
    for (const { tokens } of of(events, "turn-start")) expect(tokens).toBeLessThanOrEqual(1000);
  });

  it("is corrected within bounds", async () => {
    const most = await afterReport(900_000);
    expect(roughTokens(most.sent)).toBeGreaterThan(150);
    const less = await afterReport(600);
    expect(roughTokens(less.sent)).toBeGreaterThan(1000);
    expect(roughTokens(less.sent)).toBeLessThan(1350);
    // A server that leaves out what it had in its cache, and a real count.
    expect(roughTokens((await afterReport(20)).sent)).toBeLessThanOrEqual(1000);
    const own = { count: { count: (text: string) => Math.ceil(text.length / 4) } };
    expect(roughTokens((await afterReport(600, own)).sent)).toBeLessThanOrEqual(1000);
  });
});

describe("summary", () => {
  const context: ContextOptions = { maxTokens: 1000, drop: "summary" };
  const isSummary = ({ instructions = "" }: ModelRequest): boolean => instructions.startsWith("You summarise");

  /** Answers, or summarises what it has summarised by numbering it. */
  function summarising(): Model & { requests: ModelRequest[] } {
    const requests: ModelRequest[] = [];
    let count = 0;
    const steps = Array.from({ length: 200 }, () => (request: ModelRequest) => {
      requests.push(request);
      return isSummary(request) ? `SUMMARY-${++count}` : `Answer. ${"a".repeat(80)}`;
    });
    return { ...scriptedModel(steps), requests };
  }

  it("stands for what goes, is told, and counts in the run's usage", async () => {
    const { events, requests, sent, text } = await send("Next?", longChat(40), context, ["The user asked.", "Done."]);
    expect(requests).toHaveLength(2);
    expect(sent[0]).toEqual(user(expect.stringMatching(/^\[Summary of the earlier .*\]\nThe user asked\.$/s)));
    expect(text).not.toContain("Question 1.");
    const [dropped] = of(events, "messages-dropped");
    expect(dropped).toMatchObject({ summary: "The user asked." });
    expect(dropped?.messages.length).toBeGreaterThan(40);
    const [final] = of(events, "final");
    const [turn] = of(events, "turn-end");
    expect(final?.usage.inputTokens).toBeGreaterThan(turn?.usage.inputTokens ?? 0);
    expect(final?.history.messages).toHaveLength(82);
    expect(JSON.stringify(final?.history)).not.toContain("The user asked");
  });

  it("is made anew only after a while, with the one before folded in, also in later runs", async () => {
    const model = summarising();
    const chat = new Agent({ name: "a", model, context }).chat({ ...ids, history: longChat(40) });
    for (let turn = 0; turn < 40; turn++) await chat.sendMessage(`Question. ${"q".repeat(80)}`);
    const summaries = model.requests.filter(isSummary);
    expect(summaries.length).toBeGreaterThan(2);
    expect(summaries.length).toBeLessThan(9);
    for (const [index, { messages }] of summaries.entries()) {
      const text = textOf(messages[0] ?? user(""));
      if (index > 0) expect(text).toContain(`<summary>\nSUMMARY-${index}\n</summary>`);
      expect(roughTokens(messages)).toBeLessThanOrEqual(1000);
    }
    const last = model.requests.at(-1)?.messages[0];
    expect(textOf(last ?? user(""))).toContain(`SUMMARY-${summaries.length}`);
  });

  it("is written by another model where one is given", async () => {
    const summaryModel = scriptedModel(["By the other"], { id: "small" });
    const { text, requests } = await send("Next?", longChat(40), { ...context, summaryModel });
    expect(requests).toHaveLength(1);
    expect(text).toContain("By the other");
    summaryModel.assertDone();
  });

  it("that fails is told and replaced by leaving out", async () => {
    const errors: unknown[] = [];
    const summaryModel = scriptedModel([
      () => {
        throw new ModelError("down", { kind: "server-error", provider: "p" });
      },
    ]);
    for (const failing of [summaryModel, scriptedModel([" "])]) {
      const hooks = { onHookError: (error: unknown) => errors.push(error) };
      const { sent, events } = await send("Next?", longChat(40), { ...context, summaryModel: failing }, ["Done."], {
        hooks,
      });
      expect(sent.length).toBeGreaterThan(10);
      expect(of(events, "messages-dropped")[0]).not.toHaveProperty("summary");
      expect(of(events, "final")[0]?.stopReason).toBe("completed");
    }
    expect(errors.map(String)).toEqual(["ModelError: down", expect.stringContaining("is empty")]);
  });

  it("counts in the budget, and is left out where that has no room for it", async () => {
    const pricing = { scripted: { input: 1, output: 10 } };
    const within = await send("Next?", longChat(40), context, ["Summary.", "Done."], {
      budget: { pricing, maxUsd: 1 },
    });
    const [turn] = of(within.events, "turn-end");
    expect(of(within.events, "final")[0]?.costUsd).toBeGreaterThan(turn?.costUsd ?? 1);
    const settings = { maxOutputTokens: 10 };
    // Enough for the turn, too little for a summary, whose length is not limited.
    const budget = { pricing, maxUsd: 0.002 };
    const beyond = await send("Next?", longChat(40), context, ["Done."], { budget, settings });
    expect(beyond.requests).toHaveLength(1);
    expect(of(beyond.events, "messages-dropped")[0]).not.toHaveProperty("summary");
    expect(of(beyond.events, "budget-exceeded")).toEqual([]);
    expect(of(beyond.events, "final")[0]?.stopReason).toBe("completed");
  });

  it("ends at once with a stop, and what it cost is counted", async () => {
    const model = scriptedModel([{ text: "word ".repeat(100) }], { delayMs: 5 });
    const run = new Agent({ name: "a", model, context }).respond("Next?", { ...ids, history: longChat(40) });
    setTimeout(() => run.stop(), 60);
    const events: AgentEvent[] = [];
    for await (const event of run) events.push(event);
    expect(checkEvents(events)).toEqual([]);
    const [final] = of(events, "final");
    expect(final).toMatchObject({ stopReason: "stopped", turns: 1, usage: { estimated: true } });
    expect(final?.usage.inputTokens).toBeGreaterThan(100);
    expect(final?.usage.outputTokens).toBeGreaterThan(0);
  });

  it("shows the summarising model calls and results as text", async () => {
    const history = [
      user("Q"),
      { role: "assistant" as const, content: [call("a", { city: "Rome" })] },
      result("a", "22°C"),
      said("Warm."),
    ];
    const { requests } = await send("Next?", [...history, ...longChat(24)], { ...context, maxTokens: 1200 }, [
      "S",
      "Done.",
    ]);
    const asked = textOf(requests[0]?.messages[0] ?? user(""));
    expect(asked).toContain(
      'User: Q\n\nAssistant: \nCall of look: {"city":"Rome"}\n\nResult of look: 22°C\n\nAssistant: Warm.',
    );
  });
});

describe("a strategy of one's own", () => {
  const history = longChat(40);
  const context = { maxTokens: 500, overflowPrompt: "", droppedPrompt: "" };

  it("says what is sent, and is told what it needs", async () => {
    let told: unknown;
    const { sent, events } = await send("Next?", history, {
      ...context,
      drop: async (messages, given) => {
        told = given;
        expect(messages.at(-1)).toEqual(user("Next?"));
        expect(given.count(user("1234"))).toBe(5);
        return [...messages.slice(0, 2), ...messages.slice(-1)];
      },
    });
    expect(sent).toEqual([...history.slice(0, 2), user("Next?")]);
    expect(told).toMatchObject({ ...ids, turn: 1, tokens: expect.any(Number), model: { id: "scripted" } });
    expect(of(events, "messages-dropped")[0]?.messages).toEqual(history.slice(2));
  });

  it("is asked only where not all fits", async () => {
    const drop = () => {
      throw new Error("asked");
    };
    await send("Next?", longChat(2), { maxTokens: 500, drop });
    await expect(send("Next?", history, { ...context, drop })).rejects.toThrow("asked");
  });

  it("is put right: pairs, leading system messages, what is still too long", async () => {
    const system: Message = { role: "system", content: "Rule" };
    const { sent } = await send("Next?", [system, user("Q"), called("a"), result("a", "A"), ...history], {
      ...context,
      drop: (messages) => messages.slice(3),
    });
    expect(checkHistory(sent)).toEqual([]);
    expect(sent[0]).toEqual(system);
    expect(roughTokens(sent)).toBeLessThanOrEqual(500);
  });

  it("may shorten the newest user message and results", async () => {
    const long = [...history, user("Look"), called("a"), result("a", "r".repeat(900))];
    const { sent } = await send([], long, {
      ...context,
      drop: (messages) =>
        messages.slice(-3).map((each) => (each.role === "tool" ? { ...each, content: "short" } : { ...each })),
    });
    expect(sent).toEqual([user("Look"), called("a"), result("a", "short")]);
  });

  it("is refused where it leaves out what must be sent", async () => {
    const refused = async (drop: ContextOptions["drop"], given: Message[] = history): Promise<string> => {
      try {
        await send(given === history ? "Next?" : [], given, { ...context, ...(drop && { drop }) });
        return "";
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        expect(finalOf(error)?.stopReason).toBe("error");
        return String(error);
      }
    };
    expect(await refused((messages) => messages.slice(0, 2))).toContain("keep the newest user message");
    const pending = [...history, user("Look"), called("a"), result("a", "r".repeat(900))];
    expect(await refused((messages) => messages.slice(0, -1), pending)).toContain("keep the last tool calls");
    // @ts-expect-error a strategy in JavaScript may give anything
    expect(await refused(() => "none")).toContain("expected the strategy to give a list of messages, got string");
    // @ts-expect-error nor need its messages be any
    expect(await refused(() => [{ role: "bot" }])).toContain("context.drop()[0]");
  });
});

describe("an overflow that the provider reports", () => {
  const overflow = (): never => {
    throw new ModelError("too long", { kind: "context-overflow", provider: "p" });
  };
  const context = { maxTokens: 4000 };

  it("is fitted harder and sent once more in the same turn", async () => {
    const { events, requests, sent } = await send("Next?", longChat(60), context, [overflow, "Done."]);
    expect(requests).toHaveLength(2);
    expect(roughTokens(sent)).toBeLessThan(roughTokens(requests[0]?.messages ?? []) * 0.65);
    const shown = events.flatMap((event) => {
      if (event.type === "context-overflow") return [`${event.type} ${event.by} ${event.tokens > event.limit}`];
      return event.type === "turn-start" ? [`turn ${event.turn}`] : [];
    });
    expect(shown).toEqual(["turn 1", "context-overflow provider true", "turn 1"]);
    expect(of(events, "messages-dropped")[0]?.messages.length).toBeGreaterThan(20);
    expect(of(events, "final")[0]).toMatchObject({ turns: 1, stopReason: "completed" });
  });

  it("ends the run where that does not help either", async () => {
    const model = scriptedModel([overflow, overflow, "Not asked."]);
    const run = new Agent({ name: "a", model, context }).sendMessage("Next?", { ...ids, history: longChat(60) });
    await expect(run).rejects.toMatchObject({ kind: "context-overflow" });
    expect(model.requests).toHaveLength(2);
  });

  it("stays in force for the rest of the run", async () => {
    const look = tool({ name: "look", description: "Looks", input: { type: "object" }, execute: () => "ok" });
    const steps: ScriptedStep[] = [overflow, { toolCalls: [{ name: "look", args: {} }] }, "Done."];
    const { requests } = await send("Next?", longChat(60), context, steps, { tools: [look] });
    expect(roughTokens(requests[2]?.messages ?? [])).toBeLessThan(roughTokens(requests[0]?.messages ?? []) * 0.65);
  });

  it("is an error for an agent without limits, and after something was shown", async () => {
    const model = scriptedModel([overflow, "Not asked."]);
    await expect(new Agent({ name: "a", model }).sendMessage("Hi", ids)).rejects.toThrow("too long");
    const half: Model = {
      provider: "p",
      id: "m",
      async *stream() {
        yield { type: "text-delta", text: "So", part: 0 };
        overflow();
      },
    };
    const error = await new Agent({ name: "a", model: half, context }).sendMessage("Hi", ids).catch((thrown) => thrown);
    expect(finalOf(error)).toMatchObject({ stopReason: "error", output: "So" });
  });
});

describe("a run with limits", () => {
  it("can be cut everywhere", async () => {
    const history = longChat(40);
    for (const drop of ["oldest", "summary"] as const) {
      await cutEverywhere({
        run: ({ signal, hooks, watch }) => {
          const look = tool({ name: "look", description: "Looks", input: { type: "object" }, execute: () => "ok" });
          const steps = [{ toolCalls: [{ name: "look", args: {} }] }, "Done and dusted."];
          // New messages each time: a summary that is known is not asked for.
          return new Agent({
            name: "a",
            model: watch(scriptedModel(drop === "summary" ? ["The summary.", ...steps] : steps)),
            tools: [look],
            context: { maxTokens: 1000, drop },
            hooks: { onHookError: () => {} },
          }).respond("Next?", { ...ids, history: structuredClone(history), signal, hooks });
        },
      });
    }
  });

  it("can be cut everywhere after an overflow that the provider reports", async () => {
    const overflow = (): never => {
      throw new ModelError("too long", { kind: "context-overflow", provider: "p" });
    };
    await cutEverywhere({
      run: ({ signal, hooks, watch }) =>
        new Agent({
          name: "a",
          model: watch(scriptedModel([overflow, "Done and dusted."])),
          context: { maxTokens: 10_000 },
        }).respond("Next?", { ...ids, history: longChat(10), signal, hooks }),
    });
  });

  it("takes other limits for one call", async () => {
    const model = scriptedModel(["A"]);
    const agent = new Agent({ name: "a", model, context: { maxTokens: 100_000, droppedPrompt: "LESS" } });
    await agent.sendMessage("Next?", { ...ids, history: longChat(40), context: { maxTokens: 500 } });
    expect(JSON.stringify(model.requests[0]?.messages)).toContain("LESS");
  });
});
