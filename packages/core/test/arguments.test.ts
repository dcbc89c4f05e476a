import { beforeEach, describe, expect, it, vi } from "vitest";
import { Agent } from "../src/agent.ts";
import type { AgentEvent } from "../src/events.ts";
import * as lenient from "../src/lenient-json.ts";
import { type ScriptedToolCall, scriptedModel } from "../src/testing.ts";
import { tool } from "../src/tool.ts";
import { ids } from "./loopback.ts";

vi.mock(import("../src/lenient-json.ts"), { spy: true });
beforeEach(() => void vi.mocked(lenient.parseLenient).mockClear());

async function call(
  args: ScriptedToolCall["args"] & {},
  chunk: number,
  preview?: (partial: unknown) => unknown,
): Promise<AgentEvent[]> {
  const write = tool({
    name: "write",
    description: "Writes",
    input: { type: "object" },
    execute: (given) => Object.keys(Object(given)).join(),
    ...(preview && { preview }),
  });
  const model = scriptedModel([{ toolCalls: [{ name: "write", args }] }, "Done"], { chunk });
  const events: AgentEvent[] = [];
  for await (const event of new Agent({ name: "a", model, tools: [write] }).respond("?", ids)) events.push(event);
  return events;
}

describe("a megabyte of arguments in pieces of four bytes", () => {
  const args = { content: "x".repeat(1024 * 1024) };

  it("is read only at its end where nobody wants to see it", async () => {
    const events = await call(args, 4);
    expect(events.length).toBeGreaterThan(250_000);
    expect(events.find(({ type }) => type === "tool-result")).toMatchObject({ result: "content" });
    expect(lenient.parseLenient).not.toHaveBeenCalled();
  }, 60_000);

  it("costs a preview no more than a constant times its length", async () => {
    let shown = 0;
    await call(args, 4, () => void shown++);
    const read = vi.mocked(lenient.parseLenient).mock.calls.reduce((sum, [text]) => sum + text.length, 0);
    expect(shown).toBeGreaterThan(500);
    expect(read).toBeLessThan(20 * args.content.length);
  }, 60_000);
});

describe("arguments", () => {
  it("may be 200 levels deep", async () => {
    const deep = `${'{"a":'.repeat(200)}1${"}".repeat(200)}`;
    const events = await call(deep, 64, (partial) => partial);
    expect(events.find(({ type }) => type === "tool-result")).toMatchObject({ result: "a" });
    expect(events.some(({ type }) => type === "tool-progress")).toBe(true);
  });

  it("are refused where they are deeper, or would change a prototype", async () => {
    const bottomless = `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`;
    for (const args of [bottomless, '{"__proto__":{"admin":true}}', '{"a":{"\\u005f_proto__":{"admin":true}}}']) {
      const events = await call(args, 4096, (partial) => partial);
      expect(events.find(({ type }) => type === "tool-error")).toMatchObject({ error: { kind: "invalid-arguments" } });
      expect(events.some((event) => event.type === "tool-progress" && Object(event.progress).admin)).toBe(false);
      expect(JSON.stringify(events.at(-1)).length).toBeGreaterThan(0);
    }
  });
});
