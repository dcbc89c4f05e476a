import { describe, expect, it } from "vitest";
import type { ModelEvent, ModelRequest } from "../model.ts";
import { echoModel } from "./echo-model.ts";
import { scriptedModel } from "./scripted-model.ts";

const request: ModelRequest = { messages: [{ role: "user", content: "Hello, 👋!" }], tools: [], settings: {} };
const { signal } = new AbortController();

async function all(events: AsyncIterable<ModelEvent>): Promise<ModelEvent[]> {
  const found: ModelEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

describe("scriptedModel", () => {
  it("streams text by words and finishes with the whole", async () => {
    const events = await all(scriptedModel(["It is sunny."]).stream(request, { signal }));
    expect(events.map((event) => (event.type === "text-delta" ? event.text : event.type))).toEqual([
      "It ",
      "is ",
      "sunny.",
      "finish",
    ]);
    expect(events.at(-1)).toMatchObject({
      reason: "stop",
      message: { role: "assistant", content: [{ type: "text", text: "It is sunny." }] },
      usage: { inputTokens: 10, outputTokens: 5 },
    });
  });

  it("streams reasoning, text and calls as parts in this order", async () => {
    const step = { reasoning: "hm", text: "Let me see.", toolCalls: [{ name: "a", args: { x: 1 } }, { name: "b" }] };
    const finish = (await all(scriptedModel([step]).stream(request, { signal }))).at(-1);
    expect(finish).toMatchObject({
      reason: "tool-calls",
      message: {
        content: [
          { type: "reasoning", text: "hm" },
          { type: "text", text: "Let me see." },
          { type: "tool-call", callId: "call_1_1", name: "a", args: { x: 1 } },
          { type: "tool-call", callId: "call_1_2", name: "b", args: {} },
        ],
      },
    });
  });

  it("sends broken arguments, objects, refusals and other reasons as they are scripted", async () => {
    const model = scriptedModel([
      { toolCalls: [{ name: "a", args: '{"x":', callId: "mine" }] },
      { object: { x: [1] } },
      { refusal: "No.", finishReason: "content-filter", usage: { reasoningTokens: 3 } },
    ]);
    const finishes: unknown[] = [];
    for (let step = 0; step < 3; step++) finishes.push((await all(model.stream(request, { signal }))).at(-1));
    expect(finishes).toMatchObject([
      { message: { content: [{ callId: "mine", args: {}, invalidArgs: '{"x":' }] } },
      { message: { content: [{ type: "text", text: '{"x":[1]}' }] } },
      {
        message: { content: [{ type: "refusal", text: "No." }] },
        reason: "content-filter",
        usage: { reasoningTokens: 3 },
      },
    ]);
  });

  it("cuts into so many characters, never a pair of surrogates", async () => {
    const events = await all(scriptedModel(["a👋b"], { chunk: 1 }).stream(request, { signal }));
    expect(events.map((event) => (event.type === "text-delta" ? event.text : ""))).toEqual(["a", "👋", "b", ""]);
  });

  it("throws a scripted error before or after the deltas", async () => {
    const error = new Error("boom");
    const model = scriptedModel([{ error }, { text: "so far", error }]);
    const first = model.stream(request, { signal })[Symbol.asyncIterator]();
    await expect(first.next()).rejects.toBe(error);
    const second = model.stream(request, { signal })[Symbol.asyncIterator]();
    expect(await second.next()).toMatchObject({ value: { text: "so " } });
    await second.next();
    await expect(second.next()).rejects.toBe(error);
  });

  it("asks a function what to answer and records the requests", async () => {
    const model = scriptedModel([async ({ messages }) => `${messages.length} message`]);
    const events = await all(model.stream(request, { signal }));
    expect(events.at(-1)).toMatchObject({ message: { content: [{ text: "1 message" }] } });
    expect(model.requests).toEqual([request]);
  });

  it("says which request was not expected, with its last message", async () => {
    const model = scriptedModel([]);
    await expect(all(model.stream(request, { signal }))).rejects.toThrow(
      'request 1 was not expected, the script has 0 steps. Its last message: user "Hello, 👋!"',
    );
  });

  it("names the steps that were not used", async () => {
    const model = scriptedModel(["one", { toolCalls: [{ name: "late" }] }]);
    await all(model.stream(request, { signal }));
    expect(() => model.assertDone()).toThrow('step 2: {"toolCalls":[{"name":"late"}]}');
    await all(model.stream(request, { signal }));
    model.assertDone();
  });

  it("starts nothing before it is iterated", () => {
    const model = scriptedModel(["one"]);
    model.stream(request, { signal });
    expect(model.requests).toEqual([]);
  });

  it("throws the signal's reason at once: before, between, in a pause, in a function that waits", async () => {
    const reason = new Error("enough");
    const never = new Promise<string>(() => {});
    await expect(all(scriptedModel(["a"]).stream(request, { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    for (const model of [
      scriptedModel(["a b c"]),
      scriptedModel(["a b c"], { delayMs: 100_000 }),
      scriptedModel([() => never]),
      scriptedModel([{ text: "a", error: new Error("later") }]),
    ]) {
      const controller = new AbortController();
      const events = model.stream(request, { signal: controller.signal })[Symbol.asyncIterator]();
      const first = events.next().then(() => events.next());
      await Promise.resolve().then(() => controller.abort(reason));
      await expect(first).rejects.toBe(reason);
    }
  });
});

describe("echoModel", () => {
  it("answers with the last user message, character by character", async () => {
    const events = await all(echoModel().stream(request, { signal }));
    expect(events).toHaveLength(10);
    expect(events.at(-1)).toMatchObject({ message: { content: [{ text: "Hello, 👋!" }] } });
  });

  it("waits as long as it is told", async () => {
    const start = performance.now();
    await all(echoModel({ firstDelayMs: 30, delayMs: 5 }).stream(request, { signal }));
    expect(performance.now() - start).toBeGreaterThan(30 + 8 * 4);
  });
});
