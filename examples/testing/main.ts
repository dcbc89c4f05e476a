// Tests of an agent, offline and deterministic. Here for Node's own test runner; any other will do.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Agent, type Model, tool } from "millrace";
import { cutEverywhere, echoModel, record, replay, scriptedModel, type Tape } from "millrace/testing";
import { z } from "zod";

const ids = { userId: "u1", chatId: "c1" };

const getWeather = tool({
  name: "get_weather",
  description: "Get the weather for a city",
  input: z.object({ city: z.string() }),
  execute({ city }) {
    if (city === "Atlantis") throw new Error("no such city");
    return `sunny in ${city}`;
  },
});

/** The agent under test; its model is what a test replaces. */
function weatherAgent(model: Model): Agent {
  return new Agent({ name: "weather", model, instructions: "Be brief.", tools: [getWeather] });
}

test("calls the tool and answers with its result", async () => {
  const model = scriptedModel([{ toolCalls: [{ name: "get_weather", args: { city: "Tokyo" } }] }, "Sunny."]);
  const results: string[] = [];
  for await (const event of weatherAgent(model).respond("Tokyo?", ids)) {
    if (getWeather.returned(event)) results.push(event.result);
  }
  assert.deepEqual(results, ["sunny in Tokyo"]);
  // What the model was sent can be looked at, and no step of the script was left over.
  assert.equal(model.requests[0]?.instructions, "Be brief.");
  assert.deepEqual(model.requests[1]?.messages.at(-1)?.content, "sunny in Tokyo");
  model.assertDone();
});

test("tells the model when the tool fails, and goes on", async () => {
  const model = scriptedModel([{ toolCalls: [{ name: "get_weather", args: { city: "Atlantis" } }] }, "I cannot say."]);
  const final = await weatherAgent(model).sendMessage("Atlantis?", ids);

  assert.equal(final.stopReason, "completed");
  assert.equal(model.requests[1]?.messages.at(-1)?.content, "no such city");
});

test("survives arguments that are no JSON", async () => {
  const model = scriptedModel([{ toolCalls: [{ name: "get_weather", args: '{"city": "To' }] }, "Sorry."]);
  const final = await weatherAgent(model).sendMessage("Tokyo?", ids);
  assert.equal(final.output, "Sorry.");
});

test("ends in order wherever it is cut", async () => {
  // Stopped, left and failed at every one of its events, a fresh run each time.
  const { cuts } = await cutEverywhere({
    run: ({ signal, hooks, watch }) => {
      const model = scriptedModel([{ toolCalls: [{ name: "get_weather", args: { city: "Tokyo" } }] }, "Sunny."]);
      return weatherAgent(watch(model)).respond("Tokyo?", { ...ids, signal, hooks });
    },
  });
  assert.ok(cuts > 0);
});

test("plays a recorded run again", async () => {
  // Recorded once with a real provider and saved as JSON; here with a model that echoes.
  const tape: Tape = { version: 1, requests: [] };
  const recorded = await weatherAgent(record(echoModel(), tape)).sendMessage("Hello!", ids);

  const saved: Tape = JSON.parse(JSON.stringify(tape));
  const replayed = await weatherAgent(replay(saved)).sendMessage("Hello!", ids);
  assert.equal(replayed.output, recorded.output);

  // A request that differs from the recorded one fails, and says where.
  await assert.rejects(weatherAgent(replay(saved)).sendMessage("Good bye!", ids), /messages of request 1/);
});
