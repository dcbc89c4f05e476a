import { ConfigError } from "millrace/provider";
import { describe, expect, it } from "vitest";
import { toResponsesInput } from "./encode-responses.ts";
import { fromResponsesInput } from "./from-responses-input.ts";

const call = { type: "function_call", call_id: "a", name: "f", arguments: '{"a":1}' };

describe("fromResponsesInput", () => {
  it("and toResponsesInput are inverse", () => {
    const input = [
      { role: "developer", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "input_text", text: "See" },
          { type: "input_image", image_url: "https://a.example/a.png", detail: "low" },
          { type: "input_file", file_id: "file-1" },
          { type: "input_audio", input_audio: { data: "BBBB", format: "wav" } },
        ],
      },
      { type: "reasoning", id: "rs_1", encrypted_content: "e==", summary: [] },
      { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search" } },
      {
        type: "message",
        id: "msg_1",
        role: "assistant",
        status: "completed",
        phase: "commentary",
        content: [{ type: "output_text", text: "Let me look.", annotations: [] }],
      },
      { ...call, id: "fc_1", namespace: "n" },
      { type: "function_call_output", call_id: "a", output: "ok" },
      { role: "assistant", content: "So" },
      { role: "user", content: "Why?" },
    ];
    expect(toResponsesInput(fromResponsesInput(input))).toEqual(input);
  });

  it("takes a string, and reads the items of an answer as one message", () => {
    expect(fromResponsesInput("Hi")).toEqual([{ role: "user", content: "Hi" }]);
    const messages = fromResponsesInput([
      { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "Hm." }] },
      call,
      { type: "function_call_output", call_id: "a", output: [{ type: "input_text", text: "ok" }] },
    ]);
    expect(messages).toMatchObject([
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "Hm." },
          { type: "tool-call", callId: "a", args: { a: 1 } },
        ],
      },
      { role: "tool", callId: "a", name: "f", content: [{ type: "text", text: "ok" }] },
    ]);
  });

  it.each([
    [[null], "input[0]"],
    [[{ role: "user", content: "Hi" }, 7], "input[1]"],
    [[{ role: "robot", content: "Hi" }], "input[0].role"],
    [[{ role: "user" }], "input[0].content"],
    [[{ type: 1 }], "input[0].type"],
    [[{ type: "function_call", name: "f" }], "input[0]"],
    [[{ type: "function_call_output", call_id: "a", output: "ok" }], "input[0].call_id"],
    [[{ role: "assistant", content: [{ type: "sparkle" }] }], "input[0].content[0]"],
  ])("says what is wrong with %j", (input, option) => {
    expect(() => fromResponsesInput(input)).toThrow(expect.objectContaining({ option }));
    expect(() => fromResponsesInput(input)).toThrow(ConfigError);
  });
});
