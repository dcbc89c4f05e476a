import { context, diag, type Meter, type Span, type Tracer, trace } from "@opentelemetry/api";
import { Agent, type RunStart, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { describe, expect, it, vi } from "vitest";
import { tracing } from "../src/tracing.ts";

const ids = { userId: "u", chatId: "c" };

function broken(): never {
  throw new Error("the SDK is broken");
}

/** A span of which nothing works but its context. */
const brokenSpan: Span = {
  spanContext: () => ({ traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 1 }),
  isRecording: () => true,
  setAttribute: broken,
  setAttributes: broken,
  addEvent: broken,
  addLink: broken,
  addLinks: broken,
  setStatus: broken,
  updateName: broken,
  recordException: broken,
  end: broken,
};

async function run(options: Parameters<typeof tracing>[0]): Promise<string> {
  const look = tool({ name: "look", description: "Looks", execute: () => ({ big: 1n }) });
  const fine = tool({ name: "fine", description: "Works", execute: () => 1 });
  const model = scriptedModel([{ toolCalls: [{ name: "look" }, { name: "fine" }] }, "Done."]);
  const hooks = { onHookError: (error: unknown) => expect.unreachable(String(error)) };
  const agent = new Agent({ name: "a", model, tools: [look, fine], hooks, ...tracing(options) });
  return (await agent.sendMessage("?", ids)).output;
}

describe("a broken SDK", () => {
  it("never breaks a run, and is told to OpenTelemetry's log", async () => {
    const error = vi.fn();
    diag.setLogger({ error, warn: error, info: () => {}, debug: () => {}, verbose: () => {} });
    const tracers: Tracer[] = [
      { startSpan: broken, startActiveSpan: broken },
      { startSpan: () => brokenSpan, startActiveSpan: broken },
    ];
    const meter = new Proxy<Partial<Meter>>({}, { get: () => broken });
    for (const tracer of tracers) {
      expect(await run({ tracer, captureContent: true })).toBe("Done.");
      expect(await run({ tracer, meter: meter as Meter, captureContent: true })).toBe("Done.");
    }
    diag.disable();
    expect(error).toHaveBeenCalledWith(expect.stringContaining("@millrace/otel"), expect.stringContaining("broken"));
  });
});

describe("without an SDK", () => {
  it("nothing goes around a run", () => {
    const run = { id: "r", agentName: "a", userId: "u", chatId: "c" };
    const start: RunStart = { type: "run-start", seq: 0, at: Date.now(), run, input: [], tools: [] };
    expect(tracing().wrap(start)).toEqual({});
    expect(trace.getSpan(context.active())).toBeUndefined();
  });
});
