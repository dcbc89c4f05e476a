import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { openai } from "@millrace/openai";
import { startSimulator } from "@millrace/simulator";
import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { Agent, type JsonObject, type Model, ModelError, streamingTool, tool } from "millrace";
import { fallback, retry } from "millrace/models";
import { type ScriptedAnswer, scriptedModel } from "millrace/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { Recorder, spanIn } from "../test/recorder.ts";
import { tracing } from "./tracing.ts";

const ids = { userId: "ada", chatId: "c1" };
const usage = { inputTokens: 40, outputTokens: 8, cacheReadTokens: 30, cacheWriteTokens: 0, reasoningTokens: 2 };

let recorder: Recorder;
let server: Server;
let url: string;

beforeAll(async () => {
  recorder = new Recorder();
  server = createServer((request, response) => response.end(request.headers.traceparent));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  const { open } = recorder;
  recorder.reset();
  expect(open).toEqual([]);
});
afterAll(() => {
  recorder.close();
  server.close();
});

const fetchPage = tool({
  name: "fetch_page",
  description: "Fetches a page",
  execute: async () => {
    await null;
    return recorder.get(url);
  },
});

function called(name: string, args: JsonObject = {}): ScriptedAnswer {
  return { toolCalls: [{ name, args }] };
}

