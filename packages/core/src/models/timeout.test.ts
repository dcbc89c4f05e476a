import { AsyncLocalStorage } from "node:async_hooks";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Agent } from "../agent.ts";
import { ConfigError, ModelError } from "../errors.ts";
import type { Final } from "../events.ts";
import type { Model, ModelEvent, ModelRequest } from "../model.ts";
import { drain, finishOf, readAll } from "../testing/held-answer.ts";
import { ListenerCount } from "../testing/listener-count.ts";
import { scriptedModel } from "../testing/scripted-model.ts";
import { fallback } from "./fallback.ts";
import { retry } from "./retry.ts";
import { timeout } from "./timeout.ts";

const request: ModelRequest = { messages: [{ role: "user", content: "Hi" }], tools: [], settings: {} };

/** A model that says some words and then nothing more, whatever its signal says. */
function silent(...words: string[]): Model & { aborted: unknown[] } {
  const aborted: unknown[] = [];
  return {
    provider: "p",
    id: "m",
    aborted,
    async *stream(_, { signal }): AsyncGenerator<ModelEvent> {
      signal.addEventListener("abort", () => aborted.push(signal.reason));
      for (const text of words) yield { type: "text-delta", text, part: 0 };
      await new Promise(() => {});
    },
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

async function afterAllTimers<T>(promise: Promise<T>): Promise<T> {
  await vi.runAllTimersAsync();
  return promise;
}

describe("timeout", () => {
  it("passes on what a model says in time", async () => {
    const wrapped = timeout(scriptedModel(["Hello you."], { provider: "p", id: "m", delayMs: 50 }), { idleMs: 51 });
    expect(wrapped).toMatchObject({ provider: "p", id: "m" });
    expect(finishOf(await afterAllTimers(readAll(wrapped, request))).message.content).toEqual([
      { type: "text", text: "Hello you." },
    ]);
  });

  it.each([
    ["firstEventMs", silent(), "p: m sent nothing for 70 ms (timeouts.firstEventMs)", 70],
    ["idleMs", silent("Hel"), "p: m sent nothing for 70 ms (timeouts.idleMs)", 70],
    ["requestMs", silent("Hel"), "p: m took longer than 70 ms (timeouts.requestMs)", 70],
  ])("gives up by %s, also where the model does not listen", async (option, model, message, ms) => {
    const start = Date.now();
    const { thrown } = await afterAllTimers(readAll(timeout(model, { [option]: ms }), request));
    expect(thrown).toEqual(new ModelError(message, { kind: "timeout", provider: "p" }));
    expect(model.aborted).toEqual([thrown]);
    expect(Date.now() - start).toBe(ms);
  });

  it("has limits by default", async () => {
    const { thrown } = await afterAllTimers(readAll(timeout(silent()), request));
    expect(thrown).toMatchObject({ message: expect.stringContaining("600000 ms (timeouts.firstEventMs)") });
  });

  it("does not count the time that its reader takes", async () => {
    const model = timeout(scriptedModel(["one two three"], { delayMs: 30 }), { idleMs: 50, requestMs: 150 });
    const events = model.stream(request, { signal: new AbortController().signal })[Symbol.asyncIterator]();
    for (let i = 0; i < 4; i++) {
      const step = events.next();
      await vi.advanceTimersByTimeAsync(30);
      expect((await step).done).toBe(false);
      await vi.advanceTimersByTimeAsync(10_000);
    }
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it("frees its reader at once after an abort, and keeps no listener", async () => {
    const controller = new AbortController();
    const listeners = new ListenerCount(controller.signal);
    const model = silent("Hel");
    const reading = readAll(timeout(model), request, controller.signal);
    await vi.advanceTimersByTimeAsync(5);
    expect(listeners.count).toBe(1);
    controller.abort("stop");
    expect((await reading).thrown).toBe("stop");
    expect(model.aborted).toEqual(["stop"]);
    expect(listeners.count).toBe(0);
  });

  it("tells an abort that came while nobody waited", async () => {
    const controller = new AbortController();
    const events = timeout(silent("Hel")).stream(request, controller)[Symbol.asyncIterator]();
    await events.next();
    controller.abort("stop");
    expect(await drain(events)).toEqual({ events: [], thrown: "stop" });
    expect(await drain(events)).toEqual({ events: [] });
  });

  it("does not ask after an abort", async () => {
    const model = scriptedModel([]);
    expect((await readAll(timeout(model), request, AbortSignal.abort("stop"))).thrown).toBe("stop");
    expect(model.requests).toEqual([]);
  });

  it("lets its reader leave while an event is awaited", async () => {
    const model = silent("Hel");
    const events = timeout(model).stream(request, { signal: new AbortController().signal })[Symbol.asyncIterator]();
    await events.next();
    void events.next().catch(() => {});
    expect(await events.return?.()).toEqual({ done: true, value: undefined });
    expect(model.aborted).toHaveLength(1);
  });

  it("begins anew where the model within repeats its request, and does not count the wait", async () => {
    const limited = new ModelError("slow down", { kind: "rate-limit", provider: "p", retryAfterMs: 5_000 });
    const inner = scriptedModel([{ text: "Hel", error: limited }, "Hello"], { delayMs: 60 });
    const model = timeout(retry(inner), { firstEventMs: 100, idleMs: 100, requestMs: 200 });
    expect(finishOf(await afterAllTimers(readAll(model, request))).reason).toBe("stop");
  });

  it("still ends a repetition that is silent", async () => {
    const limited = new ModelError("slow down", { kind: "rate-limit", provider: "p", retryAfterMs: 5_000 });
    let requests = 0;
    const inner: Model = {
      provider: "p",
      id: "m",
      stream: (...given) => {
        if (requests++ === 0) throw limited;
        return silent().stream(...given);
      },
    };
    const start = Date.now();
    const { thrown } = await afterAllTimers(readAll(timeout(retry(inner), { firstEventMs: 100 }), request));
    expect(thrown).toMatchObject({ kind: "timeout" });
    expect(Date.now() - start).toBe(5_100);
  });

  it("makes a silent model one that fallback replaces", async () => {
    const model = fallback([timeout(silent("Hel"), { idleMs: 100 }), scriptedModel(["Hello"])]);
    const { events } = await afterAllTimers(readAll(model, request));
    expect(events.map(({ type }) => type)).toEqual(["text-delta", "model-switched", "text-delta", "finish"]);
  });

  it("says what cannot work", () => {
    expect(() => timeout(silent(), { idleMs: 0 })).toThrow(ConfigError);
    expect(() => timeout(silent(), { idleMs: 0 })).toThrow("timeout.idleMs: expected milliseconds above 0, got 0");
  });
});

describe("an agent's retry", () => {
  const ids = { userId: "u1", chatId: "c1" };

  async function run(model: Model, options: Partial<ConstructorParameters<typeof Agent>[0]>) {
    const types: string[] = [];
    const hooks = { onEvent: ({ type }: { type: string }) => types.push(type) };
    const agent = new Agent({ name: "a", model, ...options });
    let thrown: unknown;
    const sent = agent.sendMessage("Hi", { ...ids, hooks }).catch((error: unknown): Final | undefined => {
      thrown = error;
      return undefined;
    });
    // The wrapper is loaded when it is first needed.
    await import("./retry.ts");
    for (let i = 0; i < 5; i++) await vi.runAllTimersAsync();
    return { final: await sent, thrown, types };
  }

  /** Silent for so many requests, then as the other model. */
  function silentFirst(times: number, then: Model): Model {
    let requests = 0;
    return { ...then, stream: (...given) => (requests++ < times ? silent("Hel") : then).stream(...given) };
  }

  it("is off unless it is asked for", async () => {
    const down = new ModelError("down", { kind: "server-error", provider: "p" });
    const { thrown, types } = await run(scriptedModel([{ error: down }]), {});
    expect(thrown).toBe(down);
    expect(types).not.toContain("retry");
    expect((await run(scriptedModel([{ error: down }]), { retry: false })).thrown).toBe(down);
  });

  it("repeats a request that failed, and one that took too long", async () => {
    const down = new ModelError("down", { kind: "server-error", provider: "p" });
    const model = silentFirst(2, scriptedModel([{ error: down }, "Hello"]));
    const { final, types } = await run(model, { retry: {}, timeouts: { idleMs: 500, firstEventMs: 500 } });
    expect(final).toMatchObject({ stopReason: "completed", output: "Hello" });
    expect(types.filter((type) => type === "retry")).toHaveLength(3);
  });

  it("gives up by the policy of timeouts", async () => {
    const { thrown } = await run(silentFirst(9, scriptedModel([])), {
      retry: { timeout: { maxRetries: 1 } },
      timeouts: { idleMs: 500 },
    });
    expect(thrown).toMatchObject({ kind: "timeout", message: expect.stringContaining("(tried 2 times)") });
  });

  it("can be given to one call", async () => {
    const down = new ModelError("down", { kind: "server-error", provider: "p" });
    const agent = new Agent({ name: "a", model: scriptedModel([{ error: down }, "Hello"]) });
    vi.useRealTimers();
    const final = await agent.sendMessage("Hi", { ...ids, retry: { initialDelayMs: 0 } });
    expect(final.output).toBe("Hello");
    vi.useFakeTimers();
  });

  it("calls the model in the context of whoever asked, each time", async () => {
    vi.useRealTimers();
    const context = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const broken = new ModelError("broke", { kind: "network", provider: "p" });
    const inner = scriptedModel([{ error: broken }, { text: "Hel", error: broken }, "Hello"]);
    const model: Model = {
      ...inner,
      async *stream(...given) {
        seen.push(context.getStore());
        yield* inner.stream(...given);
      },
    };
    const agent = new Agent({ name: "a", model, retry: { initialDelayMs: 0 } });
    const run = context.run("asker", () => agent.respond("Hi", ids));
    await context.run("reader", async () => {
      for await (const _ of run);
    });
    expect(seen).toEqual(["asker", "asker", "asker"]);
    vi.useFakeTimers();
  });

  it("is checked when the agent is made", () => {
    const model = scriptedModel([]);
    expect(() => new Agent({ name: "a", model, retry: { maxDelayMs: -1 } })).toThrow("retry.maxDelayMs");
  });
});

describe("a model written by hand", () => {
  it("that yields what is no event fails, instead of leaving its run to hang", async () => {
    const model: Model = { provider: "test", id: "odd", stream: oddStream };
    const agent = new Agent({ name: "a", model });
    await expect(agent.sendMessage("hello", { userId: "u", chatId: "c" })).rejects.toThrow(TypeError);
  });
});

async function* oddStream(): AsyncGenerator<ModelEvent, void> {
  yield JSON.parse("null");
}
