import { type AssistantPart, ModelError, type ModelEvent, type ModelFinish } from "millrace/provider";
import { describe, expect, it } from "vitest";
import { call, chunk, finishOf, usageChunk } from "../test/streams.ts";
import { ChatDecoder } from "./decode-chat.ts";

interface Reading {
  sawDone?: boolean;
  thinkTags?: boolean;
}

function decode(events: readonly unknown[], { sawDone = true, thinkTags = true }: Reading = {}): ModelEvent[] {
  const decoder = new ChatDecoder({ provider: "p", thinkTags });
  const out: ModelEvent[] = [];
  for (const event of events) decoder.event(event, out);
  decoder.end(sawDone, out);
  return out;
}

function decodeBody(json: unknown): ModelFinish {
  const out: ModelEvent[] = [];
  new ChatDecoder({ provider: "p", thinkTags: true }).body(json, out);
  return finishOf(out);
}

function partsOf(...events: unknown[]): readonly AssistantPart[] {
  return finishOf(decode(events)).message.content;
}

function callsOf(...events: unknown[]): unknown[] {
  return partsOf(...events, chunk({}, "tool_calls")).flatMap((part) =>
    part.type === "tool-call" ? [{ id: part.callId, name: part.name, args: part.args }] : [],
  );
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("tool calls", () => {
  const london = { id: "a", name: "f", args: { city: "London" } };
  const tokyo = { id: "b", name: "g", args: { city: "Tokyo" } };

  it("come in pieces, mixed, and in any order of their indices", () => {
    const calls = callsOf(
      chunk(call(1, "", "b", "g")),
      chunk(call(0, "", "a", "f")),
      chunk(call(0, '{"city":')),
      chunk(call(1, '{"city":"To')),
      chunk(call(0, '"London"}')),
      chunk(call(1, 'kyo"}')),
    );
    expect(calls).toEqual([tokyo, london]);
  });

  it("come whole, without index and type", () => {
    const whole = (id: string, name: string, args: unknown) => ({ id, function: { name, arguments: args } });
    const calls = [whole("a", "f", '{"city":"London"}'), whole("b", "g", { city: "Tokyo" })];
    expect(callsOf(chunk({ tool_calls: calls }))).toEqual([london, tokyo]);
  });

  it("come all with index 0", () => {
    expect(
      callsOf(chunk(call(0, '{"city":"London"}', "a", "f")), chunk(call(0, '{"city":"Tokyo"}', "b", "g"))),
    ).toEqual([london, tokyo]);
  });

  it("come all with index 0 and an empty id", () => {
    const calls = callsOf(chunk(call(0, '{"n":1}', "", "f")), chunk(call(0, '{"n":2}', "", "f")));
    expect(calls).toEqual([
      { id: expect.stringMatching(/./), name: "f", args: { n: 1 } },
      { id: expect.stringMatching(/./), name: "f", args: { n: 2 } },
    ]);
    expect(new Set(calls.map((one) => JSON.stringify(one))).size).toBe(2);
  });

  it("repeat id and name in every delta, or empty the id", () => {
    expect(callsOf(chunk(call(0, '{"city":', "a", "f")), chunk(call(0, '"London"}', "a", "f")))).toEqual([london]);
    expect(callsOf(chunk(call(0, '{"city":', "a", "f")), chunk(call(0, '"London"}', "")))).toEqual([london]);
  });

  it("may be said twice", () => {
    const said = chunk(call(0, '{"city":"London"}', "a", "f"));
    expect(callsOf(said, said)).toEqual([london]);
  });

  it("may bring the name after the id and the first arguments", () => {
    expect(callsOf(chunk(call(0, '{"city":', "a")), chunk(call(0, '"London"}', undefined, "f")))).toEqual([london]);
  });

  it("without a name are unknown calls, not lost ones", () => {
    expect(callsOf(chunk(call(0, "{}", "a")))).toEqual([{ id: "a", name: "", args: {} }]);
  });

  it("have no arguments where none came", () => {
    for (const args of [undefined, null, "", "{}"]) {
      const delta = { tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: args } }] };
      expect(callsOf(chunk(delta))).toEqual([{ id: "a", name: "f", args: {} }]);
    }
  });

  it("keep arguments that are no JSON object", () => {
    expect(partsOf(chunk(call(0, '{"city":', "a", "f")), chunk({}, "length"))).toEqual([
      { type: "tool-call", callId: "a", name: "f", args: {}, invalidArgs: '{"city":' },
    ]);
  });

  it("have the reason tool-calls although the server says stop", () => {
    const finish = finishOf(decode([chunk(call(0, "{}", "a", "f")), chunk({}, "stop")]));
    expect(finish).toMatchObject({ reason: "tool-calls", rawReason: "stop" });
  });

  it("come in the form from before tool_calls", () => {
    const calls = callsOf(
      chunk({ function_call: { name: "f", arguments: '{"city":' } }),
      chunk({ function_call: { arguments: '"London"}' } }),
    );
    expect(calls).toEqual([{ ...london, id: expect.stringMatching(/./) }]);
    expect(callsOf(chunk({ content: "x", function_call: { name: "", arguments: "" } }))).toEqual([]);
  });

  it("keep Gemini's signature", () => {
    const extra_content = { google: { thought_signature: "s==" } };
    const delta = { tool_calls: [{ id: "a", function: { name: "f", arguments: "{}" }, extra_content }] };
    expect(partsOf(chunk(delta))[0]?.providerData).toEqual({ "openai-chat": { provider: "p", extra_content } });
  });
});

