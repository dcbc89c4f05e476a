import { describe, expect, it } from "vitest";
import { Agent } from "./agent.ts";
import { ConfigError } from "./errors.ts";
import { scriptedModel } from "./testing.ts";
import { tool } from "./tool.ts";

const secret = "sk-secret-0123456789";
const good = { name: "a", model: scriptedModel([]) };

function errorOf(action: () => unknown): ConfigError {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("expected a ConfigError, nothing was thrown");
}

const wrong: [option: string, value: unknown][] = [
  ["name", ""],
  ["name", undefined],
  ["name", 7],
  ["description", " "],
  ["model", undefined],
  ["model", null],
  ["model", secret],
  ["model", { apiKey: secret }],
  ["instructions", 7],
  ["instructions", [secret]],
  ["tools", {}],
  ["tools[0]", [null]],
  ["tools[0]", [secret]],
  ["tools[0]", [{ name: "x", execute: secret }]],
  ["tools[1][0]", [[], [{}]]],
  ["tools[0].tools", [{ tools: secret }]],
  ["tools", [named("same"), { tools: [named("same")] }]],
  ["output", secret],
  ["output", null],
  ["outputRetries", -1],
  ["settings", []],
  ["settings.temperature", secret],
  ["settings.temperature", Number.NaN],
  ["settings.maxOutputTokens", 0],
  ["settings.toolChoice", "always"],
  ["settings.toolChoice.name", "x"],
  ["settings.stopSequences", "x"],
  ["settings.stopSequences[1]", { stopSequences: ["x", 7] }],
  ["settings.reasoning.budgetTokens", 1.5],
  ["settings.maxTokens", 5],
  ["toolExecution.parallel", "yes"],
  ["toolExecution.maxConcurrency", 0],
  ["toolExecution.timeoutMs", -1],
  ["timeouts.idleMs", 0],
  ["timeouts.firstEventMs", Number.NaN],
  ["timeouts.requestMs", secret],
  ["timeouts.runMs", null],
  ["timeouts.totalMs", 5],
  ["authorize", true],
  ["maxTurns", 0],
  ["maxTurns", 1.5],
  ["maxTurns", "10"],
  ["stop.check", secret],
  ["stop.everyMs", 0],
  ["stop.graceMs", -1],
  ["budget.maxUsd", -1],
  ["budget.onExceeded", "warn"],
  ["hooks", secret],
  ["hooks", [null]],
  ["hooks.onFinal", secret],
  ["apiKey", secret],
  ["constructor", secret],
];

function named(name: string): unknown {
  return tool({ name, description: "x", execute: () => "" });
}

describe("agent options", () => {
  for (const [option, value] of wrong) {
    const given = String(option.split(/[.[]/)[0]);
    it(`names ${option} where it is ${JSON.stringify(value)}`, () => {
      const options = nest(option.includes("[") || Array.isArray(value) ? given : option, value);
      const error = errorOf(() => Reflect.construct(Agent, [{ ...good, ...options }]));
      expect(error.option).toBe(option);
      expect(error.message).toContain(option);
      expect(error.message).not.toContain(secret);
    });
  }

  it("refuses options that are none", () => {
    for (const options of [undefined, null, "agent", []]) {
      expect(errorOf(() => Reflect.construct(Agent, [options])).option).toBe("options");
      expect(errorOf(() => Reflect.apply(tool, undefined, [options])).message).toMatch(/^tool/);
    }
  });

  it("says which number came", () => {
    for (const maxTurns of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(errorOf(() => new Agent({ ...good, maxTurns })).message).toContain(`got ${maxTurns}`);
    }
  });

  it("takes all that is right", () => {
    const agent = new Agent({
      ...good,
      description: "Helps",
      instructions: async () => "Be brief.",
      tools: [[tool({ name: "x", description: "x", execute: () => "" })], { tools: [] }],
      output: { type: "object" },
      settings: { temperature: 0, toolChoice: { tool: "x" }, reasoning: { effort: "low" }, provider: { any: 1 } },
      timeouts: { runMs: Number.POSITIVE_INFINITY },
      hooks: [{}, { onFinal: () => {} }],
      stop: { check: () => false, graceMs: 0 },
    });
    expect(agent.with({ name: "b" }).name).toBe("b");
    expect(agent.name).toBe("a");
  });
});

describe("options of a call", () => {
  const agent = new Agent({ name: "a", model: scriptedModel([]) });
  const calls: [option: string, options: Record<string, unknown>][] = [
    ["userId", { chatId: "c" }],
    ["userId", { userId: "", chatId: "c" }],
    ["userId", { userId: 7, chatId: "c" }],
    ["chatId", { userId: "u" }],
    ["history", { userId: "u", chatId: "c", history: secret }],
    [
      "history[1]",
      {
        userId: "u",
        chatId: "c",
        history: [
          { role: "user", content: "" },
          { role: "robot", content: "" },
        ],
      },
    ],
    ["signal", { userId: "u", chatId: "c", signal: new AbortController() }],
    ["maxTurns", { userId: "u", chatId: "c", maxTurns: -1 }],
    ["tools[0]", { userId: "u", chatId: "c", tools: [{}] }],
    ["name", { userId: "u", chatId: "c", name: "b" }],
    ["user", { userId: "u", chatId: "c", user: secret }],
  ];
  for (const [option, options] of calls) {
    it(`name ${option} in ${JSON.stringify(options)}`, () => {
      const error = errorOf(() => Reflect.apply(agent.respond, agent, ["Hi", options]));
      expect(error.option).toBe(option);
      expect(error.message).not.toContain(secret);
    });
  }

  it("are compulsory", () => {
    errorOf(() => Reflect.apply(agent.respond, agent, ["Hi"]));
    errorOf(() => Reflect.apply(agent.chat, agent, [{ userId: "u" }]));
  });

  it("come with something to answer", () => {
    const ids = { userId: "u", chatId: "c" };
    for (const input of ["", " ", [], undefined, null, [{ role: "assistant", content: "hi" }]]) {
      expect(errorOf(() => Reflect.apply(agent.respond, agent, [input, ids])).option).toMatch(/^input/);
    }
  });
});

describe("tool options", () => {
  const right = { name: "look", description: "Looks", execute: () => "" };
  const wrongTools: [option: RegExp, options: Record<string, unknown>][] = [
    [/^tool\.name/, { ...right, name: "" }],
    [/^tool\.name/, { ...right, name: "look up" }],
    [/^tool\.name/, { ...right, name: "x".repeat(65) }],
    [/description/, { ...right, description: "" }],
    [/execute/, { ...right, execute: secret }],
    [/timeoutMs/, { ...right, timeoutMs: 0 }],
    [/input/, { ...right, input: secret }],
    [/input/, { ...right, input: { type: "array" } }],
    [/input/, { ...right, input: { type: "object" }, parameters: { type: "object" } }],
  ];
  for (const [option, options] of wrongTools) {
    it(`names ${option.source} of ${JSON.stringify(options)}`, () => {
      const error = errorOf(() => Reflect.apply(tool, undefined, [options]));
      expect(error.message).toMatch(option);
      expect(error.message).not.toContain(secret);
    });
  }
});

function nest(path: string, value: unknown): Record<string, unknown> {
  const [key = "", ...rest] = path.split(".");
  return { [key]: rest.length > 0 ? nest(rest.join("."), value) : value };
}
