import { setTimeout as sleep } from "node:timers/promises";
import { Agent, type Hooks, type Message, ModelError, type Run, tool } from "millrace";
import { type ScriptedAnswer, scriptedModel } from "millrace/testing";

const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"] } as const;

/** Pauses of the run, in milliseconds; 0 in tests that need no time to look. */
export interface TripOptions {
  hooks: Hooks;
  delayMs?: number;
}

const history: Message[] = Array.from({ length: 12 }, (_, index): Message[] => [
  { role: "user", content: `Question ${index + 1}: what else should I know? ${"Please be thorough. ".repeat(8)}` },
  {
    role: "assistant",
    content: [{ type: "text", text: `Answer ${index + 1}: ${"Trains are quick, and ferries are calm. ".repeat(8)}` }],
  },
]).flat();

/** A run with all that the inspector shows: tools that run side by side, one that fails, a sub-agent, a retry, a cut context. */
export function tripRun({ hooks, delayMs = 0 }: TripOptions): Run {
  const wait = (times: number): Promise<void> => sleep(delayMs * times);
  const weather = tool<typeof city, string>({
    name: "get_weather",
    description: "The weather of a city",
    input: city,
    async *execute(args) {
      const place = String(Object(args).city);
      for (const percent of [25, 50, 75]) {
        yield { percent };
        await wait(place === "Oslo" ? 6 : 4);
      }
      return `Sunny, 22°C in ${place}`;
    },
  });
  const ferries = tool<typeof city, string>({
    name: "find_ferries",
    description: "Ferries to a city",
    input: city,
    async execute() {
      await wait(5);
      throw new Error("the timetable is not available");
    },
  });
  const hotels = tool<typeof city, object>({
    name: "search_hotels",
    description: "Hotels of a city",
    input: city,
    async execute() {
      await wait(7);
      return { hotels: [{ name: "Harbour House", price: 140 }] };
    },
  });
  const scout = new Agent({
    name: "scout",
    description: "Looks for places to stay",
    model: scriptedModel(
      [
        {
          toolCalls: [{ name: "search_hotels", args: { city: "Oslo" } }],
          usage: { inputTokens: 310, outputTokens: 22 },
        },
        {
          text: "Harbour House is near the water and costs 140 a night.",
          usage: { inputTokens: 380, outputTokens: 18 },
        },
      ],
      { delayMs, provider: "openai", id: "gpt-5.4-mini" },
    ),
    tools: [hotels],
  });
  const steps: ScriptedAnswer[] = [
    {
      text: "Let me",
      error: new ModelError("openai 503: The server is overloaded.", {
        kind: "overloaded",
        provider: "openai",
        status: 503,
      }),
    },
    {
      reasoning: "The user asks for two cities. I need the weather of both, the ferries and a place to stay.",
      text: "Let me look that up.",
      toolCalls: [
        { name: "get_weather", args: { city: "Oslo" } },
        { name: "get_weather", args: { city: "Bergen" } },
        { name: "find_ferries", args: { city: "Oslo" } },
        { name: "scout", args: { input: "Find a hotel in Oslo near the water." } },
      ],
      usage: { inputTokens: 1240, outputTokens: 96, cacheReadTokens: 768, reasoningTokens: 41 },
    },
    {
      text: "Oslo and Bergen are both sunny at 22°C. Harbour House in Oslo costs 140 a night; I could not read the ferry timetable.",
      usage: { inputTokens: 1420, outputTokens: 58, cacheReadTokens: 1152 },
    },
  ];
  const agent = new Agent({
    name: "trip planner",
    model: scriptedModel(steps, { delayMs, provider: "openai", id: "gpt-5.4" }),
    instructions: "You plan trips. Name the weather first, then where to stay.",
    tools: [weather, ferries, scout.asTool()],
    retry: { initialDelayMs: Math.max(1, delayMs * 5) },
    context: { maxTokens: 1400 },
    budget: {
      pricing: {
        "gpt-5.4": { input: 1.25, output: 10, cachedInput: 0.125 },
        "gpt-5.4-mini": { input: 0.25, output: 2 },
      },
    },
  });
  return agent.respond("I have a week. Is it Oslo or Bergen, and where do I stay?", {
    userId: "ada",
    chatId: "norway",
    history,
    hooks,
  });
}

/** Reads a run to its end. */
export async function readAll(run: Run): Promise<void> {
  for await (const _ of run);
}