describe("reasoning", () => {
  const kept = (part: AssistantPart | undefined) => part?.providerData?.["openai-chat"];

  it.each(["reasoning_content", "reasoning"])("comes as %s", (field) => {
    const [thought, text] = partsOf(chunk({ [field]: "H" }), chunk({ [field]: "m." }), chunk({ content: "So" }));
    expect(thought).toMatchObject({ type: "reasoning", text: "Hm." });
    expect(kept(thought)).toEqual({ provider: "p", field });
    expect(text).toEqual({ type: "text", text: "So" });
  });

  it("comes under several names at once, and counts once", () => {
    const delta = {
      reasoning_content: "Hm.",
      reasoning: "Hm.",
      reasoning_details: [{ type: "reasoning.text", text: "Hm." }],
    };
    expect(partsOf(chunk(delta))).toMatchObject([{ type: "reasoning", text: "Hm." }]);
  });

  it("comes in details, whose text, signature and encrypted entries are put together", () => {
    const text = { type: "reasoning.text", format: "f", index: 0 };
    const sealed = { type: "reasoning.encrypted", data: "e==", format: "f", index: 1 };
    const [thought] = partsOf(
      chunk({ reasoning_details: [{ ...text, text: "H", signature: null }] }),
      chunk({ reasoning_details: [{ ...text, text: "m." }] }),
      chunk({ reasoning_details: [{ ...text, signature: "s==" }] }),
      chunk({ reasoning_details: [sealed] }),
      chunk({ reasoning_details: [sealed] }),
    );
    expect(thought).toMatchObject({ type: "reasoning", text: "Hm." });
    expect(kept(thought)).toEqual({
      provider: "p",
      field: "reasoning_details",
      details: [{ ...text, text: "Hm.", signature: "s==" }, sealed],
    });
  });

  it("comes as parts of the content", () => {
    const thinking = (text: string) => ({ type: "thinking", thinking: [{ type: "text", text }] });
    const [thought, text] = partsOf(
      chunk({ content: [thinking("H")] }),
      chunk({ content: [thinking("m.")] }),
      chunk({ content: [{ type: "text", text: "So" }] }),
    );
    expect(thought).toMatchObject({ type: "reasoning", text: "Hm." });
    expect(kept(thought)).toEqual({ provider: "p", field: "thinking" });
    expect(text).toEqual({ type: "text", text: "So" });
  });

  it("comes in tags at the beginning of the text, unless they are not asked for", () => {
    const tagged = [chunk({ content: "\n<think>Hm.</think>So" }), chunk({}, "stop")];
    expect(finishOf(decode(tagged)).message.content).toMatchObject([
      { type: "reasoning", text: "Hm." },
      { type: "text", text: "So" },
    ]);
    expect(finishOf(decode(tagged, { thinkTags: false })).message.content).toHaveLength(1);
  });

  it("leaves tags in the text alone where it has a field of its own", () => {
    expect(partsOf(chunk({ reasoning: "Hm." }), chunk({ content: "<think>" }), chunk({}, "stop"))).toMatchObject([
      { type: "reasoning", text: "Hm." },
      { type: "text", text: "<think>" },
    ]);
  });

  it("is not lost where the answer ends within it", () => {
    expect(partsOf(chunk({ content: "<think>Hm. </th" }), chunk({}, "length"))).toMatchObject([
      { type: "reasoning", text: "Hm. </th" },
    ]);
  });
});

