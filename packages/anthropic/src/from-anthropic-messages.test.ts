import { ConfigError } from "millrace/provider";
import { describe, expect, it } from "vitest";
import { toAnthropicMessages } from "./encode-messages.ts";
import { fromAnthropicMessages } from "./from-anthropic-messages.ts";

type History = Parameters<typeof fromAnthropicMessages>[0];

describe("fromAnthropicMessages", () => {
  it("takes over what has a field of its own", () => {
    expect(
      fromAnthropicMessages({
        system: "Be brief.",
        messages: [
          { role: "user", content: "Q" },
          {
            role: "assistant",
            content: [
              { type: "thinking", thinking: "Hm.", signature: "s==" },
              { type: "tool_use", id: "t1", name: "f", input: { a: 1 } },
            ],
          },
          {
            role: "user",
            content: [
              { type: "tool_result", tool_use_id: "t1", content: "no", is_error: true },
              { type: "text", text: "R", cache_control: { type: "ephemeral" } },
            ],
          },
        ],
      }),
    ).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "Q" },
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "Hm.", providerData: { anthropic: { signature: "s==" } } },
          { type: "tool-call", callId: "t1", name: "f", args: { a: 1 } },
        ],
      },
      { role: "tool", callId: "t1", name: "f", content: "no", isError: true },
      { role: "user", content: [{ type: "text", text: "R" }] },
    ]);
  });

  it("gives back with toAnthropicMessages what it was given", () => {
    const history: History = {
      system: [
        { type: "text", text: "A" },
        { type: "text", text: "B" },
      ],
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "Q" },
            { type: "image", source: { type: "url", url: "https://a.example/a.png" } },
            {
              type: "document",
              source: { type: "text", media_type: "text/plain", data: "ü" },
              title: "T",
              citations: { enabled: true },
            },
            { type: "document", source: { type: "content", content: [{ type: "text", text: "x" }] } },
            { type: "search_result", source: "https://a.example", title: "A", content: [{ type: "text", text: "x" }] },
            { type: "container_upload", file_id: "file_1" },
          ],
        },
        {
          role: "assistant",
          content: [
            { type: "redacted_thinking", data: "r==" },
            { type: "server_tool_use", id: "s", name: "web_search", input: { query: "x" } },
            { type: "web_search_tool_result", tool_use_id: "s", content: [] },
            {
              type: "text",
              text: "A",
              citations: [
                {
                  type: "char_location",
                  cited_text: "ü",
                  document_index: 0,
                  document_title: "T",
                  start_char_index: 0,
                  end_char_index: 1,
                },
              ],
            },
            { type: "tool_use", id: "t1", name: "f", input: {} },
          ],
        },
        {
          role: "user",
          content: [
            {
              type: "tool_result",
              tool_use_id: "t1",
              content: [
                { type: "text", text: "x" },
                { type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } },
                { type: "search_result", source: "s", title: "A", content: [{ type: "text", text: "x" }] },
              ],
            },
          ],
        },
      ],
    };
    expect(toAnthropicMessages(fromAnthropicMessages(history))).toEqual(history);
  });

  it.for([
    [{}, "messages"],
    [{ messages: [null] }, "messages[0]"],
    [
      {
        messages: [
          { role: "user", content: "Q" },
          { role: "model", content: "A" },
        ],
      },
      "messages[1].role",
    ],
    [{ messages: [{ role: "user", content: 1 }] }, "messages[0].content"],
    [{ messages: [{ role: "user", content: [{ text: "Q" }] }] }, "messages[0].content[0]"],
    [{ messages: [{ role: "user", content: [{ type: "text" }] }] }, "messages[0].content[0].text"],
    [
      { messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "x" }] }] },
      "messages[0].content[0].tool_use_id",
    ],
    [{ system: [1], messages: [] }, "system[0]"],
  ] as const)("refuses %j, naming %s", ([history, option]) => {
    const convert: (history: never) => unknown = fromAnthropicMessages;
    expect(() => Reflect.apply(convert, undefined, [history])).toThrow(ConfigError);
    expect(() => Reflect.apply(convert, undefined, [history])).toThrow(expect.objectContaining({ option }));
  });
});
