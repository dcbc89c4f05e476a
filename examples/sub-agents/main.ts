// An agent as a tool of another agent: its events arrive in the same stream, its usage counts in the same run.
import { Agent, type AgentEvent, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { z } from "zod";

const search = tool({
  name: "search",
  description: "Search the archive",
  input: z.object({ query: z.string() }),
  execute: ({ query }) => [`${query}: built in 1850`, `${query}: restored in 1994`],
});

const researcher = new Agent({
  name: "researcher",
  description: "Finds facts in the archive. Ask one question at a time.",
  model: scriptedModel([
    { toolCalls: [{ name: "search", args: { query: "town mill" } }] },
    "The town mill was built in 1850 and restored in 1994.",
  ]),
  tools: [search],
});

const writer = new Agent({
  name: "writer",
  model: scriptedModel([
    { toolCalls: [{ name: "researcher", args: { input: "When was the town mill built?" } }] },
    "Built in 1850, the town mill was restored in 1994.",
  ]),
  tools: [researcher.asTool()],
});

const run = writer.respond("One sentence about the town mill.", { userId: "u1", chatId: "c1" });
for await (const event of run) show(event);
console.log("spent by both:", run.final?.usage.inputTokens, "in,", run.final?.usage.outputTokens, "out");

function show(event: AgentEvent, indent = ""): void {
  switch (event.type) {
    case "sub-agent":
      // A whole event of the other run. An agent inside that agent is nested once more.
      show(event.event, `${indent}    `);
      break;
    case "run-start":
      console.log(
        `${indent}${event.run.agentName} starts${event.run.parent ? `, called by ${event.run.parent.callId}` : ""}`,
      );
      break;
    case "tool-call-start":
      console.log(`${indent}→ ${event.name} ${JSON.stringify(event.args)}`);
      break;
    case "tool-result":
      console.log(`${indent}← ${event.name} ${JSON.stringify(event.result)}`);
      break;
    case "final":
      console.log(`${indent}${event.run.agentName}: ${event.output}`);
      break;
    default:
      break;
  }
}
