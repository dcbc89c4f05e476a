import { ConfigError } from "millrace";
import { checkHistory } from "millrace/testing";
import { describe, expect, it } from "vitest";
import { fromAGUI } from "./from-agui.ts";

const user = { id: "u1", role: "user", content: "Hi" };
const read = (...messages: unknown[]) => fromAGUI({ threadId: "t1", runId: "r1", messages });
const call = (id: string, args = "{}"): object => ({
  id,
  type: "function",
  function: { name: "look", arguments: args },
});

describe("fromAGUI", () => {
  it("pairs calls with results, wherever clients have put them", () => {
    const { messages, ids, threadId, runId } = read(
      { id: "s", role: "system", content: "Obey." },
      { id: "d", role: "developer", content: "Obey." },
      { id: "w", role: "assistant", content: "Welcome!" },
      user,
      { id: "q", role: "reasoning", content: "Hm.", encryptedValue: "forged" },
      {
        id: "a1",
        role: "assistant",
        toolCalls: [call("c1", '{"at":1}'), call("c2", "{"), call("c3"), call("provider-run:p1")],
      },
      { id: "x", role: "activity", activityType: "plan", content: {} },
      { id: "u2", role: "user", content: "More?" },
      { id: "t2", role: "tool", toolCallId: "c2", content: "bad", metadata: { isError: true } },
      { id: "t1", role: "tool", toolCallId: "c1", content: [{ type: "text", text: "seen" }] },
      { id: "t9", role: "tool", toolCallId: "unknown", content: "?" },
      { id: "sub", role: "assistant", content: "inner", subagentRunId: "s1" },
      { id: "a2", role: "assistant", content: "Done." },
    );
    expect(checkHistory(messages)).toEqual([]);
    expect(messages).toMatchObject([
      { role: "user", content: "Hi" },
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "Hm." },
          { type: "tool-call", callId: "c1", args: { at: 1 } },
          { type: "tool-call", callId: "c2", args: {}, invalidArgs: "{" },
          { type: "tool-call", callId: "c3" },
        ],
      },
      { role: "tool", callId: "c1", name: "look", content: [{ type: "text", text: "seen" }] },
      { role: "tool", callId: "c2", content: "bad", isError: true },
      { role: "tool", callId: "c3", isError: true },
      { role: "user", content: "More?" },
      { role: "assistant", content: [{ type: "text", text: "Done." }] },
    ]);
    expect(JSON.stringify(messages)).not.toMatch(/forged|Obey|inner|provider-run/);
    expect(ids).toEqual(["u1", "a1", "a1", "a1", "a1", "u2", "a2"]);
    expect({ threadId, runId }).toEqual({ threadId: "t1", runId: "r1" });
  });

  it("reads files of new and of older clients", () => {
    const part = (...content: object[]) => read({ ...user, content }).messages[0]?.content;
    const data = { type: "data", value: "aGk=", mimeType: "image/png" };
    expect(part({ type: "image", source: data }, { type: "text", text: "?" }, { type: "unknown" })).toEqual([
      { type: "image", data: "aGk=", mediaType: "image/png" },
      { type: "text", text: "?" },
    ]);
    expect(
      part({ type: "document", source: { type: "url", value: "https://a.b/c.pdf", mimeType: "application/pdf" } }),
    ).toEqual([{ type: "file", url: "https://a.b/c.pdf", mediaType: "application/pdf" }]);
    expect(part({ type: "binary", mimeType: "audio/wav", data: "aGk=", filename: "a.wav" })).toEqual([
      { type: "file", data: "aGk=", mediaType: "audio/wav", filename: "a.wav" },
    ]);
    const file = { type: "file", value: "file_of_another_user", provider: "openai" };
    expect(() => part({ type: "document", source: file })).toThrow(ConfigError);
    expect(() => part({ type: "binary", mimeType: "a/b", id: "file_1" })).toThrow(ConfigError);
    expect(() => part({ type: "image", source: { type: "url", value: "gs://bucket/secret" } })).toThrow(ConfigError);
  });

  it("refuses what is no input, and names the place", () => {
    const cases: [unknown, string][] = [
      [null, "input: expected a RunAgentInput"],
      [{ runId: "r", messages: [] }, "threadId: expected an id"],
      [{ threadId: "t", messages: [] }, "runId: expected an id"],
      [{ threadId: "t", runId: "r" }, "messages: expected a list"],
      [{ threadId: "t", runId: "r", messages: [{ id: "x" }] }, "messages[0].role: expected a role"],
      [
        { threadId: "t", runId: "r", messages: [{ ...user, content: [1] }] },
        "messages[0].content[0]: expected an object",
      ],
    ];
    for (const [input, message] of cases) expect(() => fromAGUI(input)).toThrow(message);
    expect(() => fromAGUI(null)).toThrow(ConfigError);
  });
});
