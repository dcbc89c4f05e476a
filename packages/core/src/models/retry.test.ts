import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConfigError, ModelError, type ModelErrorFacts, type ModelErrorKind } from "../errors.ts";
import type { Model, ModelEvent, ModelRequest } from "../model.ts";
import { type Answer, finishOf, readAll } from "../testing/held-answer.ts";
import { type ScriptedStep, scriptedModel } from "../testing/scripted-model.ts";
import { noUsage } from "../usage.ts";
import { retry } from "./retry.ts";
import type { RetryOptions } from "./retry-options.ts";

const request: ModelRequest = { messages: [{ role: "user", content: "Hi" }], tools: [], settings: {} };
const kinds = ["rate-limit", "overloaded", "server-error", "timeout", "network"] as const;

function failure(kind: ModelErrorKind, facts: Partial<ModelErrorFacts> = {}): ModelError {
  return new ModelError(`scripted: ${kind}`, { kind, provider: "scripted", ...facts });
}

function failing(error: Error, times: number): ScriptedStep[] {
  return Array.from({ length: times }, () => ({ error }));
}

function delaysOf({ events }: Answer): number[] {
  return events.flatMap((event) => (event.type === "retry" ? [event.delayMs] : []));
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** Reads one answer; whatever is waited for passes at once. */
async function read(steps: readonly ScriptedStep[], options?: RetryOptions): Promise<Answer & { waitedMs: number }> {
  const start = Date.now();
  const model = scriptedModel(steps);
  const reading = readAll(retry(model, options), request);
  await vi.runAllTimersAsync();
  const answer = await reading;
  model.assertDone();
  return { ...answer, waitedMs: Date.now() - start };
}

describe("retry", () => {
  it("passes on what a model without a fault says, and is called like it", async () => {
    const model = scriptedModel(["Hello you."], { provider: "p", id: "m" });
    const wrapped = retry(model);
    expect(wrapped).toMatchObject({ provider: "p", id: "m" });
    const answer = await readAll(wrapped, request);
    expect(answer).toEqual(await readAll(scriptedModel(["Hello you."]), request));
    expect(finishOf(answer).reason).toBe("stop");
  });

  it("starts nothing before it is read", () => {
    const model = scriptedModel([]);
    retry(model).stream(request, { signal: new AbortController().signal });
    expect(model.requests).toEqual([]);
  });

  const waits: { [kind in (typeof kinds)[number]]: number[] } = {
    "rate-limit": [1_000, 2_000, 4_000, 8_000, 16_000],
    overloaded: [1_000, 2_000, 4_000, 8_000, 16_000],
    "server-error": [1_000, 2_000, 3_000],
    timeout: [1_000, 1_000],
    network: [1_000, 2_000, 4_000],
  };

  it.each(kinds)("waits by the default policy of %s, and survives its last repetition", async (kind) => {
    const times = waits[kind].length;
    const answer = await read([...failing(failure(kind), times), "Hello"], { jitter: "none" });
    expect(delaysOf(answer)).toEqual(waits[kind]);
    expect(answer.waitedMs).toBe(waits[kind].reduce((sum, ms) => sum + ms, 0));
    expect(finishOf(answer).message.content).toEqual([{ type: "text", text: "Hello" }]);
    const [first] = answer.events;
    expect(first).toEqual({ type: "retry", attempt: 1, error: failure(kind), delayMs: 1_000 });
  });

  it.each(kinds)("gives up after the default repetitions of %s and says how often it tried", async (kind) => {
    const times = waits[kind].length + 1;
    const error = failure(kind, { status: 500, requestId: "req_1", code: "c" });
    const { thrown } = await read(failing(error, times), { jitter: "none" });
    expect(thrown).toBeInstanceOf(ModelError);
    expect(thrown).toMatchObject({
      kind,
      status: 500,
      requestId: "req_1",
      code: "c",
      retryable: true,
      message: `scripted: ${kind} (tried ${times} times)`,
      cause: error,
    });
  });

  it("counts each kind on its own, and all attempts in the events", async () => {
    const steps = [
      { error: failure("rate-limit") },
      { error: failure("network") },
      { error: failure("rate-limit") },
      "Hello",
    ];
    const answer = await read(steps, { jitter: "none", network: { maxRetries: 1 }, rateLimit: { maxRetries: 2 } });
    expect(delaysOf(answer)).toEqual([1_000, 1_000, 2_000]);
    expect(answer.events.flatMap((event) => (event.type === "retry" ? [event.attempt] : []))).toEqual([1, 2, 3]);
  });

  it("takes a policy of one's own, and the rest of it from the default", async () => {
    const steps = [...failing(failure("rate-limit"), 3), "Hello"];
    const answer = await read(steps, {
      rateLimit: { backoff: "linear" },
      initialDelayMs: 10,
      jitter: "none",
    });
    expect(delaysOf(answer)).toEqual([10, 20, 30]);
  });

  it("caps the wait", async () => {
    const steps = [...failing(failure("rate-limit"), 5), "Hello"];
    const answer = await read(steps, { backoffBase: 10, maxDelayMs: 5_000, jitter: "none" });
    expect(delaysOf(answer)).toEqual([1_000, 5_000, 5_000, 5_000, 5_000]);
  });

  it.each([
    ["equal", 0, 500],
    ["equal", 0.5, 750],
    ["full", 0, 0],
    ["full", 0.5, 500],
    ["none", 0.5, 1_000],
    [undefined, 0.5, 750],
  ] as const)("spreads the wait by the jitter %s (random %d)", async (jitter, random, delayMs) => {
    const options = { ...(jitter && { jitter }), random: () => random };
    const answer = await read([...failing(failure("network"), 1), "Hello"], options);
    expect(delaysOf(answer)).toEqual([delayMs]);
  });

  it("repeats nothing where the policy says so", async () => {
    const error = failure("network");
    const answer = await read([{ error }], { network: { maxRetries: 0 } });
    expect(answer).toMatchObject({ events: [], thrown: error, waitedMs: 0 });
    expect(answer.thrown).toBe(error);
  });

  describe("a provider's advice", () => {
    it.each([
      ["longer than the backoff", 5_000, 5_000],
      ["shorter than the backoff", 200, 1_000],
      ["no wait at all", 0, 1_000],
      ["as long as is allowed", 60_000, 60_000],
    ])("is never cut short: %s", async (_, retryAfterMs, delayMs) => {
      const error = failure("rate-limit", { retryAfterMs });
      const answer = await read([{ error }, "Hello"], { jitter: "none" });
      expect(delaysOf(answer)).toEqual([delayMs]);
      expect(answer.waitedMs).toBe(delayMs);
    });

    it("is not cut short by the jitter", async () => {
      const error = failure("overloaded", { retryAfterMs: 900 });
      const answer = await read([{ error }, "Hello"], { jitter: "full", random: () => 0.1 });
      expect(delaysOf(answer)).toEqual([900]);
    });

    it("ends it at once where the wait would be too long", async () => {
      const error = failure("rate-limit", { retryAfterMs: 60_001 });
      expect(await read([{ error }])).toEqual({ events: [], thrown: error, waitedMs: 0 });
    });

    it("not to repeat counts", async () => {
      const error = failure("server-error", { retryable: false });
      expect(await read([{ error }])).toEqual({ events: [], thrown: error, waitedMs: 0 });
    });

    it("to repeat what is not repeated otherwise counts, by the policy of server errors", async () => {
      const error = failure("invalid-request", { retryable: true });
      const answer = await read([...failing(error, 3), "Hello"], { jitter: "none" });
      expect(delaysOf(answer)).toEqual([1_000, 2_000, 3_000]);
    });
  });

  it.each(["auth", "invalid-request", "content-filter", "context-overflow", "protocol", "unsupported"] as const)(
    "does not repeat %s",
    async (kind) => {
      const error = failure(kind);
      const { events, thrown } = await read([{ error }]);
      expect(events).toEqual([]);
      expect(thrown).toBe(error);
    },
  );

  it("does not repeat what is no error of a model", async () => {
    const error = new TypeError("a bug");
    expect((await read([{ error }])).thrown).toBe(error);
  });

  describe("an answer that breaks off", () => {
    const broken: ScriptedStep = { text: "Hello the", error: failure("network") };

    it("is asked for again", async () => {
      const answer = await read([broken, "Hello there."]);
      expect(answer.events.map(({ type }) => type)).toEqual([
        "text-delta",
        "text-delta",
        "retry",
        "text-delta",
        "text-delta",
        "finish",
      ]);
      expect(finishOf(answer).message.content).toEqual([{ type: "text", text: "Hello there." }]);
    });

    it("is not asked for again without midStream, but a request that failed before is", async () => {
      const answer = await read([{ error: failure("network") }, broken], { midStream: false });
      expect(answer.events.map(({ type }) => type)).toEqual(["retry", "text-delta", "text-delta"]);
      expect(answer.thrown).toMatchObject({ kind: "network", message: "scripted: network (tried 2 times)" });
    });

    it("is never asked for again after its finish", async () => {
      const error = failure("network");
      let requests = 0;
      const model: Model = {
        provider: "p",
        id: "m",
        async *stream(): AsyncGenerator<ModelEvent> {
          requests++;
          yield { type: "finish", message: { role: "assistant", content: [] }, reason: "stop", usage: noUsage };
          throw error;
        },
      };
      const { events, thrown } = await readAll(retry(model), request);
      expect(events).toHaveLength(1);
      expect(thrown).toBe(error);
      expect(requests).toBe(1);
    });
  });

  it("also repeats what fails before it gives a stream", async () => {
    const good = scriptedModel(["Hello"]);
    let requests = 0;
    const model: Model = {
      ...good,
      stream: (given, options) => {
        if (requests++ === 0) throw failure("server-error");
        return good.stream(given, options);
      },
    };
    const reading = readAll(retry(model), request);
    await vi.runAllTimersAsync();
    expect(finishOf(await reading).reason).toBe("stop");
  });

  describe("an abort", () => {
    it("in a wait ends it at once, and leaves no timer and no listener", async () => {
      const controller = new AbortController();
      const model = scriptedModel(failing(failure("rate-limit"), 1));
      const reading = readAll(retry(model), request, controller.signal);
      await vi.advanceTimersByTimeAsync(300);
      expect(vi.getTimerCount()).toBe(1);
      const reason = new Error("stop");
      controller.abort(reason);
      expect((await reading).thrown).toBe(reason);
      expect(vi.getTimerCount()).toBe(0);
      expect(model.requests).toHaveLength(1);
    });

    it("while the model fails is no failure to repeat", async () => {
      const controller = new AbortController();
      const model: Model = {
        provider: "p",
        id: "m",
        stream() {
          controller.abort(new Error("stop"));
          throw failure("network");
        },
      };
      expect((await readAll(retry(model), request, controller.signal)).thrown).toBe(controller.signal.reason);
    });
  });

  it("closes the stream of a reader that leaves, and is over then", async () => {
    let closed = 0;
    const good = scriptedModel(["one two three"]);
    const model: Model = {
      ...good,
      async *stream(given, options) {
        try {
          yield* good.stream(given, options);
        } finally {
          closed++;
        }
      },
    };
    const events = retry(model).stream(request, { signal: new AbortController().signal })[Symbol.asyncIterator]();
    await events.next();
    await events.return?.();
    expect(closed).toBe(1);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it("begins nothing for a reader that leaves in a wait", async () => {
    const model = scriptedModel(failing(failure("network"), 1));
    const events = retry(model).stream(request, { signal: new AbortController().signal })[Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({ type: "retry" });
    const waiting = events.next();
    await events.return?.();
    await vi.runAllTimersAsync();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(model.requests).toHaveLength(1);
  });

  it.each<[string, object]>([
    ["retry.rateLimit.maxRetries", { rateLimit: { maxRetries: -1 } }],
    ["retry.timeout.backoff", { timeout: { backoff: "quadratic" } }],
    ["retry.initialDelayMs", { initialDelayMs: Number.NaN }],
    ["retry.jitter", { jitter: "some" }],
    ["retry.retries", { retries: 3 }],
  ])("says of %s that it cannot work", (option, options) => {
    expect(() => retry(scriptedModel([]), options)).toThrow(ConfigError);
    expect(() => retry(scriptedModel([]), options)).toThrow(option);
  });
});