describe("the end", () => {
  it("is a finish_reason, without [DONE]", () => {
    expect(finishOf(decode([chunk({ content: "A" }, "stop")], { sawDone: false })).reason).toBe("stop");
  });

  it("is [DONE], without a finish_reason", () => {
    for (const reason of [null, ""]) {
      const finish = finishOf(decode([chunk({ content: "A" }, reason)]));
      expect(finish.reason).toBe("other");
      expect(finish.rawReason).toBeUndefined();
    }
  });

  it("did not come: there is no finish event", () => {
    const events = decode([chunk({ content: "A" })], { sawDone: false });
    expect(events.map((event) => event.type)).toEqual(["text-delta"]);
  });

  it("may be told twice, with usage after or between", () => {
    const events = decode([chunk({}, "tool_calls"), chunk({}, "tool_calls", { usage: { prompt_tokens: 3 } })]);
    expect(events.filter((event) => event.type === "finish")).toHaveLength(1);
  });

  it.each([
    ["length", "length"],
    ["content_filter", "content-filter"],
    ["error", "error"],
    ["eos", "other"],
  ])("for the reason %s is %s", (raw, reason) => {
    expect(finishOf(decode([chunk({}, raw)]))).toMatchObject({ reason, rawReason: raw });
  });
});

describe("usage", () => {
  const spent = { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30 };
  const usageOf = (...events: unknown[]) => finishOf(decode([...events, chunk({}, "stop")])).usage;

  it("comes in a chunk of its own, in every chunk, or where Groq puts it", () => {
    const told = { inputTokens: 10, outputTokens: 20 };
    expect(usageOf(usageChunk(spent))).toMatchObject(told);
    expect(
      usageOf(chunk({}, null, { usage: { prompt_tokens: 10, completion_tokens: 1 } }), usageChunk(spent)),
    ).toMatchObject(told);
    expect(usageOf(chunk({}, null, { x_groq: { id: "r", usage: spent } }))).toMatchObject(told);
    expect(usageOf(chunk({}, null, { usage: null }))).toMatchObject({ inputTokens: 0 });
  });

  it("counts reasoning that xAI counts beside the output", () => {
    const reasoning = { completion_tokens_details: { reasoning_tokens: 100 } };
    expect(usageOf(usageChunk({ ...spent, ...reasoning, total_tokens: 130 }))).toMatchObject({
      outputTokens: 120,
      reasoningTokens: 100,
    });
    expect(usageOf(usageChunk({ ...spent, ...reasoning }))).toMatchObject({ outputTokens: 20 });
  });

  it("knows what was read from a cache", () => {
    expect(usageOf(usageChunk({ ...spent, prompt_tokens_details: { cached_tokens: 4 } })).cacheReadTokens).toBe(4);
    expect(usageOf(usageChunk({ ...spent, prompt_cache_hit_tokens: 5 })).cacheReadTokens).toBe(5);
  });
});

describe("errors in a stream of status 200", () => {
  it.each([
    [{ error: { message: "Sorry", type: "server_error", code: null } }, "server-error"],
    [{ error: { message: "Bad call", code: "tool_use_failed", status_code: 400 } }, "invalid-request"],
    [
      { error: { message: "Busy", code: 502 }, choices: [{ index: 0, delta: {}, finish_reason: "error" }] },
      "server-error",
    ],
    [{ object: "error", message: "Bad", code: 400 }, "invalid-request"],
    [{ detail: "Too many requests", status: 429 }, "rate-limit"],
    [{ choices: [{ index: 0, delta: {}, error: { message: "Slow down", code: 429 } }] }, "rate-limit"],
    ["oops", "protocol"],
  ])("%j is of kind %s", (event, kind) => {
    const error = thrownBy(() => decode([chunk({ content: "A" }), event]));
    expect(error).toBeInstanceOf(ModelError);
    expect(error).toMatchObject({ kind, provider: "p" });
  });

  it("are none where odd chunks come", () => {
    const odd = [
      {},
      { choices: [] },
      { choices: [null] },
      chunk({ content: null, tool_calls: [null, 1, {}] }),
      { choices: [{}] },
    ];
    expect(partsOf(...odd, chunk({ content: "A" }))).toEqual([{ type: "text", text: "A" }]);
  });
});

