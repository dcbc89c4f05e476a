import { expect, test } from "vitest";
import { Agent } from "./agent.ts";
import { ModelError } from "./errors.ts";
import type { AgentEvent } from "./events.ts";
import type { Model } from "./model.ts";
import { noUsage } from "./usage.ts";

test("a repeated request makes void what it had shown, and still costs", async () => {
  const error = new ModelError("broke", { kind: "network", provider: "test" });
  const model: Model = {
    provider: "test",
    id: "flaky",
    async *stream() {
      yield { type: "usage", usage: { inputTokens: 7 } };
      yield { type: "text-delta", text: "It is rai", part: 0 };
      yield { type: "retry", attempt: 1, error, delayMs: 0 };
      yield { type: "text-delta", text: "It is sunny", part: 0 };
      const message = { role: "assistant", content: [{ type: "text", text: "It is sunny" }] } as const;
      yield { type: "finish", message, reason: "stop", usage: { ...noUsage, inputTokens: 7, outputTokens: 3 } };
    },
  };
  const events: AgentEvent[] = [];
  const run = new Agent({ name: "a", model }).respond("weather?", { userId: "u", chatId: "c" });
  for await (const event of run) events.push(event);
  const retry = events.find((event) => event.type === "retry");
  const wrong = events.find((event) => event.type === "text-delta" && event.text === "It is rai");
  expect(retry).toMatchObject({ attempt: 1, error, discardFrom: wrong?.seq });
  expect(run.final).toMatchObject({
    output: "It is sunny",
    usage: { inputTokens: 14, outputTokens: 3 + Math.ceil("It is rai".length / 4), estimated: true },
  });
});

test("a finish without message or usage is a broken contract, and the run still ends with what had arrived", async () => {
  for (const finish of [{ type: "finish" }, { type: "finish", message: { role: "assistant", content: [] } }]) {
    const model: Model = {
      provider: "test",
      id: "careless",
      async *stream() {
        yield { type: "text-delta", text: "It is sunny", part: 0 };
        yield JSON.parse(JSON.stringify(finish));
      },
    };
    const run = new Agent({ name: "a", model }).respond("weather?", { userId: "u", chatId: "c" });
    const reading = (async () => {
      for await (const _ of run);
    })();
    await expect(reading).rejects.toMatchObject({ name: "ModelError", kind: "protocol" });
    expect(run.final).toMatchObject({ stopReason: "error", output: "It is sunny", usage: { estimated: true } });
  }
});

test("a question that gives no model is named", async () => {
  const model = (): Model => JSON.parse('"gpt-5"');
  const run = new Agent({ name: "a", model }).respond("weather?", { userId: "u", chatId: "c" });
  await expect(
    (async () => {
      for await (const _ of run);
    })(),
  ).rejects.toMatchObject({ name: "ConfigError", option: "model" });
});
