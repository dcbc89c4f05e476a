import { HttpAgent } from "@ag-ui/client";
import { HttpAgent as OldHttpAgent } from "ag-ui-client-0";
import * as ai7 from "ai";
import * as ai5 from "ai5";
import fc from "fast-check";
import { Agent, type AgentEvent, type Json, ModelError, type RunInfo, tool } from "millrace";
import { checkHistory, cutEverywhere, scriptedModel } from "millrace/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { fromAGUI, toAGUI, toAGUIResponse } from "../src/ag-ui.ts";
import { fromUIMessages, toUIMessageResponse } from "../src/ai-sdk.ts";
import { everything } from "./protocol-runs.ts";
import { all } from "./serve.ts";

afterEach(() => vi.restoreAllMocks());

/** Reads a response with the AI SDK's transport, 5 and 7: what their checks refuse, and the message. */
async function readAsUI(respond: () => Response): Promise<{ errors: string[]; types: string[]; message: unknown }> {
  const found: { errors: string[]; types: string[]; message: unknown } = { errors: [], types: [], message: undefined };
  const fetch = async (): Promise<Response> => respond();
  const transports: object[] = [new ai5.DefaultChatTransport({ fetch }), new ai7.DefaultChatTransport({ fetch })];
  for (const transport of transports) {
    if (!isTransport(transport)) throw new Error("no transport");
    const stream = await transport.sendMessages({ chatId: "c", messages: [], trigger: "submit-message" });
    const types: string[] = [];
    const watch = new TransformStream<ai7.UIMessageChunk, ai7.UIMessageChunk>({
      transform(chunk, controller) {
        types.push(chunk.type);
        if (chunk.type !== "error") controller.enqueue(chunk);
      },
    });
    const onError = (error: unknown): void => void found.errors.push(String(error));
    for await (const message of ai7.readUIMessageStream({ stream: stream.pipeThrough(watch), onError })) {
      found.message = message;
    }
    found.types = types;
  }
  return found;
}

interface Transport {
  sendMessages(options: object): Promise<ReadableStream<ai7.UIMessageChunk>>;
}

function isTransport(value: object): value is Transport {
  return "sendMessages" in value;
}

interface Thread {
  errors: string[];
  types: string[];
  messages: unknown[];
}

/** Reads a response with both clients of AG-UI: what their verifiers refuse, and the thread. */
async function readAsAGUI(respond: (input: object) => Response): Promise<Thread> {
  let found: Thread = { errors: [], types: [], messages: [] };
  const errors: string[] = [];
  const warn = (...words: unknown[]): void => void errors.push(words.join(" "));
  vi.spyOn(console, "warn").mockImplementation(warn);
  vi.spyOn(console, "error").mockImplementation(() => {});
  for (const Client of [HttpAgent, OldHttpAgent]) {
    const fetch = async (_: unknown, init: { body?: unknown }): Promise<Response> =>
      respond(JSON.parse(String(init.body)));
    const agent: object = new Client({ url: "http://agent/", threadId: "c1", fetch: fetch as typeof globalThis.fetch });
    if (!isAgent(agent)) throw new Error("no agent");
    agent.addMessage({ id: "u1", role: "user", content: "Go" });
    const types: string[] = [];
    const onEvent = ({ event }: { event: { type: string } }): void => void types.push(event.type);
    await agent.runAgent({}, { onEvent }).catch((error: unknown) => {
      // A run that failed says so, and is otherwise in order.
      if (types.at(-1) !== "RUN_ERROR") errors.push(String(error));
    });
    found = { errors, types, messages: agent.messages };
  }
  return found;
}

interface ThreadAgent {
  readonly messages: unknown[];
  addMessage(message: object): void;
  runAgent(parameters: object, subscriber: object): Promise<unknown>;
}

function isAgent(value: object): value is ThreadAgent {
  return "runAgent" in value;
}

async function* replay(events: readonly AgentEvent[], error?: unknown): AsyncGenerator<AgentEvent> {
  yield* events;
  if (error) throw error;
}

