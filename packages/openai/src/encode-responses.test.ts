import type { AssistantPart, Message, ModelRequest } from "millrace/provider";
import { describe, expect, it } from "vitest";
import { requestOf } from "../test/streams.ts";
import { encodeResponses } from "./encode-responses.ts";

const tool = { name: "f", description: "Does it", parameters: { type: "object", properties: {} } };
const encode = (request: Partial<ModelRequest>, model = "gpt-4o") =>
  encodeResponses(model, { ...requestOf(), ...request }, { provider: "p" });
const inputOf = (...messages: Message[]) => encode({ messages }).input;
const answer = (...content: AssistantPart[]): Message => ({ role: "assistant", content });
const own = (kept: object) => ({ providerData: { "openai-responses": { provider: "p", ...kept } } });
const sealed = { type: "reasoning", id: "rs_1", encrypted_content: "e==", summary: [] };
const reasoning: AssistantPart = { type: "reasoning", text: "", ...own({ item: sealed }) };
const call: AssistantPart = { type: "tool-call", callId: "call_1", name: "f", args: { a: 1 }, ...own({ id: "fc_1" }) };
const text: AssistantPart = { type: "text", text: "So", ...own({ id: "msg_1", phase: "final_answer" }) };

describe("a request", () => {
  it("is stateless", () => {
    expect(encode({ instructions: "Be brief." })).toEqual({
      model: "gpt-4o",
      input: [{ role: "user", content: "Hi" }],
      instructions: "Be brief.",
      stream: true,
      store: false,
    });
  });

  it("asks for encrypted reasoning where the model reasons", () => {
    const asks = (model: string, settings = {}) => "include" in encode({ settings }, model);
    for (const model of ["gpt-5", "gpt-5.5-mini", "o4-mini", "openai/gpt-5-nano", "openai.gpt-oss-20b", "codex-mini"]) {
      expect([model, asks(model)]).toEqual([model, true]);
    }
    for (const model of ["gpt-4o", "gpt-4.1", "chatgpt-4o-latest", "gpt-5-chat-latest", "my-deployment"]) {
      expect([model, asks(model)]).toEqual([model, false]);
    }
    expect(asks("my-deployment", { reasoning: { effort: "low" } })).toBe(true);
  });

  it("has the settings, and the provider's own last", () => {
    const settings = {
      temperature: 0,
      topP: 0.5,
      maxOutputTokens: 9,
      toolChoice: { tool: "f" },
      parallelToolCalls: true,
      reasoning: { effort: "low", summary: "auto" },
      provider: { store: true, include: ["x"] },
    } as const;
    expect(encode({ settings, tools: [tool] })).toMatchObject({
      temperature: 0,
      top_p: 0.5,
      max_output_tokens: 9,
      tools: [{ type: "function", ...tool, strict: false }],
      tool_choice: { type: "function", name: "f" },
      parallel_tool_calls: true,
      reasoning: { effort: "low", summary: "auto" },
      store: true,
      include: ["x"],
    });
  });

  it("asks for structured output", () => {
    const schema = { type: "object", properties: {}, additionalProperties: false };
    expect(encode({ output: { name: "answer", schema } }).text).toEqual({
      format: { type: "json_schema", name: "answer", schema: { ...schema, required: [] }, strict: true },
    });
  });
});

