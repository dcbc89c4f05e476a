// Observers: logs, counts and costs beside the stream. They change nothing, and what they throw never breaks a run.
import { Agent, type Hooks, tool, type Usage } from "millrace";
import { scriptedModel } from "millrace/testing";
import { z } from "zod";

const log: Hooks = {
  onRunStart: ({ run }) => console.log(`[log] ${run.agentName} works for ${run.userId} in ${run.chatId}`),
  onToolCallStart: ({ name, args }) => console.log(`[log] → ${name}`, args),
  onToolError: ({ name, error }) => console.log(`[log] ✗ ${name}: ${error.message}`),
  onFinal: ({ stopReason, durationMs }) => console.log(`[log] ${stopReason}`, durationMs < 5000 ? "in time" : "late"),
};

const counts = new Map<string, number>();
const analytics: Hooks = {
  onEvent: ({ type }) => void counts.set(type, (counts.get(type) ?? 0) + 1),
};

/** Prices change: they are yours, in dollars per million tokens. */
const prices = { input: 0.15, cached: 0.075, output: 0.6 };
let dollars = 0;
const cost: Hooks = {
  // Every request of the run and of its sub-agents is in there, also after a stop or an error.
  onFinal: ({ usage }) => {
    dollars += costOf(usage);
  },
};
function costOf({ inputTokens, cacheReadTokens, outputTokens }: Usage): number {
  const input = (inputTokens - cacheReadTokens) * prices.input + cacheReadTokens * prices.cached;
  return (input + outputTokens * prices.output) / 1_000_000;
}

const faulty: Hooks = {
  onTurnEnd: () => {
    throw new Error("the analytics server is down");
  },
  onHookError: (error, event) => console.log(`[log] a hook failed on ${event?.type}:`, String(error)),
};

const divide = tool({
  name: "divide",
  description: "Divide two numbers",
  input: z.object({ dividend: z.number(), divisor: z.number() }),
  execute({ dividend, divisor }) {
    if (divisor === 0) throw new RangeError("cannot divide by zero");
    return dividend / divisor;
  },
});

const agent = new Agent({
  name: "calculator",
  model: scriptedModel([
    {
      toolCalls: [
        { name: "divide", args: { dividend: 1, divisor: 0 } },
        { name: "divide", args: { dividend: 12, divisor: 4 } },
      ],
      usage: { inputTokens: 400, outputTokens: 40 },
    },
    { text: "12 / 4 is 3; 1 / 0 has no answer.", usage: { inputTokens: 500, cacheReadTokens: 400, outputTokens: 20 } },
  ]),
  tools: [divide],
  hooks: [log, analytics, cost, faulty],
});

const { output } = await agent.sendMessage("What are 1 / 0 and 12 / 4?", { userId: "u1", chatId: "c1" });
console.log(output);
console.log("events:", Object.fromEntries(counts));
console.log(`cost: $${dollars.toFixed(6)}`);
