// A chat that grows far beyond what the model may read: the oldest turns go, or a summary stands for them, and long
// results of tools are cut. What is stored stays whole.
import { Agent, type ContextOptions, tool } from "millrace";
import { echoModel, type ScriptedStep, scriptedModel } from "millrace/testing";

const ids = { userId: "u1", chatId: "c1" };

/** Talks for thirty turns, and says what is left out and when. */
async function talk(name: string, context: ContextOptions, steps: readonly ScriptedStep[]): Promise<void> {
  console.log(`\n${name}`);
  const model = scriptedModel(steps);
  const readLog = tool({
    name: "read_log",
    description: "Reads the log of the mill",
    input: { type: "object" },
    execute: () => "The wheel turns. ".repeat(500),
  });
  const chat = new Agent({ name: "miller", model, tools: [readLog], context }).chat(ids);
  for (let turn = 1; turn <= 30; turn++) {
    for await (const event of chat.respond(`Question ${turn}: ${"how much flour is there? ".repeat(4)}`)) {
      if (event.type === "context-overflow") console.log(`turn ${turn}: ${event.tokens} tokens, limit ${event.limit}`);
      if (event.type !== "messages-dropped") continue;
      const summary = event.summary ? `, summarised as "${event.summary}"` : "";
      console.log(`turn ${turn}: ${event.messages.length} messages left out${summary}`);
    }
  }
  const sent = model.requests.at(-1)?.messages.length;
  console.log(`${chat.history.length} messages are stored, ${sent} were sent with the last request`);
}

const answer = `Enough. ${"The mill grinds. ".repeat(6)}`;
const look: ScriptedStep = { toolCalls: [{ name: "read_log", args: {} }] };
const answers = [...Array.from({ length: 29 }, () => answer), look, answer];

await talk("The oldest turns go:", { maxTokens: 1500 }, answers);

let summaries = 0;
const summaryModel = scriptedModel(
  Array.from({ length: 10 }, () => () => `Summary ${++summaries}: the user asks about flour.`),
);
await talk("A summary stands for them:", { maxTokens: 1500, drop: "summary", summaryModel }, answers);

await talk("Long messages are cut:", { maxTokens: 100_000, maxMessageTokens: 200 }, answers);

// A strategy of one's own: the first exchange and the newest four messages.
const agent = new Agent({
  name: "miller",
  model: echoModel(),
  context: { maxTokens: 300, drop: (messages) => [...messages.slice(0, 2), ...messages.slice(-4)] },
});
const chat = agent.chat(ids);
for (let turn = 1; turn <= 12; turn++) await chat.sendMessage(`Question ${turn}: how much flour is there today?`);
console.log(`\nA strategy of one's own: ${chat.history.length} messages are stored`);
