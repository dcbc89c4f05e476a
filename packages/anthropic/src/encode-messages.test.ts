import type { AssistantPart, ContentPart, Message } from "millrace/provider";
import { describe, expect, it } from "vitest";
import { checkRequest } from "../test/check-request.ts";
import { toAnthropicMessages } from "./encode-messages.ts";

const user = (content: string | ContentPart[]): Message => ({ role: "user", content });
const assistant = (...content: AssistantPart[]): Message => ({ role: "assistant", content });
const called = (callId: string, args = {}): AssistantPart => ({ type: "tool-call", callId, name: "f", args });
const result = (callId: string, content: string | ContentPart[] = "ok", isError?: boolean): Message => ({
  role: "tool",
  callId,
  name: "f",
  content,
  ...(isError && { isError }),
});
const text = (text: string): { type: "text"; text: string } => ({ type: "text", text });
const own = <Data extends object>(anthropic: Data): { providerData: { anthropic: Data } } => ({
  providerData: { anthropic },
});

function encode(...messages: Message[]): ReturnType<typeof toAnthropicMessages> {
  const encoded = toAnthropicMessages(messages);
  expect(checkRequest(encoded)).toEqual([]);
  return encoded;
}

/** The blocks of the assistant's message between two of the user. */
function answer(...parts: AssistantPart[]): unknown {
  return encode(user("Q"), assistant(...parts), user("Next")).messages[1];
}

describe("roles", () => {
  it("alternate: results first, with what the user says next", () => {
    const { messages } = encode(user("Q"), assistant(called("a"), called("b")), result("a"), result("b"), user("And?"));
    expect(messages).toHaveLength(3);
    expect(messages[2]).toEqual({
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "a", content: "ok" },
        { type: "tool_result", tool_use_id: "b", content: "ok" },
        text("And?"),
      ],
    });
  });

  it("begin with the user", () => {
    expect(encode(assistant(text("Welcome!")), user("Hi")).messages[0]?.role).toBe("user");
    expect(encode().messages).toHaveLength(1);
  });

  it("of the system lead, or are marked text", () => {
    const system = (content: string): Message => ({ role: "system", content });
    const encoded = encode(system("A"), system("B"), user("Q"), assistant(text("A")), system("C"), user("R"));
    expect(encoded.system).toEqual([text("A"), text("B")]);
    expect(encoded.messages[2]).toEqual({ role: "user", content: [text("<system>\nC\n</system>"), text("R")] });
  });

  it("merge where a message has nothing to say", () => {
    expect(encode(user("Q"), assistant(text(" ")), user("R")).messages).toEqual([
      { role: "user", content: [text("Q"), text("R")] },
    ]);
  });
});

describe("an answer", () => {
  it("keeps what is this provider's own", () => {
    const block = { type: "server_tool_use", id: "s", name: "web_search", input: {} };
    const found = { type: "web_search_tool_result", tool_use_id: "s", content: [] };
    const citations = [{ type: "char_location", cited_text: "x" }];
    expect(
      answer(
        { type: "reasoning", text: "Hm.", ...own({ signature: "s==" }) },
        { type: "reasoning", text: "", ...own({ signature: "t==" }) },
        { type: "reasoning", text: "", ...own({ redacted: "r==" }) },
        { type: "provider-tool", callId: "s", name: "web_search", ...own(block) },
        { type: "provider-tool", callId: "s", name: "web_search", ...own(found) },
        { ...text("A"), ...own({ citations }) },
        { type: "source", document: "D" },
      ),
    ).toEqual({
      role: "assistant",
      content: [
        { type: "thinking", thinking: "Hm.", signature: "s==" },
        { type: "thinking", thinking: "", signature: "t==" },
        { type: "redacted_thinking", data: "r==" },
        block,
        found,
        { ...text("A"), citations },
      ],
    });
  });

  it("of another provider loses what only that one can read", () => {
    const foreign = { providerData: { "openai-responses": { id: "rs_1", signature: "x" } } };
    expect(
      answer(
        { type: "reasoning", text: "Hm.", ...foreign },
        { type: "provider-tool", callId: "ws", name: "web_search", ...foreign },
        { ...text("A"), ...foreign },
        { type: "refusal", text: "I'd rather not." },
        { type: "image", url: "https://a.example/a.png" },
      ),
    ).toEqual({ role: "assistant", content: [text("A"), text("I'd rather not.")] });
  });

  it("that was cut keeps its text, not its unsigned thinking", () => {
    expect(answer({ type: "reasoning", text: "Hm" }, text("So the"))).toEqual({
      role: "assistant",
      content: [text("So the")],
    });
    expect(answer({ type: "reasoning", text: "Hm", ...own({ signature: "s" }) })).toBeUndefined();
  });

  it("leaves out the call of a server tool that was cut, unless it goes on", () => {
    const block = { type: "server_tool_use", id: "s", name: "web_search", input: {} };
    const cut = assistant(text("A"), { type: "provider-tool", callId: "s", name: "web_search", ...own(block) });
    expect(encode(user("Q"), cut, user("R")).messages[1]?.content).toEqual([text("A")]);
    expect(encode(user("Q"), cut).messages[1]?.content).toEqual([text("A"), block]);
  });

  it("that stands last does not end in white space", () => {
    const { messages } = encode(user("Q"), assistant(text("The answer is \n")));
    expect(messages[1]).toEqual({ role: "assistant", content: [text("The answer is")] });
  });

  it("keeps its refusal to itself", () => {
    expect(answer(text("We"), { type: "refusal", text: "Why not", ...own({ stop_details: {} }) })).toEqual({
      role: "assistant",
      content: [text("We")],
    });
  });
});