async function problemsOf(events: readonly AgentEvent[], error?: unknown): Promise<string[]> {
  const ui = await readAsUI(() => toUIMessageResponse(replay(events, error)));
  const agui = await readAsAGUI((input) => toAGUIResponse(replay(events, error), input));
  const problems = [...ui.errors, ...agui.errors];
  if (!["finish", "error"].includes(ui.types.at(-1) ?? "")) problems.push(`the UI stream ends with ${ui.types.at(-1)}`);
  if (!["RUN_FINISHED", "RUN_ERROR"].includes(agui.types.at(-1) ?? ""))
    problems.push(`AG-UI ends with ${agui.types.at(-1)}`);
  const { messages } = fromUIMessages(ui.message ? [JSON.parse(JSON.stringify(ui.message))] : []);
  problems.push(...checkHistory(messages));
  const thread = fromAGUI({ threadId: "c1", runId: "r1", messages: JSON.parse(JSON.stringify(agui.messages)) });
  return [...problems, ...checkHistory(thread.messages)];
}

const whose = { userId: "u1", chatId: "c1" };

/** Many streams, read by all clients: a busy machine takes its time. */
const timeout = 60_000;

describe("streams that are cut", { timeout }, () => {
  it("end in order wherever a run is stopped, left or fails", async () => {
    const weather = tool({ name: "weather", description: "Weather", execute: () => "clear" });
    const slow = tool({
      name: "slow",
      description: "Slow",
      async *execute() {
        yield 1;
        return 2;
      },
    });
    const problems: string[] = [];
    const ends: Promise<void>[] = [];
    const { cuts } = await cutEverywhere({
      kinds: ["stop", "abort", "model-error", "reset"],
      run: ({ signal, hooks, watch }) => {
        const expert = new Agent({ name: "expert", model: watch(scriptedModel(["Well."])) });
        const model = scriptedModel([
          { reasoning: "Hm.", text: "Look.", toolCalls: [{ name: "weather", args: { a: 1 } }, { name: "slow" }] },
          { toolCalls: [{ name: "expert", args: { input: "?" } }, { name: "nobody" }] },
          "Done now.",
        ]);
        const tools = [weather, slow, expert.asTool()];
        const seen: AgentEvent[] = [];
        const check = {
          onEvent: (event: AgentEvent) => {
            seen.push(event);
            if (event.type === "final") ends.push(problemsOf(seen).then((found) => void problems.push(...found)));
          },
        };
        const agent = new Agent({ name: "a", model: watch(model), tools });
        return agent.respond("Go", { ...whose, signal, hooks: [hooks, check].flat() });
      },
    });
    await Promise.all(ends);
    expect(problems).toEqual([]);
    expect(ends.length).toBeGreaterThanOrEqual(cuts);
  });

  it("end in order wherever the events break off, with an error or without", async () => {
    const events: AgentEvent[] = [];
    for await (const event of everything().respond("Go", whose)) events.push(event);
    const lost = new ModelError("lost", { kind: "network", provider: "p" });
    const found = new Set<string>();
    for (let count = 0; count < events.length; count++) {
      for (const problem of await problemsOf(events.slice(0, count), count % 2 ? lost : undefined)) {
        found.add(`after ${count} events: ${problem}`);
      }
    }
    expect([...found]).toEqual([]);
  });

  it.each([
    ["UI messages", toUIMessageResponse],
    ["AG-UI", toAGUIResponse],
  ])("leave the run when they are left in mid-wait, as %s", async (_, respond) => {
    let isLeft = (): void => {};
    const left = new Promise<void>((resolve) => {
      isLeft = resolve;
    });
    const agent = new Agent({
      name: "a",
      model: {
        provider: "p",
        id: "m",
        async *stream(_request, { signal }) {
          await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        },
      },
      hooks: { onFinal: ({ stopReason }) => stopReason === "stopped" && isLeft() },
    });
    const reader = respond(agent.respond("Go", whose)).body?.getReader();
    for (let count = 0; count < 2; count++) await reader?.read();
    void reader?.read();
    await reader?.cancel();
    await left;
  });

  it("leave the run when one of its events cannot be told", async () => {
    let deep: Json = [];
    for (let depth = 0; depth < 100_000; depth++) deep = [deep];
    const lost = new ModelError("lost", { kind: "network", provider: "p" });
    const model = scriptedModel([{ text: "Once", error: lost }, "Twice, and much more."], { delayMs: 1 });
    const run = new Agent({ name: "a", model, retry: { initialDelayMs: 1 } }).respond("Go", whose);
    // The retry takes back what it makes void: it tells all messages again, and these nest too deep for JSON.
    const events = await all(toAGUI(run, { messages: [{ id: "u1", role: "user", content: "Go", deep }] }));
    expect(events.at(-1)).toMatchObject({ type: "RUN_ERROR" });
    expect(run.final).toMatchObject({ stopReason: "stopped" });
  });
});

