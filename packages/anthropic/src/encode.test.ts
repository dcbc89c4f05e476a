import type { Message, ModelRequest, ModelSettings } from "millrace/provider";
import { describe, expect, it } from "vitest";
import { request } from "../test/requests.ts";
import { type EncodeOptions, encode } from "./encode.ts";

const options: EncodeOptions = { model: "claude-sonnet-4-6", maxOutputTokens: 32_000, cache: false };
const weather = { name: "get_weather", description: "The weather", parameters: { type: "object", properties: {} } };

function withSettings(settings: ModelSettings, model = options.model): Record<string, unknown> {
  return { ...encode(request({ settings, tools: [weather] }), { ...options, model }) };
}

describe("settings", () => {
  it("are left out where they are not given", () => {
    expect(encode(request(), options)).toEqual({
      model: "claude-sonnet-4-6",
      max_tokens: 32_000,
      messages: [{ role: "user", content: [{ type: "text", text: "Hello" }] }],
      stream: true,
    });
  });

  it("have the names of the API", () => {
    const settings = { temperature: 0.5, topP: 0.9, topK: 40, maxOutputTokens: 500, stopSequences: ["END"], seed: 1 };
    expect(withSettings(settings)).toMatchObject({
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      max_tokens: 500,
      stop_sequences: ["END"],
    });
    expect(withSettings(settings)).not.toHaveProperty("seed");
  });

  it.for([
    [{ toolChoice: "auto" }, { type: "auto" }],
    [{ toolChoice: "none" }, { type: "none" }],
    [{ toolChoice: "required" }, { type: "any" }],
    [{ toolChoice: { tool: "get_weather" } }, { type: "tool", name: "get_weather" }],
    [{ parallelToolCalls: false }, { type: "auto", disable_parallel_tool_use: true }],
    [
      { toolChoice: "required", parallelToolCalls: false },
      { type: "any", disable_parallel_tool_use: true },
    ],
    [{}, undefined],
  ] as const)("%j choose %j", ([settings, choice]) => {
    expect(withSettings(settings)["tool_choice"]).toEqual(choice);
    expect(encode(request({ settings }), options)).not.toHaveProperty("tool_choice");
  });

  it("of the vendor go in last, its tools and output_config beside ours", () => {
    const search = { type: "web_search_20250305", name: "web_search" };
    const body = withSettings({
      maxOutputTokens: 500,
      reasoning: { effort: "low" },
      provider: { max_tokens: 9, metadata: { user_id: "u" }, tools: [search], output_config: { task_budget: 1 } },
    });
    expect(body).toMatchObject({
      max_tokens: 9,
      metadata: { user_id: "u" },
      output_config: { effort: "low", task_budget: 1 },
    });
    expect(body["tools"]).toEqual([expect.objectContaining({ name: "get_weather" }), search]);
  });
});

describe("thinking", () => {
  it("is adaptive with an effort where the model knows it", () => {
    for (const model of ["claude-sonnet-4-6", "claude-opus-4-7", "claude-opus-5", "claude-haiku-5-5"]) {
      const body = withSettings({ temperature: 0.5, reasoning: { effort: "high", summary: "auto" } }, model);
      expect(body).toMatchObject({
        thinking: { type: "adaptive", display: "summarized" },
        output_config: { effort: "high" },
      });
      expect(body).not.toHaveProperty("temperature");
    }
    expect(withSettings({ reasoning: { effort: "minimal" } })["output_config"]).toEqual({ effort: "low" });
  });

  it("has a budget on older models, and on other vendors' ", () => {
    const older = ["claude-3-7-sonnet-20250219", "claude-sonnet-4-0", "claude-sonnet-4-20250514", "claude-opus-4-1"];
    for (const model of [...older, "claude-haiku-4-5-20251001", "claude-sonnet-4@20250514", "glm-4.6"]) {
      const body = withSettings({ reasoning: { effort: "medium" } }, model);
      expect(body["thinking"]).toEqual({ type: "enabled", budget_tokens: 8192 });
      expect(body).not.toHaveProperty("output_config");
    }
  });

  it("fits its budget below max_tokens, or says that it does not", () => {
    const thinking = { type: "enabled", budget_tokens: 5000 };
    expect(withSettings({ reasoning: { budgetTokens: 5000 } })).toMatchObject({ thinking, max_tokens: 32_000 });
    expect(withSettings({ reasoning: { budgetTokens: 60_000 } })).toMatchObject({ max_tokens: 64_096 });
    expect(() => withSettings({ maxOutputTokens: 5000, reasoning: { budgetTokens: 5000 } })).toThrow(
      "settings.maxOutputTokens: expected more than the 5000 tokens that the model may think, got 5000",
    );
  });

  it("can be turned off", () => {
    expect(withSettings({ temperature: 0.5, reasoning: { effort: "none" } })).toMatchObject({
      thinking: { type: "disabled" },
      temperature: 0.5,
    });
  });

  it("waits within an answer that began without it", () => {
    const messages: Message[] = [
      { role: "user", content: "Hi" },
      { role: "assistant", content: [{ type: "tool-call", callId: "c", name: "get_weather", args: {} }] },
      { role: "tool", callId: "c", name: "get_weather", content: "Sunny" },
    ];
    const settings = { reasoning: { budgetTokens: 2000 } };
    expect(encode(request({ messages, settings }), options)).not.toHaveProperty("thinking");
    const next: Message[] = [...messages, { role: "user", content: "And?" }];
    expect(encode(request({ messages: next, settings }), options)).toHaveProperty("thinking");
  });
});

