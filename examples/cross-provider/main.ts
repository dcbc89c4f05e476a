// A conversation that changes its provider: it begins over OpenAI's protocol, goes on over Anthropic's, and comes back.
// Both are served by the simulator here, through the vendors' real clients.
import { anthropic } from "@millrace/anthropic";
import { openai } from "@millrace/openai";
import { startSimulator } from "@millrace/simulator";
import { Agent, type Message, tool } from "millrace";
import { checkHistory } from "millrace/testing";
import { z } from "zod";

const getWeather = tool({
  name: "get_weather",
  description: "Get the current weather in a city",
  input: z.object({ city: z.string() }),
  execute: ({ city }) => `sunny in ${city}`,
});

const simulator = await startSimulator();
try {
  const apiKey = "simulated";
  const models = [
    openai("simulated-small", { baseURL: simulator.baseURL, apiKey }),
    anthropic("simulated-small", { baseURL: simulator.url, apiKey }),
    openai.responses("simulated-small", { baseURL: simulator.baseURL, apiKey }),
  ];
  const questions = ["What is the weather in Tokyo?", "And in London?", "And in Paris?"];

  let history: readonly Message[] = [];
  for (const [index, model] of models.entries()) {
    const agent = new Agent({ name: "weather", model, tools: [getWeather] });
    const question = questions[index] ?? "";
    const final = await agent.sendMessage(question, { userId: "u1", chatId: "c1", history });
    history = final.history.messages;
    console.log(`${model.provider}: ${question} → ${final.output}`);
  }

  console.log(`${history.length} messages of two providers in one history; problems: ${checkHistory(history).length}`);
} finally {
  await simulator.close();
}
