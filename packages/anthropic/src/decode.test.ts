import type { ModelEvent, ModelFinish } from "millrace/provider";
import { describe, expect, it } from "vitest";
import { block, call, ending, start, stop, text } from "../test/stream.ts";
import { AnthropicDecoder } from "./decode.ts";

function decode(...events: readonly unknown[]): { events: ModelEvent[]; finish: ModelFinish } {
  const decoder = new AnthropicDecoder();
  const out: ModelEvent[] = [];
  for (const event of events) decoder.event(event, out);
  decoder.end(false, out);
  const finish = out.pop();
  if (finish?.type !== "finish") throw new Error("expected a finish event");
  return { events: out, finish };
}

function decodeBody(body: unknown): ModelFinish {
  const out: ModelEvent[] = [];
  new AnthropicDecoder().body(body, out);
  const finish = out.pop();
  if (finish?.type !== "finish") throw new Error("expected a finish event");
  return finish;
}

describe("a server tool", () => {
  const use = { type: "server_tool_use", id: "srv_1", name: "web_search", input: {} };
  const result = { type: "web_search_tool_result", tool_use_id: "srv_1", content: [{ url: "https://a.example" }] };

  it("becomes events and parts that keep the exact blocks", () => {
    const { events, finish } = decode(
      start,
      ...block(
        0,
        use,
        { type: "input_json_delta", partial_json: '{"query":' },
        { type: "input_json_delta", partial_json: '"x"}' },
      ),
      ...block(1, result),
      ending("end_turn"),
      stop,
    );
    const input = { query: "x" };
    expect(events.slice(1)).toEqual([
      { type: "provider-tool", callId: "srv_1", name: "web_search", state: "started", input },
      { type: "provider-tool", callId: "srv_1", name: "web_search", state: "done", output: result.content },
    ]);
    const common = { type: "provider-tool", callId: "srv_1", name: "web_search" };
    expect(finish.message.content).toEqual([
      { ...common, input, providerData: { anthropic: { ...use, input } } },
      { ...common, output: result.content, providerData: { anthropic: result } },
    ]);
    expect(finish.reason).toBe("stop");
  });

  it.for([
    { ...result, content: { type: "web_search_tool_result_error", error_code: "max_uses_exceeded" } },
    { type: "mcp_tool_result", tool_use_id: "srv_1", is_error: true, content: [{ type: "text", text: "no" }] },
  ])("that failed says so: $type", (failed) => {
    const { events, finish } = decode(start, ...block(0, use), ...block(1, failed), ending("end_turn"), stop);
    expect(events.at(-1)).toMatchObject({ type: "provider-tool", name: "web_search", state: "failed" });
    expect(finish.message.content[1]).toMatchObject({ isError: true });
  });

  it("cut off by the token limit has an empty input", () => {
    const cut = block(0, use, { type: "input_json_delta", partial_json: '{"que' }).slice(0, -1);
    const { finish } = decode(start, ...cut, ending("max_tokens"), stop);
    expect(finish.message.content[0]).toMatchObject({ input: {}, providerData: { anthropic: { ...use, input: {} } } });
  });
});

describe("a call of a client tool", () => {
  it("has its arguments from the deltas, or from the block where none come", () => {
    const whole = block(1, { type: "tool_use", id: "t2", name: "g", input: { b: 2 } });
    const { events, finish } = decode(
      start,
      ...call(0, "t1", "f", "", '{"a"', ":1}"),
      ...whole,
      ending("tool_use"),
      stop,
    );
    expect(events.slice(1)).toEqual([
      { type: "tool-call-delta", callId: "t1", name: "f", delta: "" },
      { type: "tool-call-delta", callId: "t1", name: "f", delta: '{"a"' },
      { type: "tool-call-delta", callId: "t1", name: "f", delta: ":1}" },
      { type: "tool-call-delta", callId: "t2", name: "g", delta: "" },
      { type: "tool-call-delta", callId: "t2", name: "g", delta: '{"b":2}' },
    ]);
    expect(finish.message.content).toEqual([
      { type: "tool-call", callId: "t1", name: "f", args: { a: 1 } },
      { type: "tool-call", callId: "t2", name: "g", args: { b: 2 } },
    ]);
  });

  it("cut off by the token limit keeps what came", () => {
    const { finish } = decode(start, ...call(0, "t1", "f", '{"a"'), ending("max_tokens"), stop);
    expect(finish.message.content).toEqual([
      { type: "tool-call", callId: "t1", name: "f", args: {}, invalidArgs: '{"a"' },
    ]);
  });

  it("by the model's own code keeps its caller, a direct one need not be said", () => {
    const caller = { type: "code_execution_20250825", tool_id: "srv_1" };
    const { finish } = decode(
      start,
      ...block(0, { type: "tool_use", id: "t1", name: "f", input: {}, caller }),
      ...block(1, { type: "tool_use", id: "t2", name: "f", input: {}, caller: { type: "direct" } }),
      {
        type: "message_delta",
        delta: { stop_reason: "tool_use", container: { id: "c_1", expires_at: "…" } },
        usage: {},
      },
      stop,
    );
    const [first, second] = finish.message.content;
    expect(first?.providerData).toEqual({ anthropic: { caller } });
    expect(second?.providerData).toBeUndefined();
    expect(finish.message.providerData).toEqual({ anthropic: { container: "c_1" } });
  });
});

