// A model in an ensemble: an Agent, called like any other agent, answers token by token. Its tools' events come at their
// place among the tokens.
import process from "node:process";
import { Ensemble, EventToken, llmAgent } from "@millrace/ensemble";
import { Agent, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { z } from "zod";

const getMood = tool({
  name: "get_mood",
  description: "Ask the machine how it is",
  input: z.object({}),
  execute: () => "splendid",
});

const model = scriptedModel([{ toolCalls: [{ name: "get_mood" }] }, "Hello! I am splendid, thank you."]);
const assistant = llmAgent(new Agent({ name: "assistant", model, tools: [getMood] }));

// Whose runs these are: every run of an Agent needs to know.
await new Ensemble({ userId: "u1", chatId: "c1" }).run(async () => {
  const replies = assistant.trigger("Hello, how are you?", {
    instructions: "You are a helpful assistant.",
    settings: { maxOutputTokens: 50, temperature: 0.7 },
  });
  for await (const reply of replies) {
    for await (const token of reply) {
      if (token instanceof EventToken && token.event.type === "tool-result") {
        console.log(`[${token.event.name}: ${token.event.result}]`);
      }
      process.stdout.write(String(token));
    }
    console.log();
    const message = await reply;
    console.log(message.get("model"), message.get("stopReason"), message.get("usage"));
  }
});
