import { ConfigError } from "millrace/provider";
import { describe, expect, it } from "vitest";
import { toOpenAIMessages } from "./encode-chat.ts";
import { fromOpenAIMessages } from "./from-openai-messages.ts";

const call = { id: "a", type: "function", function: { name: "f", arguments: '{"a":1}' } };

describe("fromOpenAIMessages", () => {
  it("and toOpenAIMessages are inverse", () => {
    const messages = [
      { role: "developer", content: "Be brief." },
      { role: "system", content: "Be kind." },
      {
        role: "user",
        name: "ann",
        content: [
          { type: "text", text: "See" },
          { type: "image_url", image_url: { url: "https://a.example/a.png", detail: "low" } },
          { type: "input_audio", input_audio: { data: "BBBB", format: "wav" } },
          { type: "file", file: { file_id: "file-1" } },
          { type: "file", file: { filename: "c.pdf", file_data: "data:application/pdf;base64,CCCC" } },
          { type: "document_url", document_url: "https://a.example/a.pdf" },
        ],
      },
      { role: "assistant", content: "Let me look.", reasoning_content: "Hm.", tool_calls: [call] },
      { role: "tool", tool_call_id: "a", content: "ok" },
      {
        role: "assistant",
        content: "So",
        reasoning: "Hm.",
        reasoning_details: [{ type: "reasoning.text", text: "Hm.", signature: "s==" }],
      },
      { role: "assistant", content: [{ type: "refusal", refusal: "I can't." }] },
      { role: "user", content: "Why?" },
    ];
    expect(toOpenAIMessages(fromOpenAIMessages(messages))).toEqual(messages);
  });

  it("gives our messages", () => {
    const messages = fromOpenAIMessages([
      { role: "assistant", content: null, refusal: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "a", content: [{ type: "text", text: "ok" }] },
      { role: "assistant", content: "No", refusal: "I can't." },
    ]);
    expect(messages).toEqual([
      { role: "assistant", content: [{ type: "tool-call", callId: "a", name: "f", args: { a: 1 } }] },
      { role: "tool", callId: "a", name: "f", content: [{ type: "text", text: "ok" }] },
      {
        role: "assistant",
        content: [
          { type: "text", text: "No" },
          { type: "refusal", text: "I can't." },
        ],
      },
    ]);
  });

  it("reads the form from before tool_calls", () => {
    const messages = fromOpenAIMessages([
      { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } },
      { role: "function", name: "f", content: "ok" },
    ]);
    expect(toOpenAIMessages(messages)).toMatchObject([
      { tool_calls: [{ id: "call_f", function: { name: "f" } }] },
      { role: "tool", tool_call_id: "call_f", content: "ok" },
    ]);
  });

  it.each([
    [[null], "messages[0]"],
    [[{ role: "user", content: "Hi" }, "Hi"], "messages[1]"],
    [[{ content: "Hi" }], "messages[0].role"],
    [[{ role: "user" }], "messages[0].content"],
    [[{ role: "user", content: [{ text: "Hi" }] }], "messages[0].content[0]"],
    [[{ role: "assistant", content: 7 }], "messages[0].content"],
    [[{ role: "assistant", content: [{ type: "image_url" }] }], "messages[0].content[0]"],
    [[{ role: "assistant", tool_calls: [{ id: "a" }] }], "messages[0].tool_calls[0]"],
    [[{ role: "tool", tool_call_id: "a", content: "ok" }], "messages[0].tool_call_id"],
  ])("says what is wrong with %j", (messages, option) => {
    expect(() => fromOpenAIMessages(messages)).toThrow(expect.objectContaining({ option }));
    expect(() => fromOpenAIMessages(messages)).toThrow(ConfigError);
  });
});
