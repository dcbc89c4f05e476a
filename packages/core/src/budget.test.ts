import { describe, expect, test } from "vitest";
import { Agent } from "./agent.ts";
import { type BudgetOptions, costOf, type Ledger, memoryLedger } from "./budget.ts";
import type { AgentEvent } from "./events.ts";
import { scriptedModel } from "./testing.ts";
import { tool } from "./tool.ts";
import { noUsage, type Usage } from "./usage.ts";

const ids = { userId: "u", chatId: "c" };
/** One USD per thousand tokens, to count by. */
const pricing = { scripted: { input: 1000, output: 1000 } };
const usage: Usage = { ...noUsage, inputTokens: 10, outputTokens: 5 };
const lookup = tool({ name: "lookup", description: "Looks something up", execute: () => "found" });
const call = { toolCalls: [{ name: "lookup", args: {} }], usage };

async function read(agent: Agent): Promise<{ events: AgentEvent[]; run: ReturnType<Agent["respond"]> }> {
  const events: AgentEvent[] = [];
  const run = agent.respond("go", ids);
  for await (const event of run) events.push(event);
  return { events, run };
}

function agentWith(
  budget: BudgetOptions,
  steps: Parameters<typeof scriptedModel>[0] = [call, call, { text: "done", usage }],
): Agent {
  const settings = { maxOutputTokens: 5 };
  return new Agent({ name: "spender", model: scriptedModel(steps), tools: [lookup], settings, budget });
}

describe("costOf", () => {
  const price = { input: 2, output: 8, cachedInput: 0.5, cacheWrite: 2.5, reasoning: 10 };

  test("counts each kind of token at its price", () => {
    const spent = {
      inputTokens: 1000,
      cacheReadTokens: 300,
      cacheWriteTokens: 200,
      outputTokens: 100,
      reasoningTokens: 40,
    };
    expect(costOf(spent, price)).toBeCloseTo((500 * 2 + 300 * 0.5 + 200 * 2.5 + 60 * 8 + 40 * 10) / 1e6, 12);
  });

  test("takes the general price where a special one is not given, and is never below zero", () => {
    const spent = { ...noUsage, inputTokens: 10, cacheReadTokens: 64 };
    expect(costOf(spent, { input: 1, output: 1 })).toBeCloseTo(64 / 1e6, 12);
  });
});

