import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { Agent } from "./agent.ts";
import { debugPrinter } from "./debug.ts";
import { ModelError } from "./errors.ts";
import type { AgentEvent, RunInfo } from "./events.ts";
import { scriptedModel } from "./testing.ts";
import { tool } from "./tool.ts";
import { noUsage } from "./usage.ts";

const ids = { userId: "u1", chatId: "c1" };
const usage = { inputTokens: 57, outputTokens: 12 };

const getWeather = tool({
  name: "get_weather",
  description: "Get the weather",
  input: z.object({ city: z.string() }),
  execute({ city }) {
    if (city === "Atlantis") throw new Error("sunk, says Bearer abcdefghijkl");
    return { city, weather: "sunny" };
  },
});

/** Without what differs from run to run, the run's id, and without estimates. */
function stable(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/ [0-9a-f]{6}\]/, "]").replace(/about \d+/, "about …"));
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe("debug", () => {
  it("prints what happens in a run, one line each", async () => {
    const lines: string[] = [];
    const agent = new Agent({
      name: "helper",
      model: scriptedModel([
        {
          toolCalls: [
            { name: "get_weather", args: { city: "Tokyo" } },
            { name: "get_weather", args: { city: "Atlantis" } },
            { name: "get_wether", args: {} },
          ],
          usage,
        },
        { text: "Sunny.", usage: { ...usage, cacheReadTokens: 40, reasoningTokens: 5 } },
      ]),
      tools: [getWeather],
      toolExecution: { parallel: false },
      budget: { pricing: { scripted: { input: 1, output: 10 } } },
      debug: (line) => lines.push(line),
    });
    await agent.sendMessage("Weather in Tokyo\nand Atlantis?", { ...ids, userId: "somebody@example.org" });
    expect(stable(lines)).toEqual([
      "[helper] start · user somebody… · chat c1 · tools get_weather",
      '[helper] user · "Weather in Tokyo\\nand Atlantis?"',
      "[helper] request 1 · scripted scripted · 1 message · about … tokens · 1 tool",
      "[helper] answer 1 · 0 ms · calls get_weather, get_weather, get_wether",
      '[helper] tool get_weather call_1_1 · {"city":"Tokyo"}',
      '[helper] result get_weather call_1_1 · 0 ms · {"city":"Tokyo","weather":"sunny"}',
      '[helper] tool get_weather call_1_2 · {"city":"Atlantis"}',
      '[helper] error get_weather call_1_2 · 0 ms · failed · sunk, says Bearer … · {"city":"Atlantis"}',
      '[helper] error get_wether call_1_3 · 0 ms · unknown-tool · There is no tool named "get_wether". The tools are: get_weather. · {}',
      "[helper] turn 1 · tool-calls · 57 in, 12 out · $0.000177",
      "[helper] request 2 · scripted scripted · 5 messages · about … tokens · 1 tool",
      '[helper] answer 2 · 0 ms · "Sunny."',
      "[helper] turn 2 · stop · 57 in (40 cached), 12 out (5 reasoning) · $0.000177",
      "[helper] final · completed · 2 turns · 114 in (40 cached), 24 out (5 reasoning) · $0.000354 · 0 ms",
    ]);
  });

  it("prints a sub-agent under its parent, once, also where both print", async () => {
    vi.stubEnv("MILLRACE_DEBUG", "1");
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const inner = new Agent({ name: "inner", model: scriptedModel([{ text: "42", usage }]), debug: true });
    const toolCalls = [{ name: "inner", args: { input: "Six times seven?" } }];
    const outer = new Agent({
      name: "outer",
      model: scriptedModel([
        { toolCalls, usage },
        { text: "It is 42.", usage },
      ]),
      tools: [inner.asTool()],
    });
    await outer.sendMessage("Ask.", ids);
    expect(stable(log.mock.calls.map(String)).slice(4, 12)).toEqual([
      '[outer] tool inner call_1_1 · {"input":"Six times seven?"}',
      "  [inner] start · user u1 · chat c1",
      '  [inner] user · "Six times seven?"',
      "  [inner] request 1 · scripted scripted · 1 message · about … tokens · 0 tools",
      '  [inner] answer 1 · 0 ms · "42"',
      "  [inner] turn 1 · stop · 57 in, 12 out",
      "  [inner] final · completed · 1 turn · 57 in, 12 out · 0 ms",
      '[outer] result inner call_1_1 · 0 ms · "42"',
    ]);
    expect(log.mock.calls.filter(([line]) => String(line).includes("[inner"))).toHaveLength(6);
  });

  it("prints a sub-agent by itself where its parent does not print", async () => {
    const lines: string[] = [];
    const debug = (line: string): void => void lines.push(line);
    const inner = new Agent({ name: "inner", model: scriptedModel(["42"]), debug });
    const model = scriptedModel([{ toolCalls: [{ name: "inner", args: { input: "?" } }] }, "Done."]);
    await new Agent({ name: "outer", model, tools: [inner.asTool()] }).sendMessage("Ask.", ids);
    expect(stable(lines)[0]).toBe("[inner] start · user u1 · chat c1");
    expect(lines.filter((line) => line.includes("] start"))).toHaveLength(1);
  });

  it("says how a run was stopped or failed, without the key that the error quotes", async () => {
    const lines: string[] = [];
    const debug = (line: string): void => void lines.push(line);
    const error = new ModelError("p 401: no such key sk-abcdefghijklmnop", { kind: "auth", provider: "p" });
    const agent = new Agent({ name: "a", model: scriptedModel([{ text: "One two", usage }, { error }]), debug });
    for await (const event of agent.respond("?", ids)) if (event.type === "text-delta") break;
    await expect(agent.sendMessage("?", ids)).rejects.toThrow(error);
    expect(stable(lines).filter((line) => /\] (answer|stopped|final)/.test(line))).toEqual([
      '[a] answer 1 · 0 ms · "One "',
      "[a] stopped · by call · the reader left",
      "[a] final · stopped · 1 turn · about … in, 1 out · 0 ms",
      "[a] final · error · 1 turn · 0 in, 0 out · 0 ms · auth · p 401: no such key sk-…",
    ]);
  });

  it.each([
    ["1", undefined, true],
    ["true", undefined, true],
    ["0", undefined, false],
    ["false", undefined, false],
    ["", undefined, false],
    ["1", false, false],
    ["", true, true],
  ])("with MILLRACE_DEBUG=%s and the option %s prints: %s", async (variable, debug, prints) => {
    vi.stubEnv("MILLRACE_DEBUG", variable);
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const agent = new Agent({ name: "a", model: scriptedModel(["Hi"]) });
    await agent.sendMessage("?", { ...ids, ...(debug !== undefined && { debug }) });
    expect(log.mock.calls.length > 0).toBe(prints);
  });

  it("breaks nothing when the function that takes the lines throws", async () => {
    const errors: unknown[] = [];
    const agent = new Agent({
      name: "a",
      model: scriptedModel(["Hi"]),
      debug() {
        throw new Error("disk full");
      },
      hooks: { onHookError: (error) => errors.push(error) },
    });
    await expect(agent.sendMessage("?", ids)).resolves.toMatchObject({ output: "Hi" });
    expect(String(errors[0])).toContain("disk full");
  });

  it("refuses what it cannot use", () => {
    const options = { name: "a", model: scriptedModel([]), debug: "yes" };
    expect(() => Reflect.construct(Agent, [options])).toThrow("debug: expected true, false or a function");
  });
});

