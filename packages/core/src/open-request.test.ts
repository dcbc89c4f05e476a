import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Agent } from "./agent.ts";
import type { AgentOptions } from "./agent-options.ts";
import type { Final } from "./events.ts";
import type { Model, ModelEvent } from "./model.ts";
import { scriptedModel } from "./testing.ts";
import { tool } from "./tool.ts";
import { noUsage } from "./usage.ts";

const ids = { userId: "u", chatId: "c" };

/** A model that pauses so long before each of its events, and is freed by its signal alone. */
function paced(...pauses: number[]): Model & { closed: number } {
  return {
    provider: "own",
    id: "paced",
    closed: 0,
    async *stream(_, { signal }): AsyncGenerator<ModelEvent> {
      try {
        for (const ms of pauses) {
          await new Promise<void>((resolve, reject) => {
            setTimeout(resolve, ms);
            signal.addEventListener("abort", () => reject(signal.reason), { once: true });
          });
          yield { type: "text-delta", text: "word ", part: 0 };
        }
        yield { type: "finish", message: { role: "assistant", content: [] }, reason: "stop", usage: noUsage };
      } finally {
        this.closed++;
      }
    },
  };
}

describe("the time of a request", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  async function run(
    model: Model,
    timeouts: NonNullable<AgentOptions["timeouts"]>,
    pauseMs = 0,
  ): Promise<Final | undefined> {
    const started = new Agent({ name: "a", model }).respond("?", { ...ids, timeouts });
    const reading = (async () => {
      for await (const event of started) {
        if (event.type === "text-delta" && pauseMs) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    })().catch(() => {});
    await vi.advanceTimersByTimeAsync(3_600_000);
    await reading;
    return started.final;
  }

  const failures: Record<string, [model: Model, timeouts: NonNullable<AgentOptions["timeouts"]>, said: RegExp]> = {
    "before its first event": [paced(2000), { firstEventMs: 1000 }, /firstEventMs/],
    "between two events": [paced(10, 10, 2000), { idleMs: 1000 }, /idleMs/],
    "as a whole": [paced(400, 400, 400), { requestMs: 1000 }, /requestMs/],
    "before its first event, where nothing is said": [paced(601_000), {}, /firstEventMs/],
    "between two events, where nothing is said": [paced(10, 301_000), {}, /idleMs/],
  };
  for (const [name, [model, timeouts, said]] of Object.entries(failures)) {
    it(`is limited ${name}`, async () => {
      const final = await run(model, timeouts);
      expect(final).toMatchObject({
        stopReason: "error",
        error: { kind: "timeout", message: expect.stringMatching(said), retryable: true },
      });
      expect(model).toMatchObject({ closed: 1 });
    });
  }

  it("does not count what its reader takes", async () => {
    const limits = { firstEventMs: 1000, idleMs: 1000, requestMs: 1000 };
    expect(await run(paced(10, 10, 10), limits, 60_000)).toMatchObject({ stopReason: "completed" });
  });

  it("does not count what its tools take", async () => {
    const wait = tool({
      name: "wait",
      description: "x",
      execute: () => new Promise((resolve) => setTimeout(resolve, 60_000)),
    });
    const agent = new Agent({
      name: "a",
      model: scriptedModel([{ toolCalls: [{ name: "wait" }] }, "Done"]),
      tools: [wait],
    });
    const final = agent.sendMessage("?", { ...ids, timeouts: { firstEventMs: 100, idleMs: 100, requestMs: 100 } });
    await vi.advanceTimersByTimeAsync(61_000);
    expect((await final).stopReason).toBe("completed");
  });

  it("is not the time of the run, which stops it", async () => {
    expect(await run(paced(400, 400, 400), { runMs: 1000 })).toMatchObject({
      stopReason: "stopped",
      output: "word word ",
    });
  });

  it("may be longer than a timer can be", async () => {
    const limits = { firstEventMs: 2 ** 40, idleMs: 2 ** 40, requestMs: Number.POSITIVE_INFINITY, runMs: 2 ** 40 };
    expect(await run(paced(10, 10), limits)).toMatchObject({ stopReason: "completed" });
  });
});
