import OpenAI from "openai";
import type { ChatCompletionMessageParam, ChatCompletionTool } from "openai/resources";
import type { FunctionTool, ResponseInput } from "openai/resources/responses/responses";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../src/index.ts";

let simulator: Simulator;
let client: OpenAI;
beforeAll(async () => {
  simulator = await startSimulator();
  client = new OpenAI({ baseURL: simulator.baseURL, apiKey: "any", maxRetries: 0 });
});
afterAll(() => simulator.close());

const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const question = "What's the weather in Tokyo and London?";
const model = "simulated-small";
const run = (json: string): string => `Sunny, 22°C in ${JSON.parse(json).city}`;
const answer = "Sunny, 22°C in Tokyo. Sunny, 22°C in London.";

describe("Chat Completions", () => {
  const tools: ChatCompletionTool[] = [
    { type: "function", function: { name: "get_weather", strict: true, parameters } },
  ];

  it("streams calls side by side, then an answer", async () => {
    const messages: ChatCompletionMessageParam[] = [{ role: "user", content: question }];
    const first = client.chat.completions.stream({ model, messages, tools, stream_options: { include_usage: true } });
    const { choices, usage } = await first.finalChatCompletion();
    expect(choices[0]?.finish_reason).toBe("tool_calls");
    expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0));
    const calls = choices[0]?.message.tool_calls?.filter((call) => call.type === "function") ?? [];
    expect(calls.map((call) => call.function.arguments)).toEqual(['{"city":"Tokyo"}', '{"city":"London"}']);

    messages.push({ role: "assistant", content: null, tool_calls: calls });
    for (const call of calls)
      messages.push({ role: "tool", tool_call_id: call.id, content: run(call.function.arguments) });
    let text = "";
    let chunks = 0;
    for await (const chunk of await client.chat.completions.create({ model, messages, tools, stream: true })) {
      expect(chunk.usage).toBeUndefined();
      text += chunk.choices[0]?.delta.content ?? "";
      if (chunk.choices[0]?.delta.content) chunks += 1;
    }
    expect(text).toBe(answer);
    expect(chunks).toBe(answer.split(" ").length);
  });

  it("answers whole, with reasoning and with JSON", async () => {
    const { choices, usage } = await client.chat.completions.create({
      model,
      reasoning_effort: "low",
      messages: [{ role: "user", content: "Ada Lovelace is 36" }],
      response_format: {
        type: "json_schema",
        json_schema: {
          name: "person",
          schema: {
            type: "object",
            properties: { name: { type: "string" }, age: { type: "integer" } },
            required: ["name", "age"],
          },
        },
      },
    });
    expect(choices[0]?.finish_reason).toBe("stop");
    expect(JSON.parse(choices[0]?.message.content ?? "")).toEqual({ name: "Ada Lovelace", age: 36 });
    expect(choices[0]?.message).toMatchObject({ reasoning_content: expect.stringContaining("Ada") });
    expect(usage?.completion_tokens_details?.reasoning_tokens).toBeGreaterThan(0);
  });

  it("takes the images behind a result for a part of it", async () => {
    const call = {
      id: "a",
      type: "function" as const,
      function: { name: "get_weather", arguments: '{"city":"Rome"}' },
    };
    const { choices } = await client.chat.completions.create({
      model,
      tools,
      messages: [
        { role: "user", content: "Weather in Rome as an image" },
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: "a", content: "The map of Rome:" },
        {
          role: "user",
          content: [
            { type: "text", text: "get_weather made:" },
            { type: "image_url", image_url: { url: "https://x.com/a" } },
          ],
        },
      ],
    });
    expect(choices[0]?.message.content).toBe("The map of Rome: [image].");
  });
});

describe("Responses", () => {
  const tools: FunctionTool[] = [{ type: "function", name: "get_weather", strict: true, parameters }];
  const thinking = {
    model,
    tools,
    store: false,
    reasoning: { effort: "low", summary: "auto" },
    include: ["reasoning.encrypted_content"],
  } as const;

  it("streams reasoning and calls, then an answer", async () => {
    const input: ResponseInput = [{ role: "user", content: question }];
    const first = await client.responses
      .stream({ ...thinking, tools: [...tools], include: [...thinking.include], input })
      .finalResponse();
    expect(first.status).toBe("completed");
    expect(first.output.map(({ type }) => type)).toEqual(["reasoning", "function_call", "function_call"]);
    for (const item of first.output) {
      if (item.type === "reasoning") expect(item.summary[0]?.text).toContain("get_weather");
      if (item.type === "reasoning" || item.type === "function_call") input.push(item);
    }
    for (const item of first.output) {
      if (item.type === "function_call")
        input.push({ type: "function_call_output", call_id: item.call_id, output: run(item.arguments) });
    }
    const second = client.responses.stream({ ...thinking, tools: [...tools], include: [...thinking.include], input });
    let text = "";
    second.on("response.output_text.delta", ({ delta }) => {
      text += delta;
    });
    expect((await second.finalResponse()).output_text).toBe(answer);
    expect(text).toBe(answer);

    const changed = input.map((item) =>
      "encrypted_content" in item ? { ...item, encrypted_content: "gAAAAAforged" } : item,
    );
    await expect(
      client.responses.create({ ...thinking, tools: [...tools], include: [...thinking.include], input: changed }),
    ).rejects.toThrow(/could not be verified/);
  });

  it("answers whole, and says that it was cut off", async () => {
    const { output_text, usage } = await client.responses.create({ model, input: "Hi" });
    expect(output_text).toContain("“Hi”");
    expect(usage?.total_tokens).toBeGreaterThan(10);
    const cut = await client.responses.create({ model, input: "Hi", max_output_tokens: 16 });
    expect([cut.status, cut.incomplete_details?.reason]).toEqual(["incomplete", "max_output_tokens"]);
  });
});

describe("the server", () => {
  it("lists its models", async () => {
    const { data } = await client.models.list();
    expect(data.map(({ id }) => id)).toContain(model);
  });

  it("refuses as OpenAI does", async () => {
    const ask = (more: object) =>
      client.chat.completions.create({ model, messages: [{ role: "user", content: "Hi" }], ...more });
    await expect(ask({ model: "no-such-model" })).rejects.toMatchObject({ status: 404, code: "model_not_found" });
    await expect(ask({ messages: [] })).rejects.toMatchObject({ status: 400, type: "invalid_request_error" });
    const post = (headers: Record<string, string>, body: string, path = "/chat/completions") =>
      fetch(simulator.baseURL + path, { method: "POST", headers, body });
    const key = { authorization: "Bearer k" };
    expect((await post({}, "{}")).status).toBe(401);
    expect((await post({ authorization: "Bearer invalid" }, "{}")).status).toBe(401);
    expect((await post(key, "{")).status).toBe(400);
    expect((await post(key, "{}", "/nothing")).status).toBe(404);
  });

  it("keeps the requests", async () => {
    await client.chat.completions.create({ model, messages: [{ role: "user", content: "Remember me" }] });
    expect(simulator.requests.at(-1)).toMatchObject({ messages: [{ content: "Remember me" }] });
    for (let index = 0; index < 101; index += 1) await client.responses.create({ model, input: `${index}` });
    expect(simulator.requests).toHaveLength(100);
  });
});
