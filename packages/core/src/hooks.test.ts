import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Agent } from "./agent.ts";
import type { AgentEvent } from "./events.ts";
import type { Hooks } from "./hooks.ts";
import { scriptedModel } from "./testing.ts";
import { tool } from "./tool.ts";

const ids = { userId: "u", chatId: "c" };
const tick = (ms = 0): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const look = tool({ name: "look", description: "Looks", execute: () => "seen" });

function agent(hooks: Hooks | Hooks[], text = "One two three"): Agent {
  const model = scriptedModel([{ toolCalls: [{ name: "look" }] }, text]);
  return new Agent({ name: "a", model, tools: [look], hooks });
}

describe("hooks", () => {
  it("see every event once, in order, the agent's before the call's", async () => {
    const seen: string[] = [];
    const read: string[] = [];
    const first: Hooks = { onEvent: ({ seq }) => seen.push(`first ${seq}`) };
    const second: Hooks = { onEvent: ({ seq }) => seen.push(`second ${seq}`) };
    for await (const { seq } of agent(first).respond("?", { ...ids, hooks: second })) {
      read.push(`first ${seq}`, `second ${seq}`);
    }
    expect(seen).toEqual(read);
  });

  it("are called for their own event, before onEvent, on their own object", async () => {
    class Log {
      readonly seen: string[] = [];
      onToolResult({ name, result }: AgentEvent & { type: "tool-result" }): void {
        this.seen.push(`${name}: ${result}`);
      }
      onEvent({ type }: AgentEvent): void {
        if (type === "tool-result") this.seen.push("any");
      }
    }
    const log = new Log();
    await agent(log).sendMessage("?", ids);
    expect(log.seen).toEqual(["look: seen", "any"]);
  });

  it("are waited for at the end, one after the other", async () => {
    const done: number[] = [];
    let working = 0;
    const hooks: Hooks = {
      async onEvent({ seq }) {
        expect(++working).toBe(1);
        await tick(seq % 2);
        working--;
        done.push(seq);
      },
    };
    const { seq } = await agent(hooks).sendMessage("?", ids);
    expect(done).toEqual(Array.from({ length: seq + 1 }, (_, index) => index));
  });

  it("are waited for also where a run fails or its reader leaves", async () => {
    const ended: string[] = [];
    const hooks: Hooks = {
      async onFinal({ stopReason }) {
        await tick(5);
        ended.push(stopReason);
      },
    };
    const failing = new Agent({ name: "a", model: scriptedModel([{ error: new Error("no") }]), hooks });
    await expect(failing.sendMessage("?", ids)).rejects.toThrow("no");
    for await (const _ of agent(hooks).respond("?", ids)) break;
    expect(ended).toEqual(["error", "stopped"]);
  });

  it("break nothing when they throw, reject or reject much later", async () => {
    const errors: unknown[] = [];
    const hooks: Hooks[] = [
      {
        onRunStart: () => {
          throw new Error("thrown");
        },
        onTurnStart: async () => {
          await tick(2);
          throw new Error("rejected");
        },
        onToolResult: () => Promise.reject("no error at all"),
        onHookError: (error) => errors.push(error),
      },
      { onHookError: (_, event) => Promise.reject(event?.type) },
    ];
    const { stopReason } = await agent(hooks).sendMessage("?", ids);
    expect(stopReason).toBe("completed");
    expect(errors).toEqual([new Error("thrown"), new Error("rejected"), "no error at all", new Error("rejected")]);
  });

  it("hold the stream back when they are much slower than it", async () => {
    let handled = 0;
    const hooks: Hooks = {
      async onTextDelta() {
        await null;
        handled++;
        await tick();
      },
    };
    let ahead = 0;
    let deltas = 0;
    for await (const event of agent(hooks, "word ".repeat(1500)).respond("?", ids)) {
      if (event.type === "text-delta") ahead = Math.max(ahead, ++deltas - handled);
    }
    expect(deltas).toBe(1500);
    expect(ahead).toBeLessThan(400);
    expect(handled).toBe(1500);
  });

  describe("that never settle", () => {
    beforeEach(() => void vi.useFakeTimers());
    afterEach(() => void vi.useRealTimers());

    it("are reported and no longer waited for", async () => {
      const errors: unknown[] = [];
      const hooks: Hooks = {
        onEvent: () => new Promise(() => {}),
        onHookError: (error) => errors.push(error),
      };
      const ending = agent(hooks).sendMessage("?", ids);
      await vi.advanceTimersByTimeAsync(15_000);
      expect((await ending).stopReason).toBe("completed");
      expect(errors).toHaveLength(1);
      expect(String(errors[0])).toMatch(/has not ended/);
    });
  });

  it("are told to the console where nobody listens", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const hooks: Hooks = {
      onFinal: () => {
        throw new Error("unheard");
      },
    };
    await agent(hooks).sendMessage("?", ids);
    expect(log).toHaveBeenCalledTimes(1);
    expect(String(log.mock.calls[0])).toContain("unheard");
    log.mockRestore();
  });
});