describe("budget", () => {
  test("without a cap counts what each turn and the run cost", async () => {
    const { events, run } = await read(agentWith({ pricing }));
    expect(events.flatMap((event) => (event.type === "turn-end" ? [event.costUsd] : []))).toEqual([
      0.015, 0.015, 0.015,
    ]);
    expect(run.final?.costUsd).toBeCloseTo(0.045, 10);
  });

  test("ends the run before a request that would not fit, with a valid history", async () => {
    const { events, run } = await read(agentWith({ pricing, maxUsd: 0.04 }));
    const exceeded = events.filter((event) => event.type === "budget-exceeded");
    expect(exceeded).toMatchObject([{ by: "usd", limitUsd: 0.04 }]);
    expect(events.at(-2)).toBe(exceeded[0]);
    expect(run.final).toMatchObject({ stopReason: "budget" });
    expect(run.final?.history.messages.at(-1)).toMatchObject({ role: "tool", content: "found" });
  });

  test("holds reserveUsd back", async () => {
    const { run } = await read(agentWith({ pricing, maxUsd: 10, reserveUsd: 9.999 }));
    expect(run.final).toMatchObject({ stopReason: "budget", turns: 1, costUsd: 0 });
  });

  test("told to continue, says once that the cap is passed and goes on", async () => {
    const { events, run } = await read(agentWith({ pricing, maxUsd: 0.001, onExceeded: "continue" }));
    expect(events.filter((event) => event.type === "budget-exceeded")).toHaveLength(1);
    expect(run.final).toMatchObject({ stopReason: "completed", output: "done" });
  });

  test("caps the tokens of a run", async () => {
    const { events, run } = await read(agentWith({ pricing, maxTokens: 20 }));
    expect(events.find((event) => event.type === "budget-exceeded")).toMatchObject({
      by: "tokens",
      spent: 30,
      limit: 20,
    });
    expect(run.final).toMatchObject({ stopReason: "budget" });
  });

  test("caps the tool calls of a run: those beyond it are refused and told to the model", async () => {
    const { events, run } = await read(agentWith({ pricing, maxToolCalls: 1 }));
    expect(events.filter((event) => event.type === "tool-call-start")).toHaveLength(1);
    expect(events.find((event) => event.type === "tool-error")).toMatchObject({ error: { kind: "refused" } });
    expect(run.final).toMatchObject({ stopReason: "budget" });
  });

  test("refuses a model without a price before anything is spent", async () => {
    const agent = agentWith({ pricing: {} });
    await expect(agent.sendMessage("go", ids)).rejects.toThrow(
      'budget.pricing: has no price for the model "scripted/scripted"',
    );
  });

  test("needs no prices where only tokens and calls are capped", async () => {
    const { run } = await read(agentWith({ maxToolCalls: 1 }));
    expect(run.final).toMatchObject({ stopReason: "budget", costUsd: 0 });
    await expect(agentWith({ maxUsd: 1 }).sendMessage("go", ids)).rejects.toThrow("budget.pricing");
  });

  test("a run that is cut books what it cost and gives back what it had set aside", async () => {
    const ledger = memoryLedger();
    const model = scriptedModel([{ text: "a long answer in many words" }], { delayMs: 1 });
    const agent = new Agent({ name: "spender", model, budget: { pricing, maxUsd: 100, ledger } });
    const run = agent.respond("go", ids);
    for await (const event of run) if (event.type === "text-delta") run.stop();
    expect(run.final?.costUsd).toBeGreaterThan(0);
    expect(ledger.spent("c")).toBe(run.final?.costUsd);
    // All of the rest is free again.
    const rest = await ledger.reserve("c", 100 - ledger.spent("c"), 100);
    expect(rest.granted).toBe(true);
  });

  test("a sub-agent draws on the budget of the agent above it", async () => {
    const below = new Agent({ name: "below", model: scriptedModel([{ text: "deep answer", usage }], { id: "small" }) });
    const steps = [
      { toolCalls: [{ name: "below", args: { input: "help" } }], usage },
      { text: "done", usage },
    ];
    const ledger = memoryLedger();
    const budget = { pricing: { ...pricing, small: { input: 500, output: 500 } }, ledger, maxUsd: 100 };
    const agent = new Agent({ name: "above", model: scriptedModel(steps), tools: [below.asTool()], budget });
    const final = await agent.sendMessage("go", ids);
    expect(final.costUsd).toBeCloseTo(0.015 + 0.0075 + 0.015, 10);
    expect(ledger.spent("c")).toBeCloseTo(final.costUsd ?? 0, 10);
  });

  test("a sub-agent that has the same budget books what it costs once", async () => {
    const ledger = memoryLedger();
    const budget = { pricing, ledger, maxUsd: 100 };
    const below = agentWith(budget, [{ text: "deep answer", usage }]);
    const steps = [
      { toolCalls: [{ name: "spender", args: { input: "help" } }], usage },
      { text: "done", usage },
    ];
    const above = new Agent({ name: "above", model: scriptedModel(steps), tools: [below.asTool()], budget });
    const final = await above.sendMessage("go", ids);
    expect(final.costUsd).toBeCloseTo(3 * 0.015, 10);
    expect(ledger.spent("c")).toBeCloseTo(3 * 0.015, 10);
  });

  test("gives back what a slow ledger grants to a run that was stopped meanwhile", async () => {
    const kept = memoryLedger();
    const ledger: Ledger = {
      ...kept,
      async reserve(...asked) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return kept.reserve(...asked);
      },
    };
    const run = agentWith({ pricing, maxUsd: 1, ledger }).respond("go", ids);
    setTimeout(() => run.stop(), 5);
    for await (const _ of run);
    expect(run.final).toMatchObject({ stopReason: "stopped", costUsd: 0 });
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(await kept.reserve("c", 1, 1)).toEqual({ granted: true, spentUsd: 0 });
  });

  test("a thousand runs on one ledger overspend by nothing", async () => {
    const ledger = memoryLedger();
    const budget = { pricing, ledger, maxUsd: 5, account: () => "all" };
    const runs = await Promise.all(
      Array.from({ length: 1000 }, () =>
        agentWith(budget, [call, { text: "done", usage }]).sendMessage("go", {
          userId: "u",
          chatId: crypto.randomUUID(),
        }),
      ),
    );
    const sum = runs.reduce((total, final) => total + (final.costUsd ?? 0), 0);
    expect(ledger.spent("all")).toBeCloseTo(sum, 8);
    expect(ledger.spent("all")).toBeLessThanOrEqual(5);
    expect(new Set(runs.map((final) => final.stopReason))).toEqual(new Set(["completed", "budget"]));
  });

  test("overspends by no more than what was in flight when the provider charges more than was reserved", async () => {
    const ledger = memoryLedger();
    const dear = { ...noUsage, inputTokens: 1000, outputTokens: 1000 };
    const budget = { pricing, ledger, maxUsd: 5, account: () => "all" };
    const one = (): Promise<unknown> => agentWith(budget, [{ text: "done", usage: dear }]).sendMessage("go", ids);
    for (let batch = 0; batch < 10; batch++) await Promise.all(Array.from({ length: 4 }, one));
    // Four at a time, two USD each: the last batch began below the cap.
    expect(ledger.spent("all")).toBeLessThanOrEqual(5 + 4 * 2);
  });
});
