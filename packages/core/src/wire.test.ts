import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allKinds, anyStream } from "../test/any-event.ts";
import { Agent } from "./agent.ts";
import { ModelError, ToolCallError } from "./errors.ts";
import type { AgentEvent, EventOf } from "./events.ts";
import { scriptedModel } from "./testing/scripted-model.ts";
import { tool } from "./tool.ts";
import { encodeFailure, WireDecoder, WireEncoder } from "./wire.ts";

const run = { id: "run_1", agentName: "a", userId: "u", chatId: "c" };
const stamp = { seq: 0, at: 0, run };

function passOn(events: readonly AgentEvent[]): AgentEvent[] {
  const encoder = new WireEncoder();
  const decoder = new WireDecoder();
  return events.map((event) => decoder.decode(JSON.parse(encoder.encode(event))));
}

/** What an event says, its errors by name, message and facts. */
function content(event: AgentEvent): unknown {
  return JSON.parse(JSON.stringify(event));
}

describe("the wire", () => {
  it("gives every kind of event back as it was", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(anyStream, (events) => {
        for (const { type } of events) seen.add(type);
        expect(passOn(events).map(content)).toEqual(events.map(content));
      }),
      { numRuns: 300 },
    );
    expect(seen).toEqual(new Set(allKinds));
  });

  it("writes the same bytes when what it read is sent on", () => {
    fc.assert(
      fc.property(anyStream, (events) => {
        const first = new WireEncoder();
        const second = new WireEncoder();
        const lines = events.map((event) => first.encode(event));
        const decoder = new WireDecoder();
        const again = lines.map((line) => decoder.decode(JSON.parse(line))).map((event) => second.encode(event));
        expect(again.map((line) => JSON.parse(line))).toEqual(lines.map((line) => JSON.parse(line)));
        expect(lines.join("")).not.toMatch(/[\r\n]/);
      }),
    );
  });

  it("tells the run once", async () => {
    const encoder = new WireEncoder();
    const lines: string[] = [];
    const agent = new Agent({ name: "a", model: scriptedModel(["Hello there."]) });
    for await (const event of agent.respond("Hi", { userId: "u", chatId: "c" })) lines.push(encoder.encode(event));
    expect(lines.filter((line) => line.includes('"run"'))).toHaveLength(1);
    expect(lines[0]).toContain('"type":"run-start"');
  });

  it("keeps what is parsed when it is read", async () => {
    const model = scriptedModel([{ toolCalls: [{ name: "say", args: { words: "one two three" } }] }, "Done."]);
    const say = tool({ name: "say", description: "Say", execute: () => "said" });
    const here: unknown[] = [];
    const there: unknown[] = [];
    const encoder = new WireEncoder();
    const decoder = new WireDecoder();
    for await (const event of new Agent({ name: "a", model, tools: [say] }).respond("Hi", {
      userId: "u",
      chatId: "c",
    })) {
      const copy = decoder.decode(JSON.parse(encoder.encode(event)));
      if (event.type === "tool-call-delta") here.push(event.args);
      if (copy.type === "tool-call-delta") there.push(copy.args);
    }
    expect(there).toEqual(here);
    expect(there.at(-1)).toEqual({ words: "one two three" });
  });

  it("gives errors back as errors of their class", () => {
    const error = new ModelError("slow down", { kind: "rate-limit", provider: "p", status: 429, retryAfterMs: 7 });
    const [copy] = passOn([{ ...stamp, type: "retry", attempt: 1, error, delayMs: 0 }]);
    expect(copy).toMatchObject({ error: { kind: "rate-limit", status: 429, retryAfterMs: 7, retryable: true } });
    expect((copy as EventOf<"retry">).error).toBeInstanceOf(ModelError);
    const refused = new ToolCallError("no", { kind: "refused", toolName: "t" });
    const [second] = passOn([
      { ...stamp, type: "tool-error", callId: "1", name: "t", args: {}, error: refused, durationMs: 0 },
    ]);
    expect((second as EventOf<"tool-error">).error).toBeInstanceOf(ToolCallError);
  });

  it("sends no stack, no cause, no key, and not what a foreign error says of its request", () => {
    const foreign = Object.assign(new Error("401 for Bearer abcdefghijkl and sk-abcdefghijkl"), {
      config: { headers: { authorization: "hidden-token" } },
      toJSON: () => ({ stack: "at file.ts", config: "hidden-token" }),
    });
    const wrapped = new ToolCallError(
      "failed with sk-abcdefghijkl",
      { kind: "failed", toolName: "t" },
      { cause: foreign },
    );
    const encoder = new WireEncoder();
    const result = { ...stamp, type: "tool-result" as const, callId: "1", name: "t", args: {}, durationMs: 0 };
    const lines = [
      encoder.encode({ ...result, result: { nested: [foreign] } }),
      encoder.encode({ ...result, type: "tool-error", error: wrapped }),
      encodeFailure(foreign),
    ].join("\n");
    expect(lines).not.toMatch(/hidden-token|abcdefghijkl|\.ts|stack|cause/);
    expect(lines).toContain('"name":"Error"');
  });

  it("never throws at what a tool gave", () => {
    const circle: Record<string, unknown> = { big: 12n, kept: "yes" };
    circle["self"] = circle;
    const values = [
      12n,
      circle,
      () => 1,
      Symbol("s"),
      Number.NaN,
      {
        get bad(): unknown {
          throw new Error("no");
        },
        good: 1,
      },
      { toJSON: () => circle },
      new Map([[1, 2]]),
      undefined,
    ];
    for (const result of values) {
      const [copy] = passOn([
        { ...stamp, type: "tool-result", callId: "1", name: "t", args: {}, result, durationMs: 0 },
      ]);
      expect(copy).toMatchObject({ type: "tool-result", callId: "1", durationMs: 0 });
    }
  });

  it("throws what a stream broke off with", () => {
    const line = encodeFailure(new ModelError("gone", { kind: "network", provider: "p" }));
    expect(() => new WireDecoder().decode(JSON.parse(line))).toThrow(ModelError);
  });

  it("says what is wrong with a line", () => {
    expect(() => new WireDecoder().decode(null)).toThrow("expected an event, got null");
    expect(() => new WireDecoder().decode({ type: "text-delta", seq: 4 })).toThrow("if it is the first one, its run");
  });

  it("is not led astray by the names of fields", () => {
    const line =
      '{"type":"final","seq":0,"at":0,"run":{"id":"r","agentName":"a","userId":"u","chatId":"c"},"error":{"name":"X","message":"m","__proto__":{"polluted":1},"constructor":1}}';
    const event = new WireDecoder().decode(JSON.parse(line));
    expect((event as EventOf<"final">).error?.message).toBe("m");
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });
});
