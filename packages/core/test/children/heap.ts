// Prints by how many bytes the heap grows over many short runs, and over many short requests, on one long-lived signal.
import { Agent } from "../../src/agent.ts";
import { scriptedModel } from "../../src/testing.ts";
import { tool } from "../../src/tool.ts";
import { ids, tick } from "../loopback.ts";
import { collect } from "./collect.ts";

const { signal } = new AbortController();
const look = tool({ name: "look", description: "Looks", execute: () => "seen" });

async function runs(count: number): Promise<void> {
  for (let done = 0; done < count; done++) {
    const model = scriptedModel([{ text: "Well", toolCalls: [{ name: "look" }] }, "Done and said"]);
    const agent = new Agent({
      name: "a",
      model,
      tools: [look],
      stop: { check: () => false },
      hooks: { onFinal: () => {} },
    });
    for await (const event of agent.respond("?", { ...ids, signal }))
      if (event.type === "text-delta" && done % 3 === 0) break;
  }
  await tick();
}

/** One run of very many events, each of which is waited for. */
async function longRun(events: number): Promise<void> {
  const flood = tool({
    name: "flood",
    description: "Floods",
    async *execute() {
      for (let made = 0; made < events; made++) yield made;
    },
  });
  const model = scriptedModel([{ toolCalls: [{ name: "flood" }] }, "Done"]);
  for await (const _ of new Agent({ name: "a", model, tools: [flood] }).respond("?", { ...ids, signal }));
}

await runs(500);
await longRun(10_000);
const before = await collect();
await runs(3000);
const afterRuns = await collect();
await longRun(200_000);
const afterLongRun = await collect();
console.log(JSON.stringify({ runs: afterRuns - before, events: afterLongRun - afterRuns }));
