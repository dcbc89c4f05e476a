import fc from "fast-check";
import { type Decoder, ModelError, type ModelEvent } from "millrace/provider";
import { describe, expect, it } from "vitest";
import { ChatDecoder } from "../src/decode-chat.ts";
import { ResponsesDecoder } from "../src/decode-responses.ts";

const names = [
  "choices delta message content role tool_calls function name arguments index id type finish_reason reasoning",
  "reasoning_content reasoning_details text summary data signature refusal function_call annotations url_citation url",
  "images image_url audio transcript usage prompt_tokens completion_tokens_details x_groq citations search_results",
  "item item_id output_index content_index delta response output status incomplete_details reason action result",
].flatMap((line) => line.split(" "));

const types = [
  "response.output_text.delta",
  "response.function_call_arguments.delta",
  "response.reasoning_summary_text.delta",
  "response.output_item.added",
  "response.output_item.done",
  "response.output_text.annotation.added",
  "response.completed",
  "response.incomplete",
  "message",
  "function_call",
  "reasoning",
  "web_search_call",
  "image_generation_call",
  "output_text",
  "thinking",
];

/** JSON of the names that the decoders look for, with values of any kind. */
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(null, "", "a", "{", '{"a":1}', "<think>", "__proto__", 0, 1, -1, 1e9, true, ...types),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...names), tie("value"), { maxKeys: 5 }),
  ),
}));

const events = fc.array(value, { maxLength: 6 });

function checkDecoder(make: () => Decoder): void {
  const run = (read: (decoder: Decoder, out: ModelEvent[]) => void) => {
    const out: ModelEvent[] = [];
    try {
      read(make(), out);
    } catch (error) {
      expect(error).toBeInstanceOf(ModelError);
    }
    expect(out.filter((event) => event.type === "finish").length).toBeLessThanOrEqual(1);
    expect(() => JSON.stringify(out)).not.toThrow();
  };
  fc.assert(
    fc.property(events, (all) => {
      run((decoder, out) => {
        for (const event of all) decoder.event(event, out);
        decoder.end(true, out);
      });
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(value, (body) => run((decoder, out) => decoder.body(body, out))),
    { numRuns: 1000 },
  );
}

describe("whatever comes, a decoder reads it or throws a ModelError", () => {
  it("over Chat Completions", () => checkDecoder(() => new ChatDecoder({ provider: "p", thinkTags: true })));
  it("over Responses", () => checkDecoder(() => new ResponsesDecoder({ provider: "p" })));
});
