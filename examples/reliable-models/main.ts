// Providers that fail, and what keeps an agent going: retries, another model, limits, a cache, a model for each turn.
// The servers here fail on purpose; the vendors' real clients talk to them.
import { anthropic } from "@millrace/anthropic";
import { openai } from "@millrace/openai";
import { type Fault, startSimulator } from "@millrace/simulator";
import { Agent, type AgentOptions, tool } from "millrace";
import { cache, fallback, retry, route, throttle, timeout } from "millrace/models";
import { z } from "zod";

const getWeather = tool({
  name: "get_weather",
  description: "Get the current weather in a city",
  input: z.object({ city: z.string() }),
  execute: ({ city }) => `sunny in ${city}`,
});

// Its first requests go wrong in these ways, those between them and after them do not.
const faults: (Fault | undefined)[] = ["server-error", "reset-before-headers", undefined, "reset-mid-stream"];
const shaky = await startSimulator({ fault: (request) => faults[request - 1] });
const stalled = await startSimulator({ fault: "stall-mid-stream" });
const healthy = await startSimulator();

const apiKey = "simulated";
const shakyModel = openai("shaky", { baseURL: shaky.baseURL, apiKey });
const stalledModel = openai("stalled", { baseURL: stalled.baseURL, apiKey });
const healthyModel = anthropic("healthy", { baseURL: healthy.url, apiKey });

try {
  // 1. The agent repeats what failed. What a broken answer had shown is taken back.
  await ask("retries", { model: shakyModel, retry: { initialDelayMs: 50 } });

  // 2. A model that says nothing for too long is replaced. It rests then: the second turn does not ask it.
  const reliable = fallback([
    retry(timeout(stalledModel, { idleMs: 200 }), { timeout: { maxRetries: 0 } }),
    healthyModel,
  ]);
  await ask("another model", { model: reliable });

  // 3. Two requests at a time, whoever asks.
  const limited = throttle(healthyModel, { maxConcurrent: 2, requestsPerMinute: 500 });
  await Promise.all([1, 2, 3].map((number) => ask(`limits ${number}`, { model: limited })));

  // 4. The same question again costs nothing.
  const cached = cache(healthyModel);
  await ask("cache, empty", { model: cached });
  await ask("cache, again", { model: cached });

  // 5. One model chooses the tools, another one writes the answer.
  await ask("route", {
    model: route({ tools: shakyModel, text: healthyModel }, ({ turn }) => (turn === 1 ? "tools" : "text")),
  });
} finally {
  await Promise.all([shaky.close(), stalled.close(), healthy.close()]);
}

async function ask(title: string, options: Pick<AgentOptions, "model" | "retry">): Promise<void> {
  const agent = new Agent({ name: "weather", tools: [getWeather], ...options });
  const lines: string[] = [];
  // What a page would show: each delta with its place, so that it can be taken back.
  let shown: { seq: number; text: string }[] = [];
  for await (const event of agent.respond("What is the weather in Tokyo?", { userId: "u1", chatId: "c1" })) {
    if (event.type === "text-delta") shown.push(event);
    if (event.type === "retry") lines.push(`attempt ${event.attempt} after ${event.error.message}`);
    if (event.type === "model-switched") lines.push(`${event.from} → ${event.to} after ${event.error.message}`);
    if (event.type === "retry" || event.type === "model-switched") {
      const { discardFrom = Number.POSITIVE_INFINITY } = event;
      shown = shown.filter(({ seq }) => seq < discardFrom);
    }
    if (event.type === "final")
      lines.push(`${shown.map(({ text }) => text).join("")} (${event.usage.inputTokens} input tokens)`);
  }
  console.log(`${title}:\n  ${lines.join("\n  ")}`);
}