describe("calls", () => {
  it("have ids that the API takes, the same for call and result", () => {
    const long = "x".repeat(100);
    for (const id of ["call|fc_1", "call.fc_1", "", long, `${long}y`, "ünï"]) {
      const { messages } = encode(user("Q"), assistant(called(id)), result(id));
      expect(messages).toEqual(encode(user("Q"), assistant(called(id)), result(id)).messages);
    }
    const ids = ["a|b", "a.b", "a b", long, `${long}y`].map((id) =>
      encode(user("Q"), assistant(called(id)), result(id)),
    );
    expect(new Set(ids.map((encoded) => JSON.stringify(encoded))).size).toBe(5);
  });

  it("with bad arguments are sent with none", () => {
    const bad: AssistantPart = { type: "tool-call", callId: "a", name: "f", args: {}, invalidArgs: '{"x' };
    expect(encode(user("Q"), assistant(bad), result("a", "Not JSON", true)).messages.slice(1)).toEqual([
      { role: "assistant", content: [{ type: "tool_use", id: "a", name: "f", input: {} }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "a", content: "Not JSON", is_error: true }] },
    ]);
  });

  it("have results with pictures, without text, with an empty error", () => {
    const image: ContentPart = { type: "image", data: "aGk=", mediaType: "image/png" };
    const { messages } = encode(
      user("Q"),
      assistant(called("a"), called("b"), called("c")),
      result("a", [text("See:"), image]),
      result("b", ""),
      result("c", "", true),
    );
    expect(messages[2]?.content).toEqual([
      {
        type: "tool_result",
        tool_use_id: "a",
        content: [text("See:"), { type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } }],
      },
      { type: "tool_result", tool_use_id: "b" },
      { type: "tool_result", tool_use_id: "c", content: "The tool failed without a message.", is_error: true },
    ]);
  });
});

describe("a text that was cut within a character", () => {
  it("is made whole", () => {
    const cut = "🌞🌞".slice(0, 3);
    const { messages } = encode(user(cut), assistant(called("a")), result("a", cut));
    expect(messages[0]?.content).toEqual([text("🌞\ufffd")]);
    expect(messages[2]?.content).toMatchObject([{ content: "🌞\ufffd" }]);
  });
});

describe("files", () => {
  const source = (part: ContentPart): unknown => encode(user([part])).messages[0]?.content[0];

  it.for([
    [
      { type: "image", url: "https://a.example/a.png" },
      { type: "image", source: { type: "url", url: "https://a.example/a.png" } },
    ],
    [
      { type: "image", url: "data:image/png;base64,aGk=" },
      { type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } },
    ],
    [
      { type: "image", fileId: "file_1" },
      { type: "image", source: { type: "file", file_id: "file_1" } },
    ],
    [
      { type: "file", data: "JVBERi0=", mediaType: "application/pdf", filename: "a.pdf" },
      { type: "document", title: "a.pdf", source: { type: "base64", media_type: "application/pdf", data: "JVBERi0=" } },
    ],
    [
      { type: "file", data: "w7w=", mediaType: "text/markdown" },
      { type: "document", source: { type: "text", media_type: "text/plain", data: "ü" } },
    ],
    [
      { type: "file", fileId: "file_1" },
      { type: "document", source: { type: "file", file_id: "file_1" } },
    ],
    [
      { type: "file", url: "https://a.example/a.pdf", mediaType: "application/pdf" },
      { type: "document", source: { type: "url", url: "https://a.example/a.pdf" } },
    ],
    [
      { type: "file", data: "aGk=", mediaType: "image/webp" },
      { type: "image", source: { type: "base64", media_type: "image/webp", data: "aGk=" } },
    ],
  ] as const)("%j", ([part, block]) => {
    expect(source(part)).toEqual(block);
  });

  it.for([
    { type: "file", data: "aGk=", mediaType: "audio/mpeg" },
    { type: "image", data: "aGk=", mediaType: "image/tiff" },
    { type: "image", data: "aGk=" },
    { type: "file", providerData: { "openai-chat": {} } },
  ] as const)("are refused: %j", (part) => {
    expect(() => source(part)).toThrow(expect.objectContaining({ kind: "unsupported" }));
  });
});
