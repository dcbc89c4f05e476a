import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConfigError, ModelError, type ModelErrorFacts, type ModelErrorKind } from "../errors.ts";
import type { Model, ModelRequest } from "../model.ts";
import { type Answer, finishOf, readAll } from "../testing/held-answer.ts";
import { type ScriptedModel, type ScriptedStep, scriptedModel } from "../testing/scripted-model.ts";
import { fallback } from "./fallback.ts";
import { retry } from "./retry.ts";

const request: ModelRequest = { messages: [{ role: "user", content: "Hi" }], tools: [], settings: {} };

function failure(kind: ModelErrorKind, facts: Partial<ModelErrorFacts> = {}): ModelError {
  return new ModelError(`down: ${kind}`, { kind, provider: "scripted", ...facts });
}

function named(id: string, ...steps: ScriptedStep[]): ScriptedModel {
  return scriptedModel(steps, { provider: "p", id });
}

const down = { error: failure("server-error") };

function switchesOf({ events }: Answer): string[] {
  return events.flatMap((event) => (event.type === "model-switched" ? [`${event.from} → ${event.to}`] : []));
}

function textOf(answer: Answer): unknown {
  return finishOf(answer).message.content;
}

const text = (said: string) => [{ type: "text", text: said }];

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("fallback", () => {
  it("asks only the first model while that answers, and has its name", async () => {
    const [a, b] = [named("a", "Hello"), named("b")];
    const model = fallback([a, b]);
    expect(model).toMatchObject({ provider: "p", id: "a" });
    const answer = await readAll(model, request);
    expect(switchesOf(answer)).toEqual([]);
    expect(textOf(answer)).toEqual(text("Hello"));
  });

  it("asks the next ones in order, with the same request", async () => {
    const [a, b, c] = [named("a", down), named("b", down), named("c", "Hello")];
    const answer = await readAll(fallback([a, b, c]), request);
    expect(switchesOf(answer)).toEqual(["p/a → p/b", "p/b → p/c"]);
    expect(answer.events[0]).toEqual({ type: "model-switched", from: "p/a", to: "p/b", error: down.error });
    expect(textOf(answer)).toEqual(text("Hello"));
    expect(c.requests).toEqual([request]);
  });

  it("starts again where an answer breaks off", async () => {
    const [a, b] = [named("a", { text: "Hello the", ...down }), named("b", "Good day.")];
    const answer = await readAll(fallback([a, b]), request);
    expect(answer.events.map(({ type }) => type)).toEqual([
      "text-delta",
      "text-delta",
      "model-switched",
      "text-delta",
      "text-delta",
      "finish",
    ]);
    expect(textOf(answer)).toEqual(text("Good day."));
  });

  it("fails with the last error and all the others", async () => {
    const errors = [failure("auth"), failure("network"), failure("rate-limit", { retryAfterMs: 5, status: 429 })];
    const models = errors.map((error, index) => named(`m${index}`, { error }));
    const { thrown } = await readAll(fallback(models), request);
    expect(thrown).toBeInstanceOf(ModelError);
    expect(thrown).toMatchObject({
      kind: "rate-limit",
      status: 429,
      retryAfterMs: 5,
      message: "down: rate-limit (before it: down: auth; down: network)",
      cause: expect.any(AggregateError),
    });
    expect(Object(thrown).cause.errors).toEqual(errors);
  });

  it("fails with the only error as it is", async () => {
    expect((await readAll(fallback([named("a", down)]), request)).thrown).toBe(down.error);
  });

  describe("what is worth another model", () => {
    const worth: { [kind in ModelErrorKind]: boolean } = {
      "rate-limit": true,
      overloaded: true,
      "server-error": true,
      timeout: true,
      network: true,
      "context-overflow": true,
      auth: true,
      protocol: true,
      unsupported: true,
      "invalid-request": false,
      "content-filter": false,
    };
    const error = (kind: string): ModelError => failure(Object.keys(worth).find((each) => each === kind) as never);

    it.each(Object.entries(worth))("%s: %s", async (kind, isWorth) => {
      const given = error(kind);
      const b = named("b", "Hello");
      const { thrown } = await readAll(fallback([named("a", { error: given }), b]), request);
      expect(b.requests).toHaveLength(isWorth ? 1 : 0);
      if (!isWorth) expect(thrown).toBe(given);
    });

    it("a model that is gone", async () => {
      const gone = failure("invalid-request", { status: 404 });
      const answer = await readAll(fallback([named("a", { error: gone }), named("b", "Hello")]), request);
      expect(textOf(answer)).toEqual(text("Hello"));
    });

    it("is for the user to say", async () => {
      const when = ({ kind }: ModelError) => kind === "content-filter";
      const models = [named("a", { error: failure("content-filter") }), named("b", down), named("c")];
      const { events, thrown } = await readAll(fallback(models, { when }), request);
      expect(events.map(({ type }) => type)).toEqual(["model-switched"]);
      expect(thrown).toMatchObject({ kind: "server-error" });
    });

    it("not what is no error of a model", async () => {
      const bug = new TypeError("a bug");
      expect((await readAll(fallback([named("a", { error: bug }), named("b")]), request)).thrown).toBe(bug);
    });
  });

  describe("the cool-down", () => {
    it("lets a model that failed rest, for all who share the wrapper", async () => {
      const a = named("a", down, "Back again.");
      const b = named("b", "One", "Two");
      const model = fallback([a, b]);
      expect(switchesOf(await readAll(model, request))).toEqual(["p/a → p/b"]);

      await vi.advanceTimersByTimeAsync(59_999);
      const second = await readAll(model, request);
      expect(second.events[0]).toEqual({ type: "model-switched", from: "p/a", to: "p/b", error: down.error });
      expect(textOf(second)).toEqual(text("Two"));
      expect(a.requests).toHaveLength(1);

      await vi.advanceTimersByTimeAsync(1);
      const third = await readAll(model, request);
      expect(switchesOf(third)).toEqual([]);
      expect(textOf(third)).toEqual(text("Back again."));
    });

    it("asks a resting model last, but asks it", async () => {
      const model = fallback([named("a", down, "Back"), named("b", "One", down)]);
      await readAll(model, request);
      const answer = await readAll(model, request);
      expect(switchesOf(answer)).toEqual(["p/a → p/b", "p/b → p/a"]);
      expect(textOf(answer)).toEqual(text("Back"));
    });

    it("keeps the order where all rest", async () => {
      const [a, b] = [named("a", down, "Back"), named("b", down)];
      const model = fallback([a, b]);
      await readAll(model, request);
      const answer = await readAll(model, request);
      expect(switchesOf(answer)).toEqual([]);
      expect(textOf(answer)).toEqual(text("Back"));
    });

    it("lasts as long as the provider asks for, or is told", async () => {
      const limited = { error: failure("rate-limit", { retryAfterMs: 90_000 }) };
      const models = [named("a", limited, down, "Back"), named("b", "One", "Two", "Three", "Four")];
      const model = fallback(models, { cooldownMs: 1_000 });
      await readAll(model, request);
      await vi.advanceTimersByTimeAsync(89_000);
      expect(textOf(await readAll(model, request))).toEqual(text("Two"));
      await vi.advanceTimersByTimeAsync(1_000);
      expect(textOf(await readAll(model, request))).toEqual(text("Three"));
      await vi.advanceTimersByTimeAsync(1_000);
      expect(textOf(await readAll(model, request))).toEqual(text("Back"));
    });

    it.each(["context-overflow", "unsupported"] as const)(
      "does not follow %s: it is about the request",
      async (kind) => {
        const model = fallback([named("a", { error: failure(kind) }, "Fine"), named("b", "One")]);
        await readAll(model, request);
        const answer = await readAll(model, request);
        expect(switchesOf(answer)).toEqual([]);
      },
    );

    it("can be left out", async () => {
      const a = named("a", down, "Back");
      const model = fallback([a, named("b", "One")], { cooldownMs: 0 });
      await readAll(model, request);
      expect(textOf(await readAll(model, request))).toEqual(text("Back"));
    });
  });

  it("goes around retry", async () => {
    const limited = { error: failure("rate-limit") };
    const model = fallback([
      retry(named("a", limited, limited), { rateLimit: { maxRetries: 1 } }),
      named("b", "Hello"),
    ]);
    const reading = readAll(model, request);
    await vi.runAllTimersAsync();
    const { events } = await reading;
    expect(events.map(({ type }) => type)).toEqual(["retry", "model-switched", "text-delta", "finish"]);
  });

  it("goes into retry", async () => {
    const model = retry(fallback([named("a", down, down), named("b", down, "Hello")], { cooldownMs: 0 }));
    const reading = readAll(model, request);
    await vi.runAllTimersAsync();
    const { events } = await reading;
    expect(events.map(({ type }) => type)).toEqual([
      "model-switched",
      "retry",
      "model-switched",
      "text-delta",
      "finish",
    ]);
  });

  it("asks nobody after an abort", async () => {
    const controller = new AbortController();
    const a: Model = {
      provider: "p",
      id: "a",
      stream() {
        controller.abort(new Error("stop"));
        throw down.error;
      },
    };
    const b = named("b");
    expect((await readAll(fallback([a, b]), request, controller.signal)).thrown).toBe(controller.signal.reason);
    expect(b.requests).toEqual([]);
  });

  it("says what cannot work", () => {
    expect(() => fallback([])).toThrow(new ConfigError("fallback", "expected at least one model, got an empty list"));
    expect(() => fallback([named("a")], { cooldownMs: -1 })).toThrow("fallback.cooldownMs");
  });
});