describe("input", () => {
  it("sends back what the API gave", () => {
    const search = { type: "web_search_call", id: "ws_1", status: "completed", action: {} };
    const item: AssistantPart = { type: "provider-tool", callId: "ws_1", name: "web_search", ...own({ item: search }) };
    expect(
      inputOf(answer(reasoning, item, text, call), { role: "tool", callId: "call_1", name: "f", content: "ok" }),
    ).toEqual([
      sealed,
      search,
      {
        type: "message",
        role: "assistant",
        id: "msg_1",
        phase: "final_answer",
        status: "completed",
        content: [{ type: "output_text", text: "So", annotations: [] }],
      },
      { type: "function_call", id: "fc_1", call_id: "call_1", name: "f", arguments: '{"a":1}' },
      { type: "function_call_output", call_id: "call_1", output: "ok" },
    ]);
  });

  it("drops reasoning that nothing follows", () => {
    expect(inputOf(answer(text, reasoning))).toHaveLength(1);
    expect(inputOf(answer(reasoning))).toEqual([]);
  });

  it("drops reasoning that the server cannot read, and the ids that would ask for it", () => {
    const lost: AssistantPart = { ...reasoning, ...own({ item: { ...sealed, encrypted_content: null } }) };
    expect(inputOf(answer(lost, call))).toEqual([
      { type: "function_call", call_id: "call_1", name: "f", arguments: '{"a":1}' },
    ]);
    const stored = encode({ messages: [answer(lost, call)], settings: { provider: { store: true } } }).input;
    expect(stored).toMatchObject([{ id: "rs_1" }, { id: "fc_1" }]);
    const open: AssistantPart = {
      ...reasoning,
      ...own({ item: { type: "reasoning", summary: [], content: [{ type: "reasoning_text", text: "Hm." }] } }),
    };
    expect(inputOf(answer(open, call))).toHaveLength(2);
  });

  it("tells who made a call again with its result", () => {
    const caller = { type: "program", caller_id: "call_0" };
    const input = inputOf(answer({ ...call, ...own({ caller }) }), {
      role: "tool",
      callId: "call_1",
      name: "f",
      content: "ok",
    });
    expect(input).toMatchObject([{ caller }, { caller, output: "ok" }]);
  });

  it("holds texts, images and files, also of tools", () => {
    const content: Extract<Message, { role: "user" }>["content"] = [
      { type: "text", text: "See" },
      { type: "image", url: "https://a.example/a.png" },
      { type: "image", fileId: "file-1", detail: "high" },
      { type: "file", url: "https://a.example/a.pdf" },
      { type: "file", data: "CCCC", mediaType: "application/pdf", filename: "c.pdf" },
    ];
    const sent = [
      { type: "input_text", text: "See" },
      { type: "input_image", image_url: "https://a.example/a.png", detail: "auto" },
      { type: "input_image", file_id: "file-1", detail: "high" },
      { type: "input_file", file_url: "https://a.example/a.pdf" },
      { type: "input_file", filename: "c.pdf", file_data: "data:application/pdf;base64,CCCC" },
    ];
    const input = inputOf({ role: "user", content }, answer(call), {
      role: "tool",
      callId: "call_1",
      name: "f",
      content,
    });
    expect(input).toMatchObject([{ role: "user", content: sent }, {}, { output: sent }]);
  });

  it("of another provider has no ids and no reasoning", () => {
    const foreign = {
      providerData: { anthropic: { signature: "s==" }, "openai-responses": { provider: "q", id: "msg_9" } },
    };
    const id = "toolu_".padEnd(90, "x");
    const input = inputOf(
      { role: "system", content: "Be brief." },
      answer(
        { type: "reasoning", text: "Hm.", ...foreign },
        { type: "text", text: "A", ...foreign },
        { type: "text", text: "B" },
        { type: "provider-tool", callId: "srv", name: "s", ...foreign },
        { type: "refusal", text: "No." },
        { type: "tool-call", callId: id, name: "f", args: {}, invalidArgs: "{" },
      ),
      { role: "tool", callId: id, name: "f", content: "bad", isError: true },
    );
    const sentId = expect.stringMatching(/^call_[a-z0-9]{24}$/);
    expect(input).toEqual([
      { role: "system", content: "Be brief." },
      { role: "assistant", content: "AB" },
      { type: "message", role: "assistant", content: [{ type: "refusal", refusal: "No." }] },
      { type: "function_call", call_id: sentId, name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: sentId, output: "bad" },
    ]);
  });
});
