// How long it takes to fit a chat of 10,000 messages into 8,000 tokens, the first time and once all is counted.
// Over the built package: `npm run build`, then `node packages/core/bench/context.mjs`.
import { Agent } from "millrace";
import { scriptedModel } from "millrace/testing";

const history = Array.from({ length: 2500 }, (_, turn) => [
  { role: "user", content: `Question ${turn}: ${"What does the mill grind today? ".repeat(4)}` },
  { role: "assistant", content: [{ type: "tool-call", callId: `c${turn}`, name: "look", args: { turn } }] },
  { role: "tool", callId: `c${turn}`, name: "look", content: JSON.stringify({ grain: "rye", kilos: turn }).repeat(10) },
  { role: "assistant", content: [{ type: "text", text: `Answer ${turn}: ${"rye, and some wheat. ".repeat(6)}` }] },
]).flat();

const runs = 20;
for (const count of ["simple", "accurate"]) {
  const chat = new Agent({
    name: "bench",
    model: scriptedModel(Array.from({ length: runs }, () => "Rye.")),
    context: { maxTokens: 8000, count },
  }).chat({ userId: "u1", chatId: "c1", history });
  const times = [];
  for (let run = 0; run < runs; run++) {
    let start = 0;
    for await (const event of chat.respond("And today?")) {
      if (event.type === "message-added" && event.message.role === "user") start = performance.now();
      if (event.type === "turn-start") times.push(performance.now() - start);
    }
  }
  const [first = 0, ...later] = times;
  const median = later.sort((a, b) => a - b)[Math.floor(later.length / 2)] ?? 0;
  console.log(
    `${count}: ${history.length} messages fitted in ${first.toFixed(1)} ms, ${median.toFixed(1)} ms once they are counted`,
  );
}