describe("any events at all", { timeout }, () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("", "\r\n\r\n", "\u2028", "data: x\n\n", "\ud800", "[DONE]"),
  );
  const id = fc.constantFrom("a", "b", "c");
  const part = fc.nat({ max: 2 });
  const json = fc.jsonValue({ maxDepth: 2 });
  const event = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ type: fc.constantFrom("text-delta", "reasoning-delta", "refusal-delta"), text, part }),
    },
    { weight: 4, arbitrary: fc.record({ type: fc.constant("tool-call-delta"), callId: id, name: id, delta: text }) },
    fc.record({ type: fc.constant("turn-start"), turn: fc.nat({ max: 3 }) }),
    fc.record({ type: fc.constant("turn-end"), turn: fc.nat({ max: 3 }) }),
    fc.record({ type: fc.constant("tool-call-start"), callId: id, name: id, args: json }),
    fc.record({ type: fc.constant("tool-progress"), callId: id, name: id, progress: json }),
    fc.record({ type: fc.constant("tool-result"), callId: id, name: id, args: json, result: json }),
    fc.record({
      type: fc.constant("tool-error"),
      callId: id,
      name: id,
      args: json,
      error: text.map((told) => new Error(told)),
    }),
    fc.record({
      type: fc.constant("provider-tool"),
      callId: id,
      name: id,
      state: fc.constantFrom("started", "done", "failed"),
      input: json,
      output: json,
    }),
    fc.record({
      type: fc.constant("source"),
      source: fc.record({ type: fc.constant("source"), url: text, title: text }),
    }),
    fc.record({
      type: fc.constant("retry"),
      attempt: fc.constant(1),
      error: text.map((told) => new Error(told)),
      delayMs: fc.constant(0),
      discardFrom: fc.constantFrom(1, undefined),
    }),
  );

  it("come through valid for all clients, their text unchanged", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 25 }), async (some) => {
        const run: RunInfo = { id: "run_1", agentName: "a", userId: "u1", chatId: "c1" };
        const start = { type: "run-start", input: [], tools: [] };
        const final = { type: "final", stopReason: "completed", output: "", usage: {}, turns: 1, durationMs: 1 };
        const events = [start, ...some, final].flatMap((fields, seq) => asEvent({ ...fields, seq, at: 1, run }));
        expect(await problemsOf(events)).toEqual([]);
        const texts = some.some(({ type }) => type === "retry") ? [] : some.filter(({ type }) => type === "text-delta");
        if (texts.length === 0) return;
        const told = texts.map((delta) => ("text" in delta ? delta.text : "")).join("");
        const { message } = await readAsUI(() => toUIMessageResponse(replay(events)));
        const parts: { type: string; text?: string; providerMetadata?: unknown }[] = Object(message).parts;
        const shown = parts.filter(({ type, providerMetadata }) => type === "text" && !providerMetadata);
        expect(shown.map((part) => part.text).join("")).toBe(told);
      }),
      { numRuns: 200 },
    );
  });
});

/** The property is about the order and the texts of events; they have the fields that the encoders read. */
function asEvent(value: unknown): AgentEvent[] {
  return isEvent(value) ? [value] : [];
}

function isEvent(value: unknown): value is AgentEvent {
  return typeof value === "object" && value !== null && "type" in value;
}
