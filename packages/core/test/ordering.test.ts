import { AsyncLocalStorage } from "node:async_hooks";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Agent } from "../src/agent.ts";
import type { AgentEvent } from "../src/events.ts";
import { checkEvents, scriptedModel } from "../src/testing.ts";
import { tool } from "../src/tool.ts";
import { ids, tick } from "./loopback.ts";

/** What one call does: a pause before each of its steps (0 is none), and how it ends. */
const schedule = fc.record({
  pauses: fc.array(fc.nat(2), { minLength: 1, maxLength: 4 }),
  fails: fc.boolean(),
});

describe("the order of events with parallel tools", () => {
  it("holds for any schedule, any cap and any reader", async () => {
    const options = { maxConcurrency: fc.option(fc.integer({ min: 1, max: 4 })), readerPauses: fc.array(fc.nat(2)) };
    await fc.assert(
      fc.asyncProperty(
        fc.array(schedule, { minLength: 1, maxLength: 6 }),
        fc.record(options),
        async (schedules, { maxConcurrency, readerPauses }) => {
          const work = tool({
            name: "work",
            description: "Works",
            input: { type: "object" },
            async *execute(_, { callId }) {
              const { pauses, fails } = schedules[Number(callId.split("_").at(-1)) - 1] ?? { pauses: [], fails: true };
              for (const [index, pause] of pauses.entries()) {
                if (pause > 0) await tick(pause - 1);
                yield index;
              }
              if (fails) throw new Error("failed");
              return callId;
            },
          });
          const model = scriptedModel([{ toolCalls: schedules.map(() => ({ name: "work" })) }, "Done"]);
          const agent = new Agent({
            name: "a",
            model,
            tools: [work],
            toolExecution: maxConcurrency ? { maxConcurrency } : {},
          });
          const events: AgentEvent[] = [];
          for await (const event of agent.respond("?", ids)) {
            events.push(event);
            const pause = readerPauses[event.seq % (readerPauses.length || 1)];
            if (pause) await tick(pause - 1);
          }
          expect(checkEvents(events)).toEqual([]);
          for (const [index, { pauses, fails }] of schedules.entries()) {
            const own = events.filter(
              (event) =>
                "callId" in event && event.callId === `call_1_${index + 1}` && event.type !== "tool-call-delta",
            );
            const told = own.map((event) => (event.type === "tool-progress" ? event.progress : event.type));
            expect(told).toEqual(["tool-call-start", ...pauses.keys(), fails ? "tool-error" : "tool-result"]);
          }
        },
      ),
      { numRuns: 300 },
    );
  }, 60_000);
});

describe("the caller's async context", () => {
  it("is what tools, hooks and questions see, and the reader keeps its own", async () => {
    const context = new AsyncLocalStorage<string>();
    const seen = new Map<string, Set<string | undefined>>();
    const note = (who: string): void => {
      seen.set(who, (seen.get(who) ?? new Set()).add(context.getStore()));
    };
    const noteLater = async (who: string): Promise<void> => {
      note(who);
      await tick();
      note(who);
    };
    const plain = tool({ name: "plain", description: "x", execute: () => noteLater("tool") });
    const generator = tool({
      name: "generator",
      description: "x",
      enabled: () => {
        note("enabled");
        return true;
      },
      preview: () => noteLater("preview"),
      async *execute() {
        await noteLater("generator");
        yield 1;
        await noteLater("generator");
      },
    });
    const model = scriptedModel([{ toolCalls: [{ name: "plain" }, { name: "generator" }] }, "Done"], { delayMs: 1 });
    const agent = new Agent({
      name: "a",
      model: async () => {
        await noteLater("model");
        return model;
      },
      instructions: async () => {
        await noteLater("instructions");
        return "x";
      },
      tools: [plain, generator],
      authorize: async () => {
        await noteLater("authorize");
        return true;
      },
      stop: {
        everyMs: 1,
        check: async () => {
          await noteLater("stop check");
          return false;
        },
      },
      hooks: { onEvent: () => noteLater("hook") },
    });
    const run = context.run("caller", () => agent.respond("?", ids));
    await context.run("reader", async () => {
      for await (const _ of run) note("reader");
    });
    const { reader, ...others } = Object.fromEntries([...seen].map(([who, stores]) => [who, [...stores]]));
    expect(reader).toEqual(["reader"]);
    const callers = [
      "tool",
      "generator",
      "enabled",
      "preview",
      "model",
      "instructions",
      "authorize",
      "stop check",
      "hook",
    ];
    expect(others).toEqual(Object.fromEntries(callers.map((who) => [who, ["caller"]])));
  });
});
