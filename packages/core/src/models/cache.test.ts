import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Agent } from "../agent.ts";
import { ConfigError, ModelError } from "../errors.ts";
import type { ModelEvent, ModelRequest } from "../model.ts";
import { readAll } from "../testing/held-answer.ts";
import { type ScriptedStep, scriptedModel } from "../testing/scripted-model.ts";
import { noUsage } from "../usage.ts";
import { type CacheStore, cache } from "./cache.ts";
import { retry } from "./retry.ts";

const request: ModelRequest = { messages: [{ role: "user", content: "Hi" }], tools: [], settings: {} };

function asking(content: string): ModelRequest {
  return { ...request, messages: [{ role: "user", content }] };
}

// Digests come from a thread, for which fake timers do not wait.
beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
afterEach(() => void vi.useRealTimers());

describe("cache", () => {
  it("answers the same request with the same events, which cost nothing", async () => {
    const inner = scriptedModel([{ reasoning: "Hm.", text: "Hello you.", toolCalls: [{ name: "look" }] }]);
    const model = cache(inner);
    const first = await readAll(model, request);
    const second = await readAll(model, request);
    expect(inner.requests).toHaveLength(1);
    expect(second.events.slice(0, -1)).toEqual(first.events.slice(0, -1));
    const finish = first.events.at(-1);
    expect(finish).toMatchObject({ type: "finish", usage: { inputTokens: 10 } });
    expect(second.events.at(-1)).toEqual({ ...finish, usage: { ...noUsage, estimated: false } });
  });

  it.each<[string, ModelRequest]>([
    ["messages", asking("Ho")],
    ["instructions", { ...request, instructions: "Be brief." }],
    ["tools", { ...request, tools: [{ name: "t", description: "", parameters: {} }] }],
    ["output", { ...request, output: { name: "o", schema: {} } }],
    ["settings", { ...request, settings: { temperature: 0 } }],
  ])("tells requests with other %s apart", async (_, other) => {
    const inner = scriptedModel(["One", "Two"]);
    const model = cache(inner);
    await readAll(model, request);
    await readAll(model, other);
    inner.assertDone();
  });

  it("tells models apart that share a store", async () => {
    const answers = new Map<string, readonly ModelEvent[]>();
    const store: CacheStore = { get: (key) => answers.get(key), set: (key, events) => void answers.set(key, events) };
    for (const id of ["a", "b", "a"]) await readAll(cache(scriptedModel(["Hi"], { id }), { store }), request);
    expect(answers.size).toBe(2);
    for (const key of answers.keys()) expect(key).toMatch(/^[0-9a-f]{64}$/);
  });

  it("does not look at the order of fields", async () => {
    const inner = scriptedModel(["One"]);
    const model = cache(inner);
    await readAll(model, { ...request, settings: { temperature: 0, topP: 1 } });
    await readAll(model, { ...request, settings: { topP: 1, temperature: 0 } });
    inner.assertDone();
  });

  it.each<[string, ScriptedStep]>([
    ["that failed", { text: "Hel", error: new ModelError("down", { kind: "network", provider: "p" }) }],
    ["that was cut by its length", { text: "Hel", finishReason: "length" }],
    ["that a filter cut", { text: "Hel", finishReason: "content-filter" }],
  ])("keeps no answer %s", async (_, step) => {
    const inner = scriptedModel([step, "Hello"]);
    const model = cache(inner);
    await readAll(model, request);
    await readAll(model, request);
    inner.assertDone();
  });

  it("keeps no answer that its reader has left", async () => {
    const inner = scriptedModel(["one two", "one two"]);
    const model = cache(inner);
    for await (const _ of model.stream(request, { signal: new AbortController().signal })) break;
    await readAll(model, request);
    inner.assertDone();
  });

  it("keeps of a repeated request what counted in the end", async () => {
    const broken = { text: "Hel", error: new ModelError("down", { kind: "network", provider: "p" }) };
    const model = cache(retry(scriptedModel([broken, "Hello you"]), { initialDelayMs: 0 }));
    await readAll(model, request);
    const { events } = await readAll(model, request);
    expect(events.map(({ type }) => type)).toEqual(["text-delta", "text-delta", "finish"]);
  });

  it("forgets after ttlMs", async () => {
    const inner = scriptedModel(["One", "Two"]);
    const model = cache(inner, { ttlMs: 1_000 });
    await readAll(model, request);
    vi.advanceTimersByTime(999);
    await readAll(model, request);
    expect(inner.requests).toHaveLength(1);
    vi.advanceTimersByTime(1);
    await readAll(model, request);
    inner.assertDone();
  });

  it("forgets what was not asked for the longest", async () => {
    const inner = scriptedModel(["A", "B", "C", "B again"]);
    const model = cache(inner, { maxEntries: 2 });
    for (const content of ["a", "b", "a", "c", "a", "b"]) await readAll(model, asking(content));
    inner.assertDone();
  });

  it("does without a store that fails", async () => {
    const store = { get: () => Promise.reject(new Error("down")), set: () => Promise.reject(new Error("down")) };
    const { events, thrown } = await readAll(cache(scriptedModel(["Hello"]), { store }), request);
    expect(thrown).toBeUndefined();
    expect(events.at(-1)?.type).toBe("finish");
  });

  it("takes answers that went through JSON", async () => {
    const answers = new Map<string, string>();
    const store: CacheStore = {
      get: async (key) => JSON.parse(answers.get(key) ?? "null"),
      set: async (key, events) => void answers.set(key, JSON.stringify(events)),
    };
    const inner = scriptedModel(["Hello"]);
    const first = await readAll(cache(inner, { store }), request);
    const second = await readAll(cache(inner, { store }), request);
    expect(second.events.slice(0, -1)).toEqual(first.events.slice(0, -1));
  });

  it("does not wait for a store when it is aborted", async () => {
    const controller = new AbortController();
    const get = () => {
      queueMicrotask(() => controller.abort("stop"));
      return new Promise<undefined>(() => {});
    };
    const model = cache(scriptedModel([]), { store: { get, set() {} } });
    expect((await readAll(model, request, controller.signal)).thrown).toBe("stop");
  });

  it("costs an agent's run nothing", async () => {
    const agent = new Agent({ name: "a", model: cache(scriptedModel(["Hello"])) });
    const ids = { userId: "u1", chatId: "c1" };
    expect((await agent.sendMessage("Hi", ids)).usage).toMatchObject({ inputTokens: 10, outputTokens: 5 });
    const second = await agent.sendMessage("Hi", ids);
    expect(second.output).toBe("Hello");
    expect(second.usage).toEqual(noUsage);
  });

  it("says what cannot work", () => {
    expect(() => cache(scriptedModel([]), { maxEntries: 0 })).toThrow(ConfigError);
    const store = JSON.parse("{}");
    expect(() => cache(scriptedModel([]), { store })).toThrow("cache.store: expected an object with get and set");
  });
});
