import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConfigError } from "../errors.ts";
import type { Model, ModelRequest } from "../model.ts";
import { type Answer, finishOf, readAll } from "../testing/held-answer.ts";
import { ListenerCount } from "../testing/listener-count.ts";
import { scriptedModel } from "../testing/scripted-model.ts";
import { throttle } from "./throttle.ts";

function request(content = "Hi"): ModelRequest {
  return { messages: [{ role: "user", content }], tools: [], settings: {} };
}

/** Answers everything after so long, and knows when it was asked what. */
function clocked(delayMs = 0, tokens = 15): Model & { readonly log: { at: number; asked: string }[]; open: number } {
  const start = Date.now();
  const log: { at: number; asked: string }[] = [];
  const state = { log, open: 0 };
  return Object.assign(state, {
    provider: "p",
    id: "m",
    async *stream(given: ModelRequest, options: { signal: AbortSignal }) {
      log.push({ at: Date.now() - start, asked: String(given.messages[0]?.content) });
      const usage = { inputTokens: tokens, outputTokens: 0 };
      const model = scriptedModel([{ text: "ok", usage }], { delayMs });
      state.open++;
      try {
        yield* model.stream(given, options);
      } finally {
        state.open--;
      }
    },
  });
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** Sends so many requests at once, and lets all waits pass. */
async function sendAll(model: Model, count: number): Promise<Answer[]> {
  const reading = Promise.all(Array.from({ length: count }, (_, index) => readAll(model, request(String(index)))));
  await vi.runAllTimersAsync();
  return reading;
}

describe("throttle", () => {
  it("lets all through where nothing is limited", async () => {
    const model = clocked();
    const answers = await sendAll(throttle(model, {}), 50);
    expect(answers.map((answer) => finishOf(answer).reason)).toEqual(Array(50).fill("stop"));
    expect(model.log.every(({ at }) => at === 0)).toBe(true);
  });

  it("holds requests back until a minute has passed, in their order", async () => {
    const model = clocked();
    await sendAll(throttle(model, { requestsPerMinute: 3 }), 8);
    expect(model.log.map(({ at }) => at)).toEqual([0, 0, 0, 60_000, 60_000, 60_000, 120_000, 120_000]);
    expect(model.log.map(({ asked }) => asked)).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"]);
  });

  it("counts every span of a minute, not those of a clock", async () => {
    const model = clocked();
    const throttled = throttle(model, { requestsPerMinute: 2 });
    await sendAll(throttled, 1);
    await vi.advanceTimersByTimeAsync(59_000);
    await sendAll(throttled, 3);
    expect(model.log.map(({ at }) => at)).toEqual([0, 59_000, 60_000, 119_000]);
  });

  it("lets only so many be open at a time", async () => {
    const model = clocked(100);
    const most: number[] = [];
    const watched: Model = {
      ...model,
      stream: (given, options) => {
        most.push(model.open);
        return model.stream(given, options);
      },
    };
    await sendAll(throttle(watched, { maxConcurrent: 2 }), 6);
    expect(Math.max(...most)).toBe(1);
    expect(model.log.map(({ at }) => at)).toEqual([0, 0, 200, 200, 400, 400]);
  });

  it("estimates tokens before, and knows them after", async () => {
    // Estimated: 4 for the message and 1 for its text, 2 for `[[],null]`; told: 50.
    const model = clocked(0, 50);
    const throttled = throttle(model, { tokensPerMinute: 100 });
    for (let i = 0; i < 4; i++) {
      const reading = readAll(throttled, request());
      await vi.runAllTimersAsync();
      await reading;
    }
    // After two are 100 tokens spent; estimates alone would have let all through.
    expect(model.log.map(({ at }) => at)).toEqual([0, 0, 60_000, 60_000]);
  });

  it("lets those go on that an estimate has held back too long", async () => {
    const model = clocked(1_000, 1);
    const throttled = throttle(model, { tokensPerMinute: 60 });
    const content = "x".repeat(160);
    const reading = Promise.all([readAll(throttled, request(content)), readAll(throttled, request(content))]);
    await vi.runAllTimersAsync();
    await reading;
    // The first was estimated at 46 tokens and cost one, known when it ended after two events.
    expect(model.log.map(({ at }) => at)).toEqual([0, 2_000]);
  });

  it("lets a request that is larger than the limit go alone", async () => {
    const model = clocked();
    const throttled = throttle(model, { tokensPerMinute: 20 });
    const reading = Promise.all([
      readAll(throttled, request("small")),
      readAll(throttled, request("x".repeat(1_000))),
      readAll(throttled, request("small")),
    ]);
    await vi.runAllTimersAsync();
    await reading;
    expect(model.log.map(({ at }) => at)).toEqual([0, 60_000, 120_000]);
  });

  describe("an abort", () => {
    it("ends a wait at once, for this request alone, and leaves nothing", async () => {
      const model = clocked();
      const throttled = throttle(model, { requestsPerMinute: 1 });
      await readAll(throttled, request("first"));
      const controller = new AbortController();
      const listeners = new ListenerCount(controller.signal);
      const left = readAll(throttled, request("left"), controller.signal);
      const stays = readAll(throttled, request("stays"));
      await vi.advanceTimersByTimeAsync(1_000);
      controller.abort(new Error("stop"));
      expect((await left).thrown).toBe(controller.signal.reason);
      await vi.runAllTimersAsync();
      await stays;
      expect(model.log.map(({ asked }) => asked)).toEqual(["first", "stays"]);
      expect(listeners.count).toBe(0);
    });

    it("of the last one that waits takes the timer away", async () => {
      const throttled = throttle(clocked(), { requestsPerMinute: 1 });
      await readAll(throttled, request());
      const controller = new AbortController();
      const reading = readAll(throttled, request(), controller.signal);
      await vi.advanceTimersByTimeAsync(1);
      expect(vi.getTimerCount()).toBe(1);
      controller.abort();
      await reading;
      expect(vi.getTimerCount()).toBe(0);
    });

    it("before keeps a request out of the queue", async () => {
      const model = clocked();
      const { thrown } = await readAll(throttle(model, { maxConcurrent: 1 }), request(), AbortSignal.abort("stop"));
      expect(thrown).toBe("stop");
      expect(model.log).toEqual([]);
    });
  });

  it("takes no listener along with the answer", async () => {
    const controller = new AbortController();
    const listeners = new ListenerCount(controller.signal);
    await readAll(throttle(clocked(), { maxConcurrent: 1 }), request(), controller.signal);
    expect(listeners.count).toBe(0);
  });

  it("makes room when a reader leaves and when a model fails", async () => {
    const model = scriptedModel(["one two", { error: new Error("down") }, "three"]);
    const throttled = throttle(model, { maxConcurrent: 1 });
    for await (const _ of throttled.stream(request(), { signal: new AbortController().signal })) break;
    expect((await readAll(throttled, request())).thrown).toEqual(new Error("down"));
    expect(finishOf(await readAll(throttled, request())).reason).toBe("stop");
  });

  it("says what cannot work", () => {
    expect(() => throttle(clocked(), { requestsPerMinute: 0 })).toThrow(ConfigError);
    expect(() => throttle(clocked(), { requestsPerMinute: 0 })).toThrow("throttle.requestsPerMinute");
  });
});
