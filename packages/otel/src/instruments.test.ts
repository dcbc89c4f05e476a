import { Agent, type Model, ModelError } from "millrace";
import { scriptedModel } from "millrace/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Recorder } from "../test/recorder.ts";
import { tracing } from "./tracing.ts";

const ids = { userId: "u", chatId: "c" };
const labels = { "gen_ai.operation.name": "chat", "gen_ai.provider.name": "p", "gen_ai.request.model": "m" };
const usage = { inputTokens: 40, outputTokens: 8, cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };

let recorder: Recorder;
beforeEach(() => {
  recorder = new Recorder();
});
afterEach(() => recorder.close());

describe("metrics", () => {
  it("count the tokens of each request, as told by the provider", async () => {
    const model = scriptedModel(
      [
        { text: "Yes.", usage },
        { text: "Again.", usage },
      ],
      { provider: "p", id: "m" },
    );
    const agent = new Agent({ name: "a", model, ...tracing() });
    await agent.sendMessage("?", ids);
    await agent.sendMessage("?", ids);
    const metric = await recorder.metric("gen_ai.client.token.usage");
    expect(metric.descriptor.unit).toBe("{token}");
    expect(metric.points).toEqual([
      { attributes: { ...labels, "gen_ai.token.type": "input" }, count: 2, sum: 80 },
      { attributes: { ...labels, "gen_ai.token.type": "output" }, count: 2, sum: 16 },
    ]);
    expect(metric.boundaries.slice(0, 4)).toEqual([1, 4, 16, 64]);
    expect(metric.boundaries.at(-1)).toBe(67_108_864);
  });

  it("do not count what was only estimated", async () => {
    const agent = new Agent({
      name: "a",
      model: scriptedModel([{ text: "Yes.", usage: { ...usage, estimated: true } }]),
      ...tracing(),
    });
    await agent.sendMessage("?", ids);
    await expect(recorder.metric("gen_ai.client.token.usage")).rejects.toThrow("no histogram");
  });

  it("time each attempt, without the wait before a repetition", async () => {
    const error = new ModelError("busy", { kind: "overloaded", provider: "p" });
    const model: Model = {
      provider: "p",
      id: "m",
      async *stream(request, options) {
        yield { type: "retry", attempt: 1, error, delayMs: 60_000 };
        yield* scriptedModel(["Yes."]).stream(request, options);
      },
    };
    await new Agent({ name: "a", model, ...tracing() }).sendMessage("?", ids);
    const metric = await recorder.metric("gen_ai.client.operation.duration");
    expect(metric.descriptor.unit).toBe("s");
    expect(metric.points.map(({ attributes, count }) => ({ attributes, count }))).toEqual([
      { attributes: { ...labels, "error.type": "overloaded" }, count: 1 },
      { attributes: labels, count: 1 },
    ]);
    expect(metric.points[1]?.sum).toBe(0);
    expect(metric.boundaries).toEqual([
      0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    ]);
    const first = await recorder.metric("gen_ai.client.operation.time_to_first_chunk");
    expect(first.points).toMatchObject([{ attributes: labels, count: 1 }]);
  });
});
