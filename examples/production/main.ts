// What keeps an agent in order when thousands use it: a context that fits, a budget, retries, a second provider, a stop
// button, hooks that know whose chat it is, and a log for the developer. The servers are simulated, and fail on purpose.
import { setTimeout as delay } from "node:timers/promises";
import { anthropic } from "@millrace/anthropic";
import { openai } from "@millrace/openai";
import { startSimulator } from "@millrace/simulator";
import { Agent, type Message, tool } from "millrace";
import { memoryLedger } from "millrace/budget";
import { fallback, retry } from "millrace/models";
import { z } from "zod";

// Busy at the second request; breaks the fourth answer off; out of service from the seventh on.
const first = await startSimulator({
  fault(request) {
    if (request === 2) return "rate-limit";
    return request === 4 ? "reset-mid-stream" : request > 6 ? "overloaded" : undefined;
  },
});
const second = await startSimulator();

const getWeather = tool({
  name: "get_weather",
  description: "Get the current weather in a city",
  input: z.object({ city: z.string() }),
  async execute({ city }, { signal }) {
    await delay(50, undefined, { signal });
    return `sunny in ${city}`;
  },
});

const ledger = memoryLedger();
const stopPressed = new Set<string>();
const agent = new Agent({
  name: "support",
  model: fallback([
    retry(openai("big", { baseURL: first.baseURL, apiKey: "any" }), {
      initialDelayMs: 10,
      overloaded: { maxRetries: 1 },
    }),
    anthropic("small", { baseURL: second.url, apiKey: "any" }),
  ]),
  tools: [getWeather],
  settings: { maxOutputTokens: 50 },
  context: { maxTokens: 250, maxMessageTokens: 100 },
  budget: {
    maxUsd: 0.0015,
    pricing: { big: { input: 1, output: 4 }, small: { input: 0.2, output: 1 } },
    ledger,
    account: ({ userId }) => userId,
  },
  timeouts: { firstEventMs: 10_000, runMs: 60_000 },
  stop: { check: ({ chatId }) => stopPressed.has(chatId), everyMs: 10 },
  hooks: { onFinal: ({ run, costUsd }) => console.log(`${run.userId} has paid $${costUsd?.toFixed(6)}`) },
  debug: (line) => console.log(line),
});

try {
  let history: readonly Message[] = [];
  for (const city of ["Tokyo", "London", "Paris", "Rome", "Cairo", "Oslo", "Lima"]) {
    // Any process that can set the flag can stop the chat.
    if (city === "Rome") setTimeout(() => stopPressed.add("c1"), 30);
    const final = await agent.sendMessage(`Weather in ${city}?`, { userId: "u1", chatId: "c1", history });
    history = final.history.messages;
    stopPressed.clear();
    console.log(`${final.stopReason}: ${final.output}\n`);
    if (final.stopReason === "budget") break;
  }
  console.log(`All of it: $${ledger.spent("u1").toFixed(6)}, ${history.length} messages kept`);
} finally {
  await Promise.all([first.close(), second.close()]);
}
