// The main job: an agent with two tools answers a question, then a follow-up that only the history explains.
// `npm start` runs it. Without a key the answers come from a simulator inside this process.
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { Agent, type Message, tool } from "millrace";
import { z } from "zod";
import { chooseModel } from "./choose-model.ts";
import { explainError } from "./explain-error.ts";
import { eventPrinter } from "./print-events.ts";

const getCurrentTime = tool({
  name: "get_current_time",
  description: "Get the current date and time in a time zone",
  input: z.object({ timezone: z.string().describe("IANA time zone of the place, such as Asia/Tokyo") }),
  execute: ({ timezone }) =>
    new Date().toLocaleString("en-GB", { timeZone: timezone, timeStyle: "short", dateStyle: "full" }),
});

const getWeather = tool({
  name: "get_weather",
  description: "Get the current weather in a city",
  input: z.object({ city: z.string() }),
  async execute({ city }, { signal }) {
    // Stands for a request to a weather service. The signal ends it at once when the run is stopped.
    await delay(400, undefined, { signal });
    return { city, weather: city.length % 2 === 0 ? "sunny" : "light rain", temperature: `${12 + city.length}°C` };
  },
});

const questions = ["What's the time and weather in Tokyo and London?", "And in New York?"];

const interrupt = new AbortController();
process.on("SIGINT", () => {
  if (interrupt.signal.aborted) process.exit(130);
  interrupt.abort("Ctrl-C");
});
// Whoever reads the output may leave early, as `npm start | head` does.
process.stdout.on("error", () => process.exit());

try {
  const { model, note, close } = await chooseModel(process.env);
  try {
    console.log(note);
    const agent = new Agent({
      name: "assistant",
      model,
      instructions: "You are a helpful assistant. Answer in one or two short sentences.",
      tools: [getCurrentTime, getWeather],
    });

    let history: readonly Message[] = [];
    for (const question of questions) {
      if (interrupt.signal.aborted) break;
      console.log(`\n> ${question}\n`);
      const print = eventPrinter();
      const { signal } = interrupt;
      for await (const event of agent.respond(question, { userId: "you", chatId: "quickstart", history, signal })) {
        print(event);
        if (event.type === "final") history = event.history.messages;
      }
    }
    // 128 + SIGINT, as shells expect it.
    if (interrupt.signal.aborted) process.exitCode = 130;
  } finally {
    await close();
  }
} catch (error) {
  console.error(`\nError: ${explainError(error)}`);
  process.exitCode = 1;
}
