import { ModelError, type ModelEvent, type ModelFinish } from "millrace/provider";
import { describe, expect, it } from "vitest";
import { completed, event, finishOf, item, message } from "../test/streams.ts";
import { ResponsesDecoder } from "./decode-responses.ts";

function decode(...events: unknown[]): ModelEvent[] {
  const decoder = new ResponsesDecoder({ provider: "p" });
  const out: ModelEvent[] = [];
  for (const one of events) if (!decoder.done) decoder.event(one, out);
  decoder.end(false, out);
  return out;
}

function decodeBody(json: unknown): ModelFinish {
  const out: ModelEvent[] = [];
  new ResponsesDecoder({ provider: "p" }).body(json, out);
  return finishOf(out);
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

const own = (kept: object) => ({ "openai-responses": { provider: "p", ...kept } });
const call = {
  type: "function_call",
  id: "fc_1",
  call_id: "call_1",
  name: "f",
  arguments: '{"a":1}',
  status: "completed",
};

describe("messages", () => {
  it("keep their id, phase and annotations", () => {
    const annotations = [{ type: "url_citation", url: "https://a.example", title: "A", start_index: 0, end_index: 3 }];
    const content = [{ type: "output_text", text: "So it is", annotations, logprobs: [] }];
    const whole = {
      type: "message",
      id: "msg_1",
      role: "assistant",
      status: "completed",
      phase: "final_answer",
      content,
    };
    const events = decode(
      event("response.output_item.added", { output_index: 0, item: { ...whole, content: [] } }),
      event("response.output_text.delta", { output_index: 0, item_id: "msg_1", content_index: 0, delta: "So it" }),
      event("response.output_text.annotation.added", { output_index: 0, item_id: "msg_1", annotation: annotations[0] }),
      event("response.output_text.delta", { output_index: 0, item_id: "msg_1", content_index: 0, delta: " is" }),
      event("response.output_item.done", { output_index: 0, item: whole }),
      completed(),
    );
    expect(events.filter((one) => one.type === "source")).toHaveLength(1);
    expect(finishOf(events).message.content).toEqual([
      { type: "text", text: "So it is", providerData: own({ id: "msg_1", phase: "final_answer", annotations }) },
      { type: "source", url: "https://a.example", title: "A" },
    ]);
  });

  it("keep refusals apart", () => {
    const whole = {
      type: "message",
      id: "msg_1",
      role: "assistant",
      content: [{ type: "refusal", refusal: "I can't." }],
    };
    const events = decode(
      event("response.output_item.added", { output_index: 0, item: { ...whole, content: [] } }),
      event("response.refusal.delta", { output_index: 0, item_id: "msg_1", content_index: 0, delta: "I " }),
      event("response.output_item.done", { output_index: 0, item: whole }),
      completed(),
    );
    expect(events.slice(0, 2)).toEqual([
      { type: "refusal-delta", text: "I ", part: 0 },
      { type: "refusal-delta", text: "can't.", part: 0 },
    ]);
    expect(finishOf(events)).toMatchObject({
      reason: "stop",
      message: { content: [{ type: "refusal", text: "I can't." }] },
    });
  });

  it("may share an output_index, or count their parts otherwise in the item", () => {
    const second = { type: "message", id: "b", role: "assistant", content: [{ type: "output_text", text: "B" }] };
    const events = decode(
      ...message(0, "a", "A"),
      event("response.output_item.added", { output_index: 0, item: { ...second, content: [] } }),
      event("response.output_text.delta", { output_index: 0, item_id: "b", content_index: 1, delta: "B" }),
      event("response.output_item.done", { output_index: 0, item: second }),
      completed(),
    );
    expect(finishOf(events).message.content.map((part) => part.type === "text" && part.text)).toEqual(["A", "B"]);
  });

  it("need no announcement", () => {
    const delta = (text: string) =>
      event("response.output_text.delta", { output_index: 0, item_id: "m", content_index: 0, delta: text });
    expect(finishOf(decode(delta("A"), delta("B"), completed())).message.content).toMatchObject([{ text: "AB" }]);
  });
});

describe("reasoning", () => {
  const reasoning = { type: "reasoning", id: "rs_1", encrypted_content: "e==", summary: [] };

  it("is kept although nothing of it can be read", () => {
    expect(finishOf(decode(...item(0, { ...reasoning, content: [] }), completed())).message.content).toEqual([
      { type: "reasoning", text: "", providerData: own({ item: reasoning }) },
    ]);
  });

  it("gives each part of its summary as a part, the first of which keeps the item", () => {
    const summary = ["A", "B"].map((text) => ({ type: "summary_text", text }));
    const delta = (index: number, text: string) =>
      event("response.reasoning_summary_text.delta", {
        output_index: 0,
        item_id: "rs_1",
        summary_index: index,
        delta: text,
      });
    const events = decode(
      event("response.output_item.added", { output_index: 0, item: reasoning }),
      delta(0, "A"),
      delta(1, "B"),
      event("response.output_item.done", { output_index: 0, item: { ...reasoning, summary } }),
      completed(),
    );
    expect(events.slice(0, 2)).toMatchObject([{ part: 0 }, { part: 1 }]);
    expect(finishOf(events).message.content).toEqual([
      { type: "reasoning", text: "A", providerData: own({ item: { ...reasoning, summary } }) },
      { type: "reasoning", text: "B" },
    ]);
  });

  it("of open models comes as it is", () => {
    const whole = { type: "reasoning", id: "r", summary: [], content: [{ type: "reasoning_text", text: "Hm." }] };
    const events = decode(
      event("response.output_item.added", { output_index: 0, item: { ...whole, content: [] } }),
      event("response.reasoning_text.delta", { output_index: 0, item_id: "r", content_index: 0, delta: "Hm." }),
      event("response.output_item.done", { output_index: 0, item: whole }),
      completed(),
    );
    expect(events[0]).toEqual({ type: "reasoning-delta", text: "Hm.", part: 0 });
    expect(finishOf(events).message.content).toEqual([
      { type: "reasoning", text: "Hm.", providerData: own({ item: whole }) },
    ]);
  });

  it("may come twice under one id", () => {
    const twice = [...item(0, reasoning), ...item(1, { ...reasoning, encrypted_content: "f==" })];
    expect(finishOf(decode(...twice, completed())).message.content).toHaveLength(2);
  });
});

describe("calls", () => {
  it("come in deltas, at once in the item, or only at its end", () => {
    const began = { ...call, arguments: "", status: "in_progress" };
    const added = event("response.output_item.added", { output_index: 0, item: began });
    const delta = (text: string) =>
      event("response.function_call_arguments.delta", { output_index: 0, item_id: "fc_1", delta: text });
    const done = event("response.output_item.done", { output_index: 0, item: call });
    for (const events of [
      [added, delta('{"a'), delta('":1}'), done],
      item(0, call),
      [added, done],
      [added, delta('{"a'), done],
      [delta('{"a'), done],
    ]) {
      const all = decode(...events, completed());
      const args = all.map((one) => (one.type === "tool-call-delta" ? one.delta : "")).join("");
      expect(args).toBe('{"a":1}');
      expect(finishOf(all)).toMatchObject({
        reason: "tool-calls",
        message: { content: [{ type: "tool-call", callId: "call_1", name: "f", args: { a: 1 } }] },
      });
    }
  });

  it("keep what else is in their item", () => {
    const caller = { type: "program", caller_id: "call_0" };
    const [part] = finishOf(decode(...item(0, { ...call, namespace: "n", caller }), completed())).message.content;
    expect(part?.providerData).toEqual(own({ id: "fc_1", status: "completed", namespace: "n", caller }));
  });
});

describe("items of the provider's own tools", () => {
  it("are kept exactly, and told as they begin and end", () => {
    const search = { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search", query: "q" } };
    const events = decode(...item(0, search, { ...search, status: "in_progress" }), completed());
    expect(events.slice(0, 2)).toMatchObject([
      { type: "provider-tool", callId: "ws_1", name: "web_search", state: "started" },
      { type: "provider-tool", callId: "ws_1", name: "web_search", state: "done", input: search.action },
    ]);
    expect(finishOf(events).message.content).toEqual([
      {
        type: "provider-tool",
        callId: "ws_1",
        name: "web_search",
        input: search.action,
        providerData: own({ item: search }),
      },
    ]);
  });

  it("may fail", () => {
    const failed = { type: "mcp_call", id: "mcp_1", name: "ask", arguments: "{}", error: "no", output: null };
    const events = decode(...item(0, failed), completed());
    expect(events).toContainEqual(expect.objectContaining({ state: "failed", name: "ask" }));
    expect(finishOf(events).message.content[0]).toMatchObject({ isError: true });
  });

  it("make images", () => {
    const made = {
      type: "image_generation_call",
      id: "ig_1",
      status: "completed",
      result: "AAAA",
      output_format: "webp",
    };
    const events = decode(...item(0, made), completed());
    const image = { type: "image", data: "AAAA", mediaType: "image/webp" };
    expect(events).toContainEqual({ type: "file-output", file: image });
    expect(finishOf(events).message.content).toMatchObject([{ type: "provider-tool" }, image]);
  });

  it("of a kind that is not known yet are kept too", () => {
    const unknown = { type: "sparkle", id: "s_1", sparkle: 1 };
    const events = decode(event("response.sparkle.delta"), ...item(0, unknown), completed());
    expect(finishOf(events).message.content).toMatchObject([{ name: "sparkle", providerData: own({ item: unknown }) }]);
  });
});

describe("the end", () => {
  it("is told by the closing event only", () => {
    expect(decode(...message(0, "msg_1", "A")).some((one) => one.type === "finish")).toBe(false);
  });

  it("may bring all that there is", () => {
    const content = [{ type: "output_text", text: "A" }];
    const output = [{ type: "message", id: "m", role: "assistant", content }, call];
    const events = decode(completed(output));
    expect(events.map((one) => one.type)).toEqual(["text-delta", "tool-call-delta", "tool-call-delta", "finish"]);
    expect(finishOf(events).usage).toEqual({
      inputTokens: 10,
      outputTokens: 20,
      cacheReadTokens: 4,
      cacheWriteTokens: 0,
      reasoningTokens: 5,
    });
  });

  it("closes items that were left open", () => {
    const events = decode(
      event("response.output_item.added", { output_index: 0, item: { ...call, arguments: "" } }),
      completed([call]),
    );
    expect(finishOf(events).message.content).toMatchObject([{ args: { a: 1 } }]);
  });

  it.each([
    ["max_output_tokens", "length"],
    ["content_filter", "content-filter"],
    ["other", "other"],
  ])("incomplete for %s is %s", (reason, ours) => {
    const response = { status: "incomplete", incomplete_details: { reason }, output: [] };
    expect(finishOf(decode(event("response.incomplete", { response })))).toMatchObject({
      reason: ours,
      rawReason: `incomplete:${reason}`,
    });
  });
});

describe("errors", () => {
  const failed = (error: object) => event("response.failed", { response: { status: "failed", output: [], error } });
  it.each([
    [event("error", { code: "rate_limit_exceeded", message: "Slow down" }), "rate-limit"],
    [event("error", { error: { type: "server_error", message: "Sorry" } }), "server-error"],
    [failed({ code: "server_error", message: "Sorry" }), "server-error"],
    [failed({ code: "insufficient_quota", message: "Pay" }), "rate-limit"],
    [failed({ code: "context_length_exceeded", message: "Too long" }), "context-overflow"],
    [{ error: { message: "Bad", code: 400 } }, "invalid-request"],
    [7, "protocol"],
  ])("%j is of kind %s", (one, kind) => {
    const error = thrownBy(() => decode(...message(0, "m", "A"), one));
    expect(error).toBeInstanceOf(ModelError);
    expect(error).toMatchObject({ kind, provider: "p" });
  });

  it("come as a body too", () => {
    expect(thrownBy(() => decodeBody({ error: { message: "Bad", code: "invalid_prompt" } }))).toMatchObject({
      kind: "invalid-request",
    });
    expect(
      thrownBy(() => decodeBody({ status: "failed", output: [], error: { code: "server_error", message: "x" } })),
    ).toMatchObject({
      kind: "server-error",
    });
    expect(thrownBy(() => decodeBody({ hello: 1 }))).toMatchObject({ kind: "protocol" });
  });
});