describe("citations", () => {
  it("become sources, and stay with their text", () => {
    const page = {
      type: "web_search_result_location",
      url: "https://a.example",
      title: "A",
      cited_text: "q",
      encrypted_index: "x",
    };
    const place = {
      type: "char_location",
      document_index: 0,
      document_title: "Report",
      cited_text: "r",
      start_char_index: 1,
    };
    const { events, finish } = decode(
      start,
      ...block(
        0,
        { type: "text", text: "", citations: [] },
        { type: "citations_delta", citation: page },
        { type: "text_delta", text: "T" },
        { type: "citations_delta", citation: place },
      ),
      ending("end_turn"),
      stop,
    );
    const sources = [
      { type: "source", url: "https://a.example", title: "A", quote: "q" },
      { type: "source", document: "Report", quote: "r" },
    ];
    expect(events.filter((event) => event.type === "source").map(({ source }) => source)).toEqual(sources);
    expect(finish.message.content).toEqual([
      { type: "text", text: "T", providerData: { anthropic: { citations: [page, place] } } },
      ...sources,
    ]);
  });
});

describe("the end", () => {
  it.for([
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["tool_use", "tool-calls"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["pause_turn", "pause"],
    ["compaction", "pause"],
    ["refusal", "content-filter"],
    ["tomorrow", "other"],
  ] as const)("%s is %s", ([raw, reason]) => {
    const { finish } = decode(start, ...text(0, "A"), ending(raw), stop);
    expect(finish).toMatchObject({ reason, rawReason: raw });
  });

  it("by a refusal gives its explanation as a part of its own", () => {
    const stop_details = { type: "refusal", category: "cyber", explanation: "Not this." };
    const { events, finish } = decode(start, ...text(0, "Wel"), ending("refusal", 3, { stop_details }), stop);
    expect(events.at(-1)).toEqual({ type: "refusal-delta", text: "Not this.", part: 1 });
    expect(finish.message.content).toEqual([
      { type: "text", text: "Wel" },
      { type: "refusal", text: "Not this.", providerData: { anthropic: { stop_details } } },
    ]);
    const { finish: silent } = decode(start, ending("refusal"), stop);
    expect(silent.message.content).toMatchObject([{ type: "refusal", text: "" }]);
  });

  it("has the usage that came last, field by field", () => {
    const usage = {
      input_tokens: 11,
      cache_read_input_tokens: null,
      output_tokens: 50,
      output_tokens_details: { thinking_tokens: 8 },
    };
    const { finish } = decode(start, { type: "message_delta", delta: { stop_reason: "end_turn" }, usage }, stop);
    expect(finish.usage).toEqual({
      inputTokens: 46,
      cacheReadTokens: 30,
      cacheWriteTokens: 5,
      outputTokens: 50,
      reasoningTokens: 8,
    });
  });
});

describe("compaction", () => {
  it("keeps the summary for the next request, and out of the text", () => {
    const delta = { type: "compaction_delta", content: "So far …", encrypted_content: "sealed" };
    const { finish } = decode(
      start,
      ...block(0, { type: "compaction", content: null }, delta),
      ...text(1, "Hi"),
      ending("end_turn"),
      stop,
    );
    expect(finish.message.content).toEqual([
      {
        type: "provider-tool",
        callId: "compaction_0",
        name: "compaction",
        providerData: { anthropic: { type: "compaction", content: "So far …", encrypted_content: "sealed" } },
      },
      { type: "text", text: "Hi" },
    ]);
  });
});

describe("a whole body", () => {
  it("reads like the stream", () => {
    const content = [
      { type: "thinking", thinking: "Hm.", signature: "s==" },
      { type: "text", text: "Yes.", citations: null },
      { type: "tool_use", id: "t1", name: "f", input: { a: 1 } },
    ];
    const finish = decodeBody({
      type: "message",
      content,
      stop_reason: "tool_use",
      usage: { input_tokens: 1, output_tokens: 2 },
    });
    expect(finish.reason).toBe("tool-calls");
    expect(finish.message.content).toEqual([
      { type: "reasoning", text: "Hm.", providerData: { anthropic: { signature: "s==" } } },
      { type: "text", text: "Yes." },
      { type: "tool-call", callId: "t1", name: "f", args: { a: 1 } },
    ]);
  });

  it("that is an error, or something else, is refused", () => {
    const error = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
    expect(() => decodeBody(error)).toThrow(expect.objectContaining({ kind: "overloaded" }));
    for (const body of [null, [], {}, { choices: [] }]) {
      expect(() => decodeBody(body)).toThrow(expect.objectContaining({ kind: "protocol" }));
    }
  });
});
