import type { Message, ModelRequest } from "millrace/provider";
import { describe, expect, it } from "vitest";
import { requestOf } from "../test/streams.ts";
import { encodeChat, toOpenAIMessages } from "./encode-chat.ts";

const tool = { name: "f", description: "Does it", parameters: { type: "object", properties: {} } };
const encode = (request: Partial<ModelRequest>, dialect = {}) =>
  encodeChat("m", { ...requestOf(), ...request }, dialect);
const call = (callId: string, more = {}) => ({
  type: "tool-call" as const,
  callId,
  name: "f",
  args: { a: 1 },
  ...more,
});
const result = (callId: string, content: Extract<Message, { role: "tool" }>["content"] = "ok"): Message => ({
  role: "tool",
  callId,
  name: "f",
  content,
});

describe("a request", () => {
  it("asks for a stream with its usage", () => {
    expect(encode({})).toEqual({
      model: "m",
      messages: [{ role: "user", content: "Hi" }],
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it("has the settings, and the provider's own last", () => {
    const settings = {
      temperature: 0,
      topP: 0.5,
      maxOutputTokens: 9,
      seed: 1,
      stopSequences: ["x"],
      presencePenalty: 0,
      frequencyPenalty: 1,
      parallelToolCalls: false,
      toolChoice: { tool: "f" },
      reasoning: { effort: "low" },
      provider: { temperature: 1, service_tier: "flex", stream_options: undefined },
    } as const;
    expect(encode({ instructions: "Be brief.", tools: [tool], settings })).toEqual({
      model: "m",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi" },
      ],
      stream: true,
      stream_options: undefined,
      tools: [{ type: "function", function: tool }],
      tool_choice: { type: "function", function: { name: "f" } },
      parallel_tool_calls: false,
      temperature: 1,
      top_p: 0.5,
      max_completion_tokens: 9,
      seed: 1,
      stop: ["x"],
      presence_penalty: 0,
      frequency_penalty: 1,
      reasoning_effort: "low",
      service_tier: "flex",
    });
  });

  it("leaves out what needs tools where there are none", () => {
    const settings = { toolChoice: "auto", parallelToolCalls: true } as const;
    expect(Object.keys(encode({ settings }))).toEqual(["model", "messages", "stream", "stream_options"]);
  });

  it("asks for strict tools only where it is told to", () => {
    const [strict] = encode({ tools: [{ ...tool, strict: true }] }).tools ?? [];
    expect(strict).toMatchObject({
      function: { strict: true, parameters: { additionalProperties: false, required: [] } },
    });
  });

  it("asks for structured output in the way that the server takes", () => {
    const schema = { type: "object", properties: { a: { type: "string" } }, required: ["a"] };
    const output = { name: "answer", description: "An answer", schema };
    expect(encode({ output }).response_format).toEqual({
      type: "json_schema",
      json_schema: {
        name: "answer",
        description: "An answer",
        strict: true,
        schema: { ...schema, additionalProperties: false },
      },
    });
    const loose = encode({ output: { name: "answer", schema: { ...schema, required: [] } } });
    expect(loose.response_format).toMatchObject({ json_schema: { strict: false, schema: { required: [] } } });
    const told = encode({ output, instructions: "Be brief." }, { structuredOutputs: "json-object" });
    expect(told.response_format).toEqual({ type: "json_object" });
    expect(told.messages[0]).toMatchObject({
      role: "system",
      content: expect.stringMatching(/^Be brief\.\n\n.*JSON/s),
    });
    const prompted = encode({ output }, { structuredOutputs: "prompt" });
    expect(prompted.response_format).toBeUndefined();
    expect(prompted.messages[0]).toMatchObject({ content: expect.stringContaining(JSON.stringify(schema)) });
  });
});

describe("messages", () => {
  it("hold texts, images, audio and files", () => {
    const content: Extract<Message, { role: "user" }>["content"] = [
      { type: "text", text: "See" },
      { type: "image", url: "https://a.example/a.png", detail: "low" },
      { type: "image", data: "AAAA", mediaType: "image/jpeg" },
      { type: "image", fileId: "file-1" },
      { type: "file", data: "BBBB", mediaType: "audio/mpeg" },
      { type: "file", data: "CCCC", mediaType: "application/pdf", filename: "c.pdf" },
      { type: "file", fileId: "file-2" },
    ];
    expect(toOpenAIMessages([{ role: "user", content }])).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "See" },
          { type: "image_url", image_url: { url: "https://a.example/a.png", detail: "low" } },
          { type: "image_url", image_url: { url: "data:image/jpeg;base64,AAAA" } },
          { type: "file", file: { file_id: "file-1" } },
          { type: "input_audio", input_audio: { data: "BBBB", format: "mp3" } },
          { type: "file", file: { filename: "c.pdf", file_data: "data:application/pdf;base64,CCCC" } },
          { type: "file", file: { file_id: "file-2" } },
        ],
      },
    ]);
  });

  it("send files of tool results after all results of the turn", () => {
    const sent = toOpenAIMessages([
      { role: "assistant", content: [call("a"), call("b")] },
      result("a", [
        { type: "text", text: "Done" },
        { type: "image", data: "AAAA", mediaType: "image/png" },
      ]),
      result("b"),
      { role: "user", content: "And?" },
    ]);
    expect(sent.map((message) => message.role)).toEqual(["assistant", "tool", "tool", "user", "user"]);
    expect(sent[1]).toEqual({ role: "tool", tool_call_id: "a", content: "Done" });
    expect(sent[3]).toMatchObject({ content: [{ type: "text" }, { type: "image_url" }] });
  });

  it("of a cut or empty answer are valid or left out", () => {
    const reasoning = { type: "reasoning", text: "Hm." } as const;
    const sent = toOpenAIMessages([
      { role: "assistant", content: [] },
      { role: "assistant", content: [reasoning] },
      { role: "assistant", content: [{ type: "text", text: "" }] },
      { role: "assistant", content: [reasoning, { type: "text", text: "It is" }] },
      { role: "assistant", content: [call("a", { args: {}, invalidArgs: '{"a":' })] },
      { role: "tool", callId: "a", name: "f", content: "invalid JSON", isError: true },
    ]);
    expect(sent).toEqual([
      { role: "assistant", content: "It is" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }],
      },
      { role: "tool", tool_call_id: "a", content: "invalid JSON" },
    ]);
  });

  it("of another provider lose what only it can read", () => {
    const id = `toolu_${"x".repeat(80)}`;
    const history: Message[] = [
      { role: "user", content: "Hi" },
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "Hm.", providerData: { anthropic: { signature: "s==" } } },
          { type: "provider-tool", callId: "srv", name: "web_search", providerData: { anthropic: { block: {} } } },
          { type: "text", text: "Let me ", providerData: { "openai-responses": { id: "msg_1" } } },
          { type: "source", url: "https://a.example" },
          { type: "text", text: "look." },
          call(id, { providerData: { anthropic: { x: 1 } } }),
        ],
      },
      result(id),
      { role: "assistant", content: [{ type: "refusal", text: "I can't." }] },
    ];
    const sent = encodeChat("m", requestOf(...history), { provider: "openai" }).messages;
    const [, answer, output, refusal] = sent;
    expect(Object.keys(answer ?? {})).toEqual(["role", "content", "tool_calls"]);
    expect(answer).toMatchObject({ content: "Let me look." });
    const sentId = output?.role === "tool" ? output.tool_call_id : "";
    expect(sentId.length).toBeLessThanOrEqual(40);
    expect(answer).toMatchObject({ tool_calls: [{ id: sentId }] });
    expect(refusal).toEqual({ role: "assistant", content: [{ type: "refusal", refusal: "I can't." }] });
    expect(encodeChat("m", requestOf(...history), { refusals: false }).messages[3]).toEqual({
      role: "assistant",
      content: "I can't.",
    });
  });

  it("send reasoning back the way it came, to whom it came from", () => {
    const thought = (field: string, more = {}): Message => ({
      role: "assistant",
      content: [
        { type: "reasoning", text: "Hm.", providerData: { "openai-chat": { provider: "p", field, ...more } } },
        { type: "text", text: "So" },
      ],
    });
    const send = (message: Message, provider = "p") => encodeChat("m", requestOf(message), { provider }).messages[0];
    const details = [{ type: "reasoning.text", text: "Hm.", signature: "s==" }];
    expect(send(thought("reasoning_content"))).toMatchObject({ content: "So", reasoning_content: "Hm." });
    expect(send(thought("reasoning", { details }))).toMatchObject({ reasoning: "Hm.", reasoning_details: details });
    expect(send(thought("reasoning_details", { details }))).toEqual({
      role: "assistant",
      content: "So",
      reasoning_details: details,
    });
    expect(send(thought("think"))).toMatchObject({ content: "<think>Hm.</think>So" });
    expect(send(thought("thinking"))).toEqual({
      role: "assistant",
      content: [
        { type: "thinking", thinking: [{ type: "text", text: "Hm." }] },
        { type: "text", text: "So" },
      ],
    });
    for (const field of ["reasoning_content", "reasoning", "reasoning_details", "think", "thinking"]) {
      expect(send(thought(field, { details }), "q")).toEqual({ role: "assistant", content: "So" });
    }
  });

  it("send calls back with their signature and their own long id", () => {
    const id = "call_".padEnd(300, "x");
    const own = { provider: "p", extra_content: { google: { thought_signature: "s==" } } };
    const history: Message[] = [
      { role: "assistant", content: [call(id, { providerData: { "openai-chat": own } })] },
      result(id),
    ];
    expect(encodeChat("m", requestOf(...history), { provider: "p" }).messages).toMatchObject([
      { tool_calls: [{ id, extra_content: own.extra_content }] },
      { tool_call_id: id },
    ]);
  });
});
