import { ConfigError } from "millrace";
import { checkHistory } from "millrace/testing";
import { describe, expect, it } from "vitest";
import { fromUIMessages } from "./from-ui-messages.ts";

const user = { id: "u1", role: "user", parts: [{ type: "text", text: "Hi" }] };
const answer = (...parts: object[]): object => ({ id: "a1", role: "assistant", parts });
const of = (...parts: object[]) => fromUIMessages([user, answer(...parts)]).messages.slice(1);
const call = (state: string, fields: object = {}): object => ({
  type: "tool-look",
  toolCallId: "c1",
  state,
  input: { at: 1 },
  ...fields,
});

describe("fromUIMessages", () => {
  it("reads tool parts in each of their states", () => {
    const asked = { type: "tool-call", callId: "c1", name: "look", args: { at: 1 } };
    const cases: [object, object][] = [
      [call("output-available", { output: { seen: true } }), { content: '{"seen":true}' }],
      [call("output-available", { output: "seen" }), { content: "seen" }],
      [call("output-available", { output: null }), { content: "null" }],
      [
        call("output-available", { output: [{ type: "text", text: "seen" }] }),
        { content: [{ type: "text", text: "seen" }] },
      ],
      [call("output-available", { output: 5, preliminary: true }), { isError: true }],
      [call("output-error", { errorText: "boom" }), { content: "boom", isError: true }],
      [
        call("output-denied", { approval: { id: "x", approved: false, reason: "no" } }),
        { content: "no", isError: true },
      ],
      [call("output-denied"), { content: "The call was denied.", isError: true }],
      [call("input-available"), { isError: true }],
      [call("approval-requested", { approval: { id: "x" } }), { isError: true }],
      [call("approval-responded", { approval: { id: "x", approved: true } }), { isError: true }],
      [
        { ...call("output-available", { output: "seen" }), type: "dynamic-tool", toolName: "look" },
        { content: "seen" },
      ],
    ];
    for (const [part, result] of cases) {
      const messages = of(part);
      expect(messages).toMatchObject([
        { role: "assistant", content: [asked] },
        { role: "tool", callId: "c1", ...result },
      ]);
      expect(checkHistory([{ role: "user", content: "Hi" }, ...messages])).toEqual([]);
    }
    expect(of(call("input-streaming"))).toEqual([]);
  });

  it("keeps what a model wrote in place of arguments", () => {
    const broken = call("output-error", { input: undefined, rawInput: '{"at":', errorText: "Invalid" });
    expect(of(broken)[0]).toMatchObject({ content: [{ args: {}, invalidArgs: '{"at":' }] });
    expect(of(call("output-available", { input: [1] }))[0]).toMatchObject({
      content: [{ args: {}, invalidArgs: "[1]" }],
    });
    const deep: unknown = JSON.parse(`${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`);
    expect(of(call("output-available", { input: deep, output: deep }))).toHaveLength(2);
  });

  it("parts the turns of an answer, and drops what is void, empty or unknown", () => {
    const messages = of(
      { type: "step-start" },
      { type: "text", text: "void" },
      { type: "data-discarded", data: {} },
      { type: "step-start" },
      { type: "reasoning", text: "Hm.", providerMetadata: { openai: { itemId: "rs_other" } } },
      { type: "text", text: "" },
      { type: "custom", kind: "x" },
      { type: "data-weather", data: 1 },
      {
        ...call("output-available", { output: [] }),
        type: "tool-web_search",
        toolCallId: "p1",
        providerExecuted: true,
      },
      call("output-available", { output: 1 }),
      call("output-available", { output: 2 }),
      { type: "step-start" },
      { type: "text", text: "I can't.", providerMetadata: { millrace: { refusal: true } } },
      { type: "source-url", sourceId: "s", url: "https://example.org", title: "T" },
      { type: "step-start" },
      { type: "reasoning", text: "cut" },
    );
    expect(messages).toEqual([
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "Hm." },
          { type: "provider-tool", callId: "p1", name: "web_search", input: { at: 1 }, output: [] },
          { type: "tool-call", callId: "c1", name: "look", args: { at: 1 } },
        ],
      },
      { role: "tool", callId: "c1", name: "look", content: "2" },
      {
        role: "assistant",
        content: [
          { type: "refusal", text: "I can't." },
          { type: "source", url: "https://example.org", title: "T" },
        ],
      },
    ]);
  });

  it("begins with the user, and gives the id of each message", () => {
    const { messages, ids } = fromUIMessages([
      answer({ type: "text", text: "Welcome!" }),
      { id: "s1", role: "system", parts: [{ type: "text", text: "Obey." }] },
      user,
      answer(call("output-available", { output: 1 })),
    ]);
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool"]);
    expect(ids).toEqual(["u1", "a1", "a1"]);
  });

  it("reads files as bytes and as pages, and nothing that a server would have to look up", () => {
    const file = (fields: object) =>
      fromUIMessages([{ ...user, parts: [{ type: "file", ...fields }] }]).messages[0]?.content;
    expect(file({ url: "data:image/png;base64,aGk=", mediaType: "image/png" })).toEqual([
      { type: "image", data: "aGk=", mediaType: "image/png" },
    ]);
    expect(file({ url: "data:text/plain,h%C3%A9", mediaType: "text/plain", filename: "a.txt" })).toEqual([
      { type: "file", data: "aMOp", mediaType: "text/plain", filename: "a.txt" },
    ]);
    expect(file({ url: "https://example.org/a.pdf", mediaType: "application/pdf" })).toEqual([
      { type: "file", url: "https://example.org/a.pdf", mediaType: "application/pdf" },
    ]);
    for (const url of [
      "gs://b/o",
      "s3://b/o",
      "file:///etc/passwd",
      "blob:x",
      "data:image/png;base64,<>",
      "data:,%zz",
      1,
    ]) {
      expect(() => file({ url, mediaType: "image/png" }), String(url)).toThrow(ConfigError);
    }
    expect(() => file({ url: "https://a.b/", mediaType: "x\r\ny" })).toThrow(
      "messages[0].parts[0]: expected a media type",
    );
  });

  it("refuses what are no messages, and names the place", () => {
    const cases: [unknown, string][] = [
      [undefined, "messages: expected a list"],
      [[1], "messages[0]: expected an object"],
      [[user, { id: "x", role: "user" }], "messages[1].parts: expected a list"],
      [[{ ...user, role: "tool" }], "messages[0].role: expected user, assistant or system"],
    ];
    for (const [messages, message] of cases)
      expect(() => fromUIMessages(messages)).toThrow(new ConfigError(...split(message)));
  });
});

function split(message: string): [string, string] {
  const [option = "", expected = ""] = message.split(/: (.*)/s);
  return [option, expected];
}
