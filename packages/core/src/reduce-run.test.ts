import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Agent } from "./agent.ts";
import { ModelError } from "./errors.ts";
import type { AgentEvent, Final } from "./events.ts";
import type { Message } from "./messages.ts";
import {
  initialRunState,
  type MessageView,
  type RunView,
  reduceRun,
  showHistory,
  type ToolCard,
} from "./reduce-run.ts";
import type { Run } from "./run.ts";
import { type ScriptedAnswer, scriptedModel } from "./testing.ts";
import { tool } from "./tool.ts";

const ids = { userId: "u", chatId: "c" };

async function eventsOf(run: Run): Promise<AgentEvent[]> {
  const events: AgentEvent[] = [];
  try {
    for await (const event of run) events.push(event);
  } catch {
    // Told by the last event.
  }
  return events;
}

function view(events: readonly AgentEvent[], from: RunView = initialRunState): RunView {
  return events.reduce(reduceRun, from);
}

function cards(state: RunView): ToolCard[] {
  return state.messages.flatMap(({ parts }) => parts.filter((part) => part.type === "tool"));
}

/** What is said and how the calls ended: what a stored history tells as well. */
function told(messages: readonly MessageView[]): unknown {
  return messages.map(({ role, parts }) => ({
    role,
    parts: parts.map((part) => (part.type === "tool" ? [part.callId, part.name, part.state] : part)),
  }));
}

const look = tool({
  name: "look",
  description: "Looks",
  input: { type: "object", properties: { at: { type: "string" } } },
  async *execute(args: unknown) {
    const { at } = Object(args);
    yield { looking: at };
    if (at === "fail") throw new Error("It is dark.");
    return { seen: at };
  },
});

/** An event of a run whose other fields do not matter. */
function event(fields: { type: AgentEvent["type"]; seq: number; [field: string]: unknown }): AgentEvent {
  const run = { id: "run_1", agentName: "a", ...ids };
  const made: unknown = { at: 0, run, ...fields };
  return made as AgentEvent;
}

