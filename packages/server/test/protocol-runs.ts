import { Agent, image, ModelError, tool } from "millrace";
import { MessageBuilder, type Model, type ModelEvent, noUsage } from "millrace/provider";
import { scriptedModel } from "millrace/testing";

/** What trips parsers: line ends of all kinds, quotes, what looks like an end, half a pair, characters beyond the first plane. */
export const nasty = 'a\r\nb\u2028c\u2029d "e" \\ \u0000 data: [DONE]\n\n🦀é\ud83d';

const usage = { ...noUsage, inputTokens: 100, outputTokens: 20, reasoningTokens: 7, cacheReadTokens: 50 };

/** A model whose answers are these events, one list for each request. */
function modelOf(...answers: ((builder: MessageBuilder) => Iterable<ModelEvent | undefined>)[]): Model {
  let requests = 0;
  return {
    provider: "events",
    id: "events",
    async *stream() {
      const builder = new MessageBuilder();
      for (const event of answers[requests++]?.(builder) ?? []) if (event) yield event;
      yield builder.finish({ reason: builder.hasToolCalls ? "tool-calls" : "stop", usage });
    },
  };
}

const weather = tool({
  name: "weather",
  description: "The weather of a city",
  input: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  execute: () => ({ sky: nasty, degrees: 22 }),
});
const broken = tool({
  name: "broken",
  description: "Fails",
  execute: (): string => {
    throw new Error("boom at sk-abcdefghijklmnop");
  },
});
const slow = tool({
  name: "slow",
  description: "Tells how far it is",
  async *execute() {
    yield { percent: 50 };
    return "all";
  },
});
const photo = tool({
  name: "photo",
  description: "A photo",
  execute: () => image("data:image/png;base64,aGk=", { mediaType: "image/png" }),
});

function expert(): Agent {
  const model = scriptedModel([
    { reasoning: "Hm.", text: "Looking.", toolCalls: [{ name: "weather", args: { city: "Rome" }, callId: "c1" }] },
    `The expert says ${nasty}`,
  ]);
  return new Agent({ name: "expert", model, tools: [weather] });
}

function* call(builder: MessageBuilder, slot: number, name: string, json: string, callId = `c${slot}`) {
  yield builder.toolCall(slot, name, callId);
  for (let from = 0; from < json.length; from += 5) yield builder.toolArgs(slot, json.slice(from, from + 5));
}

/** An agent whose run has every kind of event: an answer that a retry makes void, tools of all fates, a sub-agent. */
export function everything(): Agent {
  const model = modelOf(
    function* (builder) {
      const before = new MessageBuilder();
      yield before.reasoning("void thought");
      yield before.text("void text");
      yield { type: "provider-tool", callId: "p1", name: "web_search", state: "started", input: { query: "void" } };
      yield* call(before, 1, "weather", '{"city":"vo');
      const error = new ModelError("overloaded", { kind: "overloaded", provider: "events" });
      yield { type: "retry", attempt: 1, error, delayMs: 0 };
      yield builder.reasoning("First I ", "r");
      yield builder.reasoning(`think. ${nasty}`, "r");
      yield builder.text("Looking. ", "t1");
      yield { type: "provider-tool", callId: "p1", name: "web_search", state: "started", input: { query: "weather" } };
      yield { type: "provider-tool", callId: "p1", name: "web_search", state: "done", output: [{ hit: nasty }] };
      yield { type: "provider-tool", callId: "p2", name: "code", state: "started" };
      yield { type: "provider-tool", callId: "p2", name: "code", state: "failed", output: "no" };
      yield { type: "source", source: { type: "source", url: "https://example.org/", title: nasty, quote: "q" } };
      yield { type: "source", source: { type: "source", document: "report.pdf" } };
      yield { type: "file-output", file: { type: "image", data: "aGk=", mediaType: "image/png" } };
      yield builder.text(nasty, "t2");
      yield* call(builder, 1, "weather", JSON.stringify({ city: nasty }));
      yield* call(builder, 2, "nobody", "{}");
      yield* call(builder, 3, "broken", "");
      yield* call(builder, 4, "slow", "{}");
      yield* call(builder, 5, "expert", '{"input":"Help!"}');
      yield* call(builder, 6, "weather", '{"city":');
      yield* call(builder, 7, "photo", "{}");
    },
    // The same id once more: providers only promise that ids differ within a message.
    (builder) => call(builder, 1, "weather", '{"city":"Oslo"}', "c1"),
    function* (builder) {
      yield builder.text(`Done. ${nasty}`);
    },
  );
  return new Agent({ name: "all", model, tools: [weather, broken, slow, photo, expert().asTool()] });
}
