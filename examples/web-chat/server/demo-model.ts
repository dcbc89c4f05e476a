import { openai } from "@millrace/openai";
import { type SimulatedQuestion, type SimulatedResult, startSimulator } from "@millrace/simulator";
import type { Choice } from "./choose-model.ts";

/** The real client over a real connection; only the server at its other end is ours. It thinks aloud, and it is slow. */
export async function startDemoModel(): Promise<Choice> {
  const simulator = await startSimulator({
    firstChunkDelayMs: 400,
    chunkDelayMs: 22,
    answer,
    fault: (_, { messages }) => (isFirstOutage(messages) ? "error-mid-stream" : undefined),
  });
  return {
    model: openai("simulated-small", { baseURL: simulator.baseURL, apiKey: "simulated" }),
    settings: { reasoning: { effort: "low" } },
    note: "Answers are SIMULATED: no key is set, so no model is asked. Set OPENAI_API_KEY, or OPENAI_BASE_URL and OPENAI_MODEL.",
    close: () => simulator.close(),
  };
}

/** An outage that is asked for fails once: asked for again, it has passed. */
function isFirstOutage(messages: unknown): boolean {
  const asked = Array.isArray(messages) ? messages.filter(({ role }) => role === "user") : [];
  const [before, last] = [asked.at(-2), asked.at(-1)].map((message) => JSON.stringify(message?.content ?? ""));
  return last !== undefined && last !== before && /outage/i.test(last);
}

function answer({ prompt, results }: SimulatedQuestion): string | undefined {
  const forecasts = results.filter(({ name, failed }) => name === "get_forecast" && !failed).map(readForecast);
  if (forecasts.length > 0) return tellForecasts(forecasts);
  const [result] = results;
  if (result?.name === "write_postcard") return postcard(String(result.args["recipient"]));
  if (result?.name === "book_table") return noTable(result);
  if (/outage/i.test(prompt)) return outage;
  if (/\bmill|\bstream/i.test(prompt)) return explanation;
  return undefined;
}

interface Forecast {
  readonly city: string;
  readonly days: readonly { readonly day: string; readonly sky: string; readonly high: number; readonly low: number }[];
}

function readForecast({ text }: SimulatedResult): Forecast {
  return JSON.parse(text);
}

function tellForecasts(forecasts: readonly Forecast[]): string {
  const [first] = forecasts;
  const head = `| | ${forecasts.map(({ city }) => city).join(" | ")} |\n|---|${forecasts.map(() => "---|").join("")}`;
  const rows = (first?.days ?? []).map(({ day }, index) => {
    const cells = forecasts.map(({ days }) => days[index]).map((on) => `${on?.sky}, **${on?.high}°** / ${on?.low}°`);
    return `| ${day} | ${cells.join(" | ")} |`;
  });
  const warmest = forecasts
    .flatMap(({ city, days }) => days.map((on) => ({ city, ...on })))
    .reduce((best, on) => (on.high > best.high ? on : best));
  return `Here is the outlook for the weekend:

${[head, ...rows].join("\n")}

- **Warmest:** ${warmest.city} on ${warmest.day}, with ${warmest.high}° in the afternoon.
- Nights are cool everywhere, so take a jacket along.

Shall I look at another city?`;
}

function postcard(recipient: string): string {
  return `The postcard to **${recipient}** is written and stamped. It still needs *your* signature before it can go.`;
}

function noTable({ args }: SimulatedResult): string {
  return `I could not book it: **${args["restaurant"]}** is full tonight. You could

1. try again for tomorrow,
2. come before six, when tables are not reserved,
3. or let me look for another place nearby.`;
}

const outage = `The mill had to stop for a moment: the sluice was shut, and no water came. It is open again, the second
request went through, and **nothing of the conversation was lost**.`;

const explanation = `A *mill race* is the channel that leads a stream to where it does work. This page is built the same way:

1. the **agent** writes a stream of events,
2. the **server** keeps them in a log, and sends them on,
3. the **page** folds them into what you see.

\`\`\`ts
for await (const event of agent.respond(question, { userId, chatId })) {
  if (event.type === "text-delta") process.stdout.write(event.text);
}
\`\`\`

So it does not matter where you look from:

| what you do | what happens |
|---|---|
| reload in the middle of an answer | it goes on where it was |
| open a second tab | it follows, word by word |
| press stop | what has arrived stays |

> Try it: reload this page *now*, while the words still come.`;