describe("the lines of", () => {
  const run: RunInfo = { id: "run_00000000", agentName: "a", ...ids };
  const said = new ModelError("p 429: slow down", { kind: "rate-limit", provider: "p" });
  const place = { seq: 0, at: 0, run };
  const cases: [AgentEvent, string][] = [
    [
      { type: "turn-start", turn: 3, model: { provider: "p", id: "m" }, messages: 5, tokens: 1, ...place },
      "request 3 · p m · 5 messages · about 1 token · 0 tools",
    ],
    [
      { type: "retry", attempt: 1, error: said, delayMs: 1000, ...place },
      "retry 1 · in 1000 ms · rate-limit · p 429: slow down",
    ],
    [
      { type: "model-switched", from: "p/big", to: "q/small", error: said, discardFrom: 4, ...place },
      "switched · p/big → q/small · rate-limit · p 429: slow down · what had arrived is void",
    ],
    [
      { type: "context-overflow", tokens: 9120, limit: 8000, by: "provider", ...place },
      "context · 9120 tokens > 8000 · by provider",
    ],
    [
      { type: "messages-dropped", messages: [{ role: "user", content: "Hi" }], summary: "They met.", ...place },
      'dropped · 1 message · summary "They met."',
    ],
    [
      { type: "budget-exceeded", by: "usd", spent: 1.02, limit: 1, spentUsd: 1.02, limitUsd: 1, ...place },
      "budget · $1.020000 of $1.000000",
    ],
    [
      { type: "budget-exceeded", by: "tokens", spent: 900, limit: 800, spentUsd: 0, ...place },
      "budget · 900 of 800 tokens",
    ],
    [{ type: "max-turns-reached", maxTurns: 10, ...place }, "max turns · 10"],
    [
      { type: "provider-tool", callId: "w", name: "web_search", state: "done", ...place },
      "provider tool · web_search done",
    ],
    [{ type: "file-output", file: { type: "image", url: "https://example.org/a" }, ...place }, "file · image"],
    [
      {
        type: "tool-call-start",
        callId: "call_0123456789",
        name: "log_in",
        args: { user: "u", password: "hunter2" },
        ...place,
      },
      'tool log_in 456789 · {"user":"u","password":"…"}',
    ],
    [
      { type: "tool-result", callId: "c", name: "f", args: {}, result: new Uint8Array(3), durationMs: 2, ...place },
      'result f c · 2 ms · "3 bytes"',
    ],
    [
      { type: "tool-result", callId: "c", name: "f", args: {}, result: "x".repeat(300), durationMs: 2, ...place },
      `result f c · 2 ms · "${"x".repeat(199)}…`,
    ],
    [
      { type: "turn-end", turn: 3, usage: { ...noUsage, estimated: true }, finishReason: "length", ...place },
      "turn 3 · length · about 0 in, 0 out",
    ],
    [{ type: "stopped", reason: "a\u001b[31mb\nc", by: "signal", ...place }, "stopped · by signal · a [31mb c"],
  ];

  it.each(cases.map(([event, line]) => [event.type, event, line] as const))("%s", (_, event, line) => {
    const lines: string[] = [];
    debugPrinter((text) => lines.push(text))(event);
    expect(lines).toEqual([`[a 000000] ${line}`]);
  });

  it("deltas: none", () => {
    const lines: string[] = [];
    debugPrinter((text) => lines.push(text))({ type: "text-delta", text: "a", part: 0, ...place });
    expect(lines).toEqual([]);
  });

  it("a value that has no JSON", () => {
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    const lines: string[] = [];
    const print = debugPrinter((text) => lines.push(text));
    print({ type: "tool-call-start", callId: "c", name: "f", args: circular, ...place });
    print({ type: "tool-call-start", callId: "c", name: "f", args: { big: 5n }, ...place });
    expect(lines[0]).toMatch(/^\[a 000000\] tool f c · a value that cannot be shown \(Converting circular structure/);
    expect(lines[1]).toBe('[a 000000] tool f c · {"big":"5"}');
  });
});