describe("other things", () => {
  it("reads choice 0 only", () => {
    const second = { choices: [{ index: 1, delta: { content: "no" }, finish_reason: "length" }] };
    expect(finishOf(decode([second, chunk({ content: "yes" }), second, chunk({}, "stop")]))).toMatchObject({
      message: { content: [{ type: "text", text: "yes" }] },
      reason: "stop",
    });
  });

  it("keeps refusals apart from text", () => {
    const events = decode([chunk({ refusal: "I " }), chunk({ refusal: "can't." }), chunk({ content: "" }, "stop")]);
    expect(events[0]).toEqual({ type: "refusal-delta", text: "I ", part: 0 });
    expect(finishOf(events).message.content).toEqual([{ type: "refusal", text: "I can't." }]);
  });

  it("gives each source once", () => {
    const citations = ["https://a.example", "https://b.example"];
    const results = [{ title: "A", url: "https://a.example" }];
    const events = decode([
      chunk({ content: "x" }, null, { citations, search_results: results }),
      chunk({ content: "y" }, "stop", { citations, search_results: results }),
      chunk({ annotations: [{ type: "url_citation", url_citation: { url: "https://c.example", start_index: 0 } }] }),
    ]);
    const sources = events.flatMap((event) => (event.type === "source" ? [event.source.url] : []));
    expect(sources).toEqual(["https://a.example", "https://b.example", "https://c.example"]);
    expect(events).toContainEqual({ type: "source", source: { type: "source", url: "https://a.example", title: "A" } });
  });

  it("gives images that the model made", () => {
    const url = "data:image/png;base64,AAAA";
    const events = decode([chunk({ images: [{ type: "image_url", image_url: { url } }] }, "stop")]);
    expect(events).toContainEqual({ type: "file-output", file: expect.objectContaining({ type: "image", url }) });
  });
});

describe("a whole body", () => {
  const body = (message: object, finish: string | null = "stop", more: object = {}) => ({
    object: "chat.completion",
    choices: [{ index: 0, message, finish_reason: finish, ...more }],
    usage: { prompt_tokens: 1, completion_tokens: 2 },
  });

  it("is read like a stream", () => {
    const tool_calls = [
      { id: "a", type: "function", function: { name: "f", arguments: "{}" } },
      { id: "b", type: "function", function: { name: "f" } },
    ];
    const finish = decodeBody(body({ role: "assistant", content: "A", reasoning_content: "Hm.", tool_calls }));
    expect(finish.message.content.map((part) => part.type)).toEqual(["reasoning", "text", "tool-call", "tool-call"]);
    expect(finish).toMatchObject({ reason: "tool-calls", usage: { inputTokens: 1, outputTokens: 2 } });
  });

  it("counts its message, not the empty delta beside it", () => {
    const finish = decodeBody(body({ content: "A" }, "stop", { delta: { role: "assistant", content: "" } }));
    expect(finish.message.content).toEqual([{ type: "text", text: "A" }]);
  });

  it("needs no finish_reason", () => {
    expect(decodeBody(body({ content: "A" }, null))).toMatchObject({ reason: "other", rawReason: "" });
  });

  it.each([
    [{ error: { message: "filtered", code: "content_filter", status: 400 } }, "content-filter"],
    [{ choices: [] }, "protocol"],
    [null, "protocol"],
    [{ choices: [{ index: 1, message: { content: "A" } }] }, "protocol"],
  ])("%j is an error of kind %s", (json, kind) => {
    expect(thrownBy(() => decodeBody(json))).toMatchObject({ kind });
  });
});
