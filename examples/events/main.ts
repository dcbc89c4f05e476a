// A whole integration is one `switch`: an assistant with a tool, and what an application does with its events.
import { Agent, tool } from "millrace";
import { scriptedModel } from "millrace/testing";

const getDateTime = tool({
  name: "get_date_time",
  description: "Get the current date and time",
  execute: () => new Date().toISOString(),
});

const agent = new Agent({
  name: "assistant",
  // Offline, the answers follow a script. With a key: openai("gpt-5.4-mini").
  model: scriptedModel([
    { text: "Let me look. ", toolCalls: [{ name: "get_date_time" }] },
    ({ messages }) => `It is ${JSON.stringify(messages.at(-1)?.content)}.`,
  ]),
  tools: [getDateTime],
  maxTurns: 5,
});

for await (const event of agent.respond("Hey, what time is it?", { userId: "u1", chatId: "c1" })) {
  switch (event.type) {
    // What happens when all goes well.
    case "run-start":
      console.log(`${JSON.stringify(event.input)} -> ${event.model?.id}`);
      break;
    case "text-delta":
      process.stdout.write(event.text);
      break;
    case "tool-call-start":
      console.log(`\n[assistant] calls ${event.name}(${JSON.stringify(event.args)}) …`);
      break;
    case "tool-result":
      console.log(`[${event.name}] ${JSON.stringify(event.result)}`);
      break;

    // What happens when it does not. None of these is an exception; the run goes on, or ends in order.
    case "tool-error":
      console.log(`[${event.name}] failed (${event.error.kind}): ${event.error.message}`);
      break;
    case "context-overflow":
      console.log(`\nThe conversation was cut: ${event.tokens} tokens, the limit is ${event.limit}.`);
      break;
    case "max-turns-reached":
      console.log(`\nNo answer after ${event.maxTurns} turns.`);
      break;
    case "stopped":
      console.log(`\nStopped: ${event.reason}`);
      break;

    // What every run ends with, whatever happened.
    case "final":
      console.log(`\n${event.stopReason}: ${event.turns} turns, ${event.usage.outputTokens} tokens written`);
      break;

    // New kinds of events may come with any minor version.
    default:
      break;
  }
}