describe("reduceRun", () => {
  it("begins idle, runs and ends", async () => {
    expect(initialRunState).toEqual({ status: "idle", messages: [] });
    const events = await eventsOf(new Agent({ name: "a", model: scriptedModel(["Hello you"]) }).respond("Hi", ids));
    const states = events.map((_, index) => view(events.slice(0, index + 1)));
    expect(states[0]).toMatchObject({ status: "running", run: { chatId: "c" } });
    expect(states.find(({ messages }) => messages.length === 2)?.messages[1]).toEqual({
      role: "assistant",
      parts: [{ type: "text", text: "Hello " }],
    });
    expect(states.at(-1)).toMatchObject({
      status: "completed",
      stopReason: "completed",
      usage: { inputTokens: 10 },
      messages: [
        { role: "user", parts: [{ type: "text", text: "Hi" }] },
        { role: "assistant", parts: [{ type: "text", text: "Hello you" }] },
      ],
    });
  });

  it("shows a call from its first argument to its result", async () => {
    const model = scriptedModel([{ text: "Well", toolCalls: [{ name: "look", args: { at: "the sky" } }] }, "Blue"], {
      chunk: 3,
    });
    const events = await eventsOf(new Agent({ name: "a", model, tools: [look] }).respond("?", ids));
    const seen: unknown[] = [];
    let state = initialRunState;
    for (const next of events) {
      state = reduceRun(state, next);
      const [card] = cards(state);
      if (card && JSON.stringify(card) !== JSON.stringify(seen.at(-1))) seen.push(card);
    }
    const card = { type: "tool", callId: "call_1_1", name: "look" };
    expect(seen[0]).toEqual({ ...card, state: "arriving" });
    expect(seen).toContainEqual({ ...card, state: "arriving", args: { at: "the s" } });
    const args = { at: "the sky" };
    expect(seen.slice(-4)).toEqual([
      { ...card, state: "arriving", args },
      { ...card, state: "running", args },
      { ...card, state: "running", args, progress: { looking: "the sky" } },
      { ...card, state: "done", args, progress: { looking: "the sky" }, result: { seen: "the sky" } },
    ]);
    expect(told(state.messages)).toEqual([
      { role: "user", parts: [{ type: "text", text: "?" }] },
      { role: "assistant", parts: [{ type: "text", text: "Well" }, ["call_1_1", "look", "done"]] },
      { role: "assistant", parts: [{ type: "text", text: "Blue" }] },
    ]);
  });

  it("says why a call failed", async () => {
    const model = scriptedModel([{ toolCalls: [{ name: "look", args: { at: "fail" } }, { name: "nobody" }] }, "Sorry"]);
    const state = view(await eventsOf(new Agent({ name: "a", model, tools: [look] }).respond("?", ids)));
    expect(cards(state)).toMatchObject([
      { state: "failed", error: { message: "It is dark.", kind: "failed" } },
      { state: "failed", error: { kind: "unknown-tool" } },
    ]);
  });

  it("shows an agent that runs as a tool in the card of its call", async () => {
    const inner = new Agent({
      name: "inner",
      model: scriptedModel([{ toolCalls: [{ name: "look", args: { at: "x" } }] }, "Seen"]),
      tools: [look],
    });
    const middle = new Agent({
      name: "middle",
      model: scriptedModel([{ toolCalls: [{ name: "inner", args: { input: "go" } }] }, "Done"]),
      tools: [inner.asTool()],
    });
    const model = scriptedModel([{ toolCalls: [{ name: "middle", args: { input: "go" } }] }, "All done"]);
    const state = view(await eventsOf(new Agent({ name: "outer", model, tools: [middle.asTool()] }).respond("?", ids)));
    const [outerCard] = cards(state);
    expect(outerCard).toMatchObject({ state: "done", result: "Done", subAgent: { status: "completed" } });
    const [middleCard] = cards(outerCard?.subAgent ?? initialRunState);
    expect(middleCard).toMatchObject({ name: "inner", result: "Seen", subAgent: { run: { agentName: "inner" } } });
    expect(cards(middleCard?.subAgent ?? initialRunState)).toMatchObject([{ name: "look", result: { seen: "x" } }]);
  });

  it("takes back what a retry repeats", () => {
    const events = [
      event({ type: "run-start", seq: 0 }),
      event({ type: "message-added", seq: 1, message: { role: "user", content: "?" } }),
      event({ type: "text-delta", seq: 2, text: "Kept ", part: 0 }),
      event({ type: "text-delta", seq: 3, text: "void", part: 0 }),
      event({ type: "tool-call-delta", seq: 4, callId: "c", name: "look", delta: "{" }),
      event({ type: "retry", seq: 5, attempt: 1, delayMs: 0, discardFrom: 3 }),
      event({ type: "text-delta", seq: 6, text: "and new", part: 0 }),
    ];
    expect(view(events.slice(0, 6)).messages[1]?.parts).toEqual([{ type: "text", text: "Kept " }]);
    expect(view(events).messages[1]?.parts).toEqual([{ type: "text", text: "Kept and new" }]);
    const all = event({ type: "model-switched", seq: 7, from: "a", to: "b", discardFrom: 2 });
    expect(view([...events, all]).messages.length).toBe(1);
    expect(view([...events, event({ type: "retry", seq: 7, attempt: 1, delayMs: 0 })]).messages.length).toBe(2);
  });

  it("shows a run whose requests broke in their midst as its history tells it", async () => {
    const error = new ModelError("busy", { kind: "overloaded", provider: "own" });
    const broken = {
      text: "Half of it",
      reasoning: "Hm, well",
      toolCalls: [{ name: "look", args: { at: "x" } }],
      error,
    };
    const model = scriptedModel([broken, broken, { toolCalls: [{ name: "look", args: { at: "x" } }] }, broken, "Done"]);
    const agent = new Agent({ name: "a", model, tools: [look], retry: { initialDelayMs: 0 } });
    const run = agent.respond("?", ids);
    const events = await eventsOf(run);
    expect(events.filter(({ type }) => type === "retry").length).toBe(3);
    expect(told(view(events).messages)).toEqual(told(showHistory(run.final?.history.messages ?? []).messages));
  });

  it("takes the whole message for more than its deltas", () => {
    const content = [
      { type: "reasoning", text: "Hm." },
      { type: "text", text: "Whole" },
    ];
    const state = view([
      event({ type: "text-delta", seq: 0, text: "who", part: 0 }),
      event({ type: "provider-tool", seq: 1, callId: "s", name: "search", state: "started", input: "q" }),
      event({ type: "provider-tool", seq: 2, callId: "s", name: "search", state: "done", output: "o" }),
      event({ type: "source", seq: 3, source: { type: "source", url: "https://x" } }),
      event({ type: "file-output", seq: 4, file: { type: "image", url: "https://y" } }),
    ]);
    expect(state.messages[0]?.parts).toEqual([
      { type: "text", text: "who" },
      { type: "provider-tool", callId: "s", name: "search", state: "done", input: "q", output: "o" },
      { type: "source", url: "https://x" },
      { type: "image", url: "https://y" },
    ]);
    const added = reduceRun(state, event({ type: "message-added", seq: 5, message: { role: "assistant", content } }));
    expect(added.messages).toEqual([{ role: "assistant", parts: content }]);
  });

  it("ignores what it has seen, and what it does not know", () => {
    const text = event({ type: "text-delta", seq: 3, text: "a", part: 0 });
    const state = view([event({ type: "run-start", seq: 0 }), text]);
    expect(reduceRun(state, text)).toBe(state);
    expect(reduceRun(state, event({ type: "text-delta", seq: 1, text: "old", part: 0 }))).toBe(state);
    const unknown: unknown = { ...text, type: "from-the-future", seq: 4 };
    expect(reduceRun(state, unknown as AgentEvent).messages).toBe(state.messages);
  });

  it("keeps what did not change", async () => {
    const model = scriptedModel([{ toolCalls: [{ name: "look", args: { at: "x" } }] }, "It is blue"]);
    const events = await eventsOf(new Agent({ name: "a", model, tools: [look] }).respond("?", ids));
    let state = initialRunState;
    for (const next of events) {
      const before = state;
      Object.freeze(before.messages);
      state = reduceRun(before, next);
      const changed = state.messages.filter((message, index) => message !== before.messages[index]);
      expect(changed.length).toBeLessThanOrEqual(1);
      if (next.type === "turn-end" || next.type === "run-start") expect(state.messages).toBe(before.messages);
    }
  });

  it("goes on with the next run of the conversation, and shows a stored one alike", async () => {
    const agent = new Agent({
      name: "a",
      model: scriptedModel([{ toolCalls: [{ name: "look", args: { at: "x" } }] }, "One", "Two"]),
      tools: [look],
    });
    const first = await eventsOf(agent.respond("1", ids));
    const { history } = first.at(-1) as Final;
    const second = await eventsOf(agent.respond("2", { ...ids, history: history.messages }));
    const live = view([...first, ...second]);
    const stored = view(second, showHistory(history.messages));
    expect(told(stored.messages)).toEqual(told(live.messages));
    expect(live.run?.id).toBe(second[0]?.run.id);
    expect(showHistory(history.messages).status).toBe("idle");
  });

  it("tells how a run ended", async () => {
    const failing = new Agent({ name: "a", model: scriptedModel([{ text: "Half", error: new Error("no") }]) });
    expect(view(await eventsOf(failing.respond("?", ids)))).toMatchObject({
      status: "failed",
      error: { message: "no" },
      messages: [{}, { parts: [{ text: "Half" }] }],
    });
    const run = new Agent({ name: "a", model: scriptedModel(["Hello"]) }).respond("?", ids);
    run.stop();
    expect(view(await eventsOf(run)).status).toBe("stopped");
    const capped = new Agent({
      name: "a",
      maxTurns: 1,
      tools: [look],
      model: scriptedModel([{ toolCalls: [{ name: "look" }] }]),
    });
    expect(view(await eventsOf(capped.respond("?", ids)))).toMatchObject({
      status: "stopped",
      stopReason: "max-turns",
    });
  });

  it("reads arriving arguments in linear time and shows them whole in the end", () => {
    const json = JSON.stringify({ content: "x".repeat(100_000) });
    let state = initialRunState;
    let shown = 0;
    let last: unknown;
    for (let at = 0; at < json.length; at += 4) {
      const delta = json.slice(at, at + 4);
      state = reduceRun(state, event({ type: "tool-call-delta", seq: at, callId: "c", name: "write", delta }));
      const [card] = cards(state);
      if (card?.args !== last) shown += at;
      last = card?.args;
    }
    expect(shown).toBeLessThan(40 * json.length);
  });

  const answer: fc.Arbitrary<ScriptedAnswer> = fc.record(
    {
      text: fc.constantFrom("One two", "日本語 👍", " "),
      reasoning: fc.constantFrom("Hm, well", "So"),
      toolCalls: fc.array(
        fc.constantFrom(
          { name: "look", args: { at: "x" } },
          { name: "look", args: { at: "fail" } },
          { name: "look", args: "{ no JSON" },
          { name: "nobody" },
        ),
        { maxLength: 3 },
      ),
    },
    { requiredKeys: [] },
  );

  it("ends with what the history says, for any run, whole or cut, at hand or over a wire", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(answer, { maxLength: 4 }), fc.option(fc.nat(40)), async (answers, stopAt) => {
        const model = scriptedModel([...answers, { text: "Done", refusal: "or not" }]);
        const run = new Agent({ name: "a", model, tools: [look] }).respond([{ type: "text", text: "?" }], ids);
        const events: AgentEvent[] = [];
        try {
          for await (const next of run) {
            events.push(next);
            if (next.seq === stopAt) run.stop();
          }
        } catch {
          // A script may be longer than the run.
        }
        const messages: readonly Message[] = run.final?.history.messages ?? [];
        const live = view(events);
        expect(told(live.messages)).toEqual(told(showHistory(messages).messages));
        expect(cards(live).every(({ state }) => state === "done" || state === "failed")).toBe(true);
        const sent: AgentEvent[] = JSON.parse(JSON.stringify(events));
        expect(JSON.stringify(view(sent).messages)).toEqual(JSON.stringify(live.messages));
        expect(view([...sent, ...sent]).messages).toEqual(view(sent).messages);
      }),
      { numRuns: 150 },
    );
  });
});
