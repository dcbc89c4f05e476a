// A provider of your own is one function: here a model that knows the multiplication table and one tool.
import { Agent, tool } from "millrace";
import {
  MessageBuilder,
  type Model,
  ModelError,
  type ModelEvent,
  type ModelRequest,
  noUsage,
  textOf,
} from "millrace/provider";
import { checkModelEvents } from "millrace/testing";
import { z } from "zod";

/** Multiplies what it is asked, through the tool `multiply` where it is on offer. */
function abacus(): Model {
  return {
    provider: "example",
    id: "abacus",
    // A generator does nothing before it is read: that is part of the contract.
    async *stream({ messages, tools }, { signal }): AsyncGenerator<ModelEvent> {
      signal.throwIfAborted();
      // Keeps the message that is being written, and gives the event for each piece of it.
      const answer = new MessageBuilder();
      const last = messages.at(-1);
      const [, a, b] = /(\d+)\s*[x*×]\s*(\d+)/.exec(last ? textOf(last) : "") ?? [];

      if (last?.role === "tool") {
        yield answer.text(`It is ${textOf(last)}.`);
      } else if (a === undefined || b === undefined) {
        throw new ModelError("example: ask for a product such as 6 x 7", {
          kind: "invalid-request",
          provider: "example",
        });
      } else if (tools.some(({ name }) => name === "multiply")) {
        yield answer.toolCall(0, "multiply", "call_1");
        const delta = answer.toolArgs(0, JSON.stringify({ a: Number(a), b: Number(b) }));
        if (delta) yield delta;
      } else {
        for (const word of ["It", " is ", String(Number(a) * Number(b)), "."]) yield answer.text(word);
      }
      // Exactly one `finish`, and only when the answer is complete. Its message is the authority over the deltas.
      const reason = answer.hasToolCalls ? "tool-calls" : "stop";
      yield answer.finish({ reason, usage: { ...noUsage, inputTokens: 1, outputTokens: 1 } });
    },
  };
}

const multiply = tool({
  name: "multiply",
  description: "Multiply two numbers",
  input: z.object({ a: z.number(), b: z.number() }),
  execute: ({ a, b }) => a * b,
});

const agent = new Agent({ name: "calculator", model: abacus(), tools: [multiply] });
const { output, turns } = await agent.sendMessage("How much is 6 x 7?", { userId: "u1", chatId: "c1" });
console.log(`${output} (${turns} turns)`);

// Does the stream keep the contract? An empty list says yes.
const request: ModelRequest = { messages: [{ role: "user", content: "6 x 7" }], tools: [], settings: {} };
const events: ModelEvent[] = [];
for await (const event of abacus().stream(request, { signal: new AbortController().signal })) events.push(event);
console.log("breaches of the contract:", checkModelEvents(events));