describe("tracing", () => {
  it("makes a span of the run, each request and each tool call, and puts what they do under them", async () => {
    const model = scriptedModel([called("fetch_page"), "It is there."], { provider: "openai", id: "m" });
    const instructions = async (): Promise<string> => {
      await recorder.get(url);
      return "Be brief.";
    };
    const agent = new Agent({ name: "reader", model, instructions, tools: [fetchPage], ...tracing() });
    await agent.sendMessage("?", ids);
    expect(recorder.tree()).toBe(
      [
        "invoke_agent reader",
        "  GET",
        "  chat m",
        "  execute_tool fetch_page",
        "    GET",
        "  GET",
        "  chat m",
        "",
      ].join("\n"),
    );
  });

  it("puts the requests of a vendor's client under their own attempt", async () => {
    const real = globalThis.fetch;
    vi.stubGlobal("fetch", async (...given: Parameters<typeof fetch>) => {
      const span = recorder.tracer.startSpan("POST", { kind: SpanKind.CLIENT });
      try {
        return await real(...given);
      } finally {
        span.end();
      }
    });
    const simulator = await startSimulator();
    try {
      const model = openai("simulated-small", { baseURL: simulator.baseURL, apiKey: "any" });
      const agent = new Agent({ name: "helper", model, ...tracing() });
      await agent.sendMessage("Hello!", ids);
      expect(recorder.tree()).toBe("invoke_agent helper\n  chat simulated-small\n    POST\n");
      expect(recorder.attributes("chat simulated-small")).toMatchObject({ "gen_ai.provider.name": "openai" });
    } finally {
      vi.unstubAllGlobals();
      await simulator.close();
    }
  });

  it("says what the conventions ask for, and whose run it is", async () => {
    const model = scriptedModel(
      [
        { ...called("fetch_page"), usage },
        { text: "It is there.", usage },
      ],
      {
        provider: "bedrock",
        id: "m",
      },
    );
    const settings = { temperature: 0.5, maxOutputTokens: 100, stopSequences: ["END"] };
    const agent = new Agent({ name: "reader", model, settings, tools: [fetchPage], ...tracing() });
    const run = agent.respond("?", ids);
    for await (const _ of run);
    const whose = {
      "gen_ai.conversation.id": "c1",
      "user.id": "ada",
      "gen_ai.agent.name": "reader",
      "millrace.run.id": run.id,
    };
    expect(recorder.span("invoke_agent reader")).toMatchObject({
      kind: SpanKind.INTERNAL,
      status: { code: SpanStatusCode.UNSET },
    });
    expect(recorder.attributes("invoke_agent reader")).toEqual({
      ...whose,
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.provider.name": "aws.bedrock",
      "gen_ai.request.model": "m",
      "gen_ai.usage.input_tokens": 80,
      "gen_ai.usage.output_tokens": 16,
      "gen_ai.usage.cache_read.input_tokens": 60,
      "gen_ai.usage.reasoning.output_tokens": 4,
      "millrace.stop_reason": "completed",
      "millrace.turns": 2,
    });
    const [chat] = recorder.spans.filter(({ name }) => name === "chat m");
    expect(chat?.kind).toBe(SpanKind.CLIENT);
    expect(chat?.attributes).toEqual({
      ...whose,
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "aws.bedrock",
      "gen_ai.request.model": "m",
      "gen_ai.request.stream": true,
      "gen_ai.request.temperature": 0.5,
      "gen_ai.request.max_tokens": 100,
      "gen_ai.request.stop_sequences": ["END"],
      "gen_ai.response.finish_reasons": ["tool-calls"],
      "gen_ai.response.time_to_first_chunk": expect.any(Number),
      "gen_ai.usage.input_tokens": 40,
      "gen_ai.usage.output_tokens": 8,
      "gen_ai.usage.cache_read.input_tokens": 30,
      "gen_ai.usage.reasoning.output_tokens": 2,
    });
    expect(recorder.attributes("execute_tool fetch_page")).toEqual({
      ...whose,
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": "fetch_page",
      "gen_ai.tool.call.id": "call_1_1",
      "gen_ai.tool.description": "Fetches a page",
      "gen_ai.tool.type": "function",
    });
  });

  it("nests sub-agents in the call that runs them, to any depth", async () => {
    const args = { input: "?" };
    const leaf = new Agent({
      name: "leaf",
      model: scriptedModel([called("fetch_page"), "Leaf."], { id: "small" }),
      tools: [fetchPage],
    });
    const middle = new Agent({
      name: "middle",
      model: scriptedModel([called("leaf", args), "Middle."], { id: "medium" }),
      tools: [leaf.asTool()],
    });
    const top = new Agent({
      name: "top",
      model: scriptedModel([called("middle", args), "Top."], { id: "large" }),
      tools: [middle.asTool()],
    }).with(tracing());
    await top.sendMessage("?", ids);
    expect(recorder.tree()).toBe(
      [
        "invoke_agent top",
        "  chat large",
        "  execute_tool middle",
        "    invoke_agent middle",
        "      chat medium",
        "      execute_tool leaf",
        "        invoke_agent leaf",
        "          chat small",
        "          execute_tool fetch_page",
        "            GET",
        "          chat small",
        "      chat medium",
        "  chat large",
        "",
      ].join("\n"),
    );
  });

  it("shows each attempt and each model that took over", async () => {
    const busy = (): never => {
      throw new ModelError("busy", { kind: "overloaded", provider: "p" });
    };
    const dead = (): never => {
      throw new ModelError("no key", { kind: "auth", provider: "p" });
    };
    const first = retry(scriptedModel([busy, dead], { provider: "p", id: "first" }), { initialDelayMs: 20 });
    const second = scriptedModel(["Yes.", "Yes again."], { provider: "q", id: "second" });
    const agent = new Agent({ name: "a", model: fallback([first, second]), ...tracing() });
    await agent.sendMessage("?", ids);
    expect(recorder.tree()).toBe("invoke_agent a\n  chat first !overloaded\n  chat first !auth\n  chat second\n");
    const [failed, repeated] = recorder.spans.filter(({ name }) => name === "chat first");
    expect(failed?.status).toEqual({ code: SpanStatusCode.ERROR, message: "busy" });
    expect(repeated?.attributes).toMatchObject({ "millrace.retry.attempt": 1 });
    expect(recorder.attributes("chat second")).toMatchObject({ "gen_ai.provider.name": "q" });

    // The first model rests now: it is not asked, and has no span.
    recorder.reset();
    await agent.sendMessage("?", ids);
    expect(recorder.tree()).toBe("invoke_agent a\n  chat second\n");
    expect(recorder.attributes("chat second")).toMatchObject({ "gen_ai.provider.name": "q" });
  });

  it("begins a new span for the repetition of an answer that broke off", async () => {
    let requests = 0;
    const model: Model = {
      provider: "p",
      id: "m",
      async *stream(request, options) {
        expect(spanIn()).toBe("chat m");
        if (requests++ === 0) {
          yield { type: "text-delta", text: "Ye", part: 0 };
          throw new ModelError("broke", { kind: "network", provider: "p" });
        }
        yield* scriptedModel(["Yes."]).stream(request, options);
      },
    };
    const agent = new Agent({ name: "a", model, retry: { initialDelayMs: 1 }, ...tracing() });
    await agent.sendMessage("?", ids);
    expect(recorder.tree()).toBe("invoke_agent a\n  chat m !network\n  chat m\n");
  });

  it("says how a run failed", async () => {
    const model = scriptedModel([
      () => {
        throw new ModelError("no such model", { kind: "invalid-request", provider: "p", status: 404 });
      },
    ]);
    const agent = new Agent({ name: "a", model, ...tracing() });
    await expect(agent.sendMessage("?", ids)).rejects.toThrow("no such model");
    expect(recorder.tree()).toBe("invoke_agent a !invalid-request\n  chat scripted !invalid-request\n");
    expect(recorder.span("invoke_agent a").status).toEqual({ code: SpanStatusCode.ERROR, message: "no such model" });
    expect(recorder.attributes("invoke_agent a")).toMatchObject({ "millrace.stop_reason": "error" });
  });

  it("says how tools failed, also those that were never called", async () => {
    const fail = tool({
      name: "fail",
      description: "Fails",
      execute: () => {
        throw new RangeError("of Ada's secret");
      },
    });
    const slow = tool({ name: "slow", description: "Hangs", timeoutMs: 5, execute: () => new Promise(() => {}) });
    const parameters = { type: "object", properties: { n: { type: "number" } }, required: ["n"] };
    const strict = tool({ name: "strict", description: "Wants a number", parameters, execute: () => 1 });
    const refused = tool({ name: "refused", description: "Is refused", execute: () => 1 });
    const calls = ["fail", "slow", "strict", "refused", "unheard"].map((name) => ({ name, args: {} }));
    const agent = new Agent({
      name: "a",
      model: scriptedModel([{ toolCalls: calls }, "Sorry."]),
      tools: [fail, slow, strict, refused],
      toolExecution: { parallel: false },
      stop: { graceMs: 1 },
      authorize: ({ name }) => name !== "refused",
      ...tracing(),
    });
    await agent.sendMessage("?", ids);
    expect(recorder.tree()).toBe(
      [
        "invoke_agent a",
        "  chat scripted",
        "  execute_tool fail !failed",
        "  execute_tool slow !timeout",
        "  execute_tool strict !invalid-arguments",
        "  execute_tool refused !refused",
        "  execute_tool unheard !unknown-tool",
        "  chat scripted",
        "",
      ].join("\n"),
    );
    expect(JSON.stringify(recorder.spans.map(({ status, attributes }) => [status, attributes]))).not.toContain("Ada's");
  });

  it("does not call a stop an error, and ends the span of a tool that never returns", async () => {
    const hang = tool({ name: "hang", description: "Hangs", execute: () => new Promise(() => {}) });
    const model = scriptedModel([called("hang")]);
    const agent = new Agent({ name: "a", model, tools: [hang], stop: { graceMs: 1 }, ...tracing() });
    const run = agent.respond("?", ids);
    for await (const { type } of run) if (type === "tool-call-start") run.stop("enough");
    expect(recorder.tree()).toBe("invoke_agent a\n  chat scripted\n  execute_tool hang\n");
    expect(recorder.attributes("invoke_agent a")).toMatchObject({ "millrace.stop_reason": "stopped" });
    const [stopped] = recorder.span("invoke_agent a").events;
    expect(stopped).toMatchObject({ name: "millrace.stopped", attributes: { reason: "enough", by: "call" } });
  });

  it("notes what happened to the context and the budget", async () => {
    const agent = new Agent({
      name: "a",
      model: scriptedModel([called("fetch_page"), "Done."]),
      tools: [fetchPage],
      context: { maxTokens: 400, maxMessages: 2 },
      budget: { pricing: { scripted: { input: 1, output: 1 } }, maxToolCalls: 0 },
      ...tracing(),
    });
    const history = [
      { role: "user", content: "One?" },
      { role: "assistant", content: [{ type: "text", text: "One." }] },
    ] as const;
    await agent.sendMessage("Two?", { ...ids, history });
    const { events, attributes } = recorder.span("invoke_agent a");
    expect(events.map(({ name }) => name)).toContain("millrace.messages-dropped");
    expect(attributes["millrace.cost_usd"]).toBeGreaterThan(0);
  });

  it("follows generator tools through every step, and streaming tools from their beginning", async () => {
    const seen: string[] = [];
    const note = (what: string): void => void seen.push(`${what} in ${spanIn()}`);
    const steps = tool({
      name: "steps",
      description: "Takes steps",
      async *execute() {
        note("first");
        yield 1;
        await null;
        note("second");
        yield 2;
        return "done";
      },
    });
    const write = streamingTool({
      name: "write",
      description: "Writes",
      input: { type: "object", properties: { text: { type: "string" } } },
      async execute(partials) {
        note("begin");
        for await (const _ of partials) note("partial");
        return "written";
      },
    });
    const calls = [{ name: "steps" }, { name: "write", args: { text: "a long text that comes in pieces" } }];
    const model = scriptedModel([{ toolCalls: calls }, "Done."], { chunk: 4 });
    const agent = new Agent({ name: "a", model, tools: [steps, write], ...tracing() });
    await agent.sendMessage("?", ids);
    expect(new Set(seen)).toEqual(
      new Set([
        "first in execute_tool steps",
        "second in execute_tool steps",
        "begin in execute_tool write",
        "partial in execute_tool write",
      ]),
    );
    expect(recorder.tree()).toBe(
      "invoke_agent a\n  chat scripted\n  execute_tool write\n  execute_tool steps\n  chat scripted\n",
    );
  });

  it("never changes the context of the reader, or of hooks", async () => {
    const model = scriptedModel([called("fetch_page"), "Done."]);
    const seen = new Set<string>();
    const hooks = { onEvent: () => void seen.add(`hook in ${spanIn()}`) };
    const agent = new Agent({ name: "a", model, tools: [fetchPage], hooks, ...tracing() });
    await recorder.tracer.startActiveSpan("request", async (span) => {
      for await (const _ of agent.respond("?", ids)) seen.add(`reader in ${spanIn()}`);
      span.end();
    });
    expect(seen).toEqual(new Set(["hook in request", "reader in request"]));
    expect(recorder.tree().split("\n").slice(0, 2)).toEqual(["request", "  invoke_agent a"]);
  });

  it("belongs to the caller of respond(), whoever reads the stream", async () => {
    const agent = new Agent({ name: "a", model: scriptedModel(["Hello."]), ...tracing() });
    const run = recorder.tracer.startActiveSpan("caller", (span) => {
      span.end();
      return agent.respond("?", ids);
    });
    await recorder.tracer.startActiveSpan("reader", async (span) => {
      for await (const _ of run);
      span.end();
    });
    expect(recorder.tree()).toBe("caller\n  invoke_agent a\n    chat scripted\nreader\n");
  });

  it("traces what one call brings", async () => {
    const agent = new Agent({ name: "a", model: scriptedModel([]) });
    const model = scriptedModel([called("fetch_page"), "Done."], { id: "other" });
    await agent.sendMessage("?", { ...ids, ...tracing(), model: () => model, tools: [fetchPage] });
    expect(recorder.tree()).toBe("invoke_agent a\n  chat other\n  execute_tool fetch_page\n    GET\n  chat other\n");
  });

  it("never mixes users", async () => {
    const model: Model = {
      provider: "p",
      id: "m",
      stream: (request, options) => {
        const isAsked = request.messages.at(-1)?.role === "user";
        return scriptedModel([isAsked ? called("fetch_page") : "Done."], { delayMs: 1 }).stream(request, options);
      },
    };
    const agent = new Agent({ name: "a", model, tools: [fetchPage], ...tracing() });
    const users = Array.from({ length: 50 }, (_, index) => `user-${index}`);
    await Promise.all(users.map((userId) => agent.sendMessage("?", { userId, chatId: `chat of ${userId}` })));
    expect(recorder.spans).toHaveLength(50 * 5);
    const traces = new Map<string, ReadableSpan[]>();
    for (const span of recorder.spans) {
      const { traceId } = span.spanContext();
      traces.set(traceId, [...(traces.get(traceId) ?? []), span]);
    }
    expect(traces.size).toBe(50);
    for (const spans of traces.values()) {
      expect(recorder.tree(spans)).toBe("invoke_agent a\n  chat m\n  execute_tool fetch_page\n    GET\n  chat m\n");
      const owners = new Set(spans.map(({ attributes }) => attributes["user.id"]).filter((id) => id !== undefined));
      expect(owners.size).toBe(1);
    }
  });

  it("ends the span of a request whose reader leaves", async () => {
    const run = { id: "r", agentName: "a", userId: "u", chatId: "c" };
    const around = tracing().wrap({ type: "run-start", seq: 0, at: Date.now(), run, input: [], tools: [] });
    const model = around.model?.(scriptedModel(["One two three"], { id: "m" }));
    const request = { messages: [], tools: [], settings: {} };
    for await (const _ of model?.stream(request, { signal: AbortSignal.timeout(60_000) }) ?? []) break;
    expect(recorder.open).toEqual(["invoke_agent a"]);
    expect(recorder.tree()).toBe("chat m\n");
    recorder.reset();
  });

  it("sends the context on where a trace is not sampled", async () => {
    const parent = { traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 0, isRemote: true };
    let seen: string | undefined;
    const look = tool({
      name: "look",
      description: "Looks",
      execute: () => {
        seen = trace.getActiveSpan()?.spanContext().traceId;
      },
    });
    const agent = new Agent({
      name: "a",
      model: scriptedModel([called("look"), "Done."]),
      tools: [look],
      ...tracing(),
    });
    await context.with(trace.setSpanContext(context.active(), parent), () => agent.sendMessage("?", ids));
    expect(seen).toBe(parent.traceId);
    expect(recorder.spans).toEqual([]);
  });
});