describe("schemas", () => {
  it("of an output are held to what the provider can enforce", () => {
    const schema = { type: "object", properties: { n: { type: "number", minimum: 1 } }, required: ["n"] };
    const body = encode(request({ output: { name: "answer", schema } }), options);
    expect(body.output_config?.format).toMatchObject({
      type: "json_schema",
      schema: { type: "object", additionalProperties: false, required: ["n"], properties: { n: { type: "number" } } },
    });
    expect(() => encode(request({ output: { name: "answer", schema: {} } }), options)).toThrow(/^output: /);
  });

  it("of tools go as they are, but for strict ones", () => {
    const strict = { ...weather, strict: true };
    expect(encode(request({ tools: [weather, strict] }), options).tools).toEqual([
      { name: "get_weather", description: "The weather", input_schema: { type: "object", properties: {} } },
      {
        name: "get_weather",
        description: "The weather",
        input_schema: { type: "object", properties: {}, additionalProperties: false },
        strict: true,
      },
    ]);
  });
});

describe("the prompt cache", () => {
  const messages: Message[] = [
    { role: "user", content: "One" },
    { role: "assistant", content: [{ type: "text", text: "Two" }] },
    { role: "user", content: "Three" },
    { role: "assistant", content: [{ type: "tool-call", callId: "c", name: "get_weather", args: {} }] },
    { role: "tool", callId: "c", name: "get_weather", content: "Sunny" },
  ];
  const asked: ModelRequest = request({ messages, instructions: "Be brief.", tools: [weather] });

  it("is marked at four places", () => {
    const body = encode(asked, { ...options, cache: "auto" });
    const cache_control = { type: "ephemeral" };
    expect(body.tools?.at(-1)).toHaveProperty("cache_control", cache_control);
    expect(body.system?.at(-1)).toHaveProperty("cache_control", cache_control);
    expect(body.messages[2]?.content[0]).toHaveProperty("cache_control", cache_control);
    expect(body.messages[4]?.content[0]).toHaveProperty("cache_control", cache_control);
    expect(JSON.stringify(body).match(/cache_control/g)).toHaveLength(4);
  });

  it("can live longer, or not at all", () => {
    const body = encode(asked, { ...options, cache: { ttl: "1h" } });
    expect(body.system?.at(-1)).toHaveProperty("cache_control", { type: "ephemeral", ttl: "1h" });
    expect(JSON.stringify(encode(asked, options))).not.toContain("cache_control");
  });
});

describe("a container", () => {
  it("is used again while the answer goes on", () => {
    const answer: Message = {
      role: "assistant",
      content: [{ type: "text", text: "A" }],
      providerData: { anthropic: { container: "c_1" } },
    };
    const question: Message = { role: "user", content: "Q" };
    expect(encode(request({ messages: [question, answer] }), options)).toHaveProperty("container", "c_1");
    expect(encode(request({ messages: [question, answer, question] }), options)).not.toHaveProperty("container");
  });
});
