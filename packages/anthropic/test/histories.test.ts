import fc from "fast-check";
import type { AssistantPart, Message } from "millrace/provider";
import { checkHistory } from "millrace/testing";
import { expect, it } from "vitest";
import { encode } from "../src/index.ts";
import { checkRequest } from "./check-request.ts";
import { request } from "./requests.ts";

const words = fc.oneof(fc.constantFrom("", " ", "\n", "Hello", "So the answer is "), fc.string({ unit: "binary" }));
const providerData = fc.constantFrom(
  undefined,
  { anthropic: { signature: "s==" } },
  { anthropic: { redacted: "r==" } },
  { "openai-responses": { id: "rs_1", encrypted_content: "x" } },
);
const foreignTool = { type: "provider-tool", callId: "ws_1", name: "web_search", providerData: { other: {} } } as const;

const part: fc.Arbitrary<AssistantPart> = fc.oneof(
  words.map((text) => ({ type: "text", text }) as const),
  fc
    .tuple(words, providerData)
    .map(([text, data]) => ({ type: "reasoning", text, ...(data && { providerData: data }) }) as const),
  words.map((text) => ({ type: "refusal", text }) as const),
  fc.record({ type: fc.constant("source" as const), url: fc.webUrl() }),
  fc.constant(foreignTool),
);

/** An answer with calls and their results, or what the user says, or an instruction. */
const turn: fc.Arbitrary<Message[]> = fc.oneof(
  words.map((content): Message[] => [{ role: "user", content }]),
  words.map((text): Message[] => [{ role: "user", content: [{ type: "text", text }] }]),
  words.map((content): Message[] => [{ role: "system", content }]),
  fc
    .record({
      parts: fc.array(part, { minLength: 1, maxLength: 4 }),
      ids: fc.uniqueArray(fc.string({ maxLength: 80 }), { maxLength: 3 }),
      content: words,
      isError: fc.boolean(),
      invalidArgs: fc.option(fc.constant("{"), { nil: undefined }),
    })
    .map(({ parts, ids, content, isError, invalidArgs }): Message[] => [
      {
        role: "assistant",
        content: [
          ...parts,
          ...ids.map((callId): AssistantPart => {
            const cut = invalidArgs === undefined ? {} : { invalidArgs };
            return { type: "tool-call", callId, name: "f", args: {}, ...cut };
          }),
        ],
      },
      ...ids.map((callId): Message => ({ role: "tool", callId, name: "f", content, ...(isError && { isError }) })),
    ]),
);

it("encodes any valid history into a request that the API takes", () => {
  fc.assert(
    fc.property(fc.array(turn, { maxLength: 8 }), (turns) => {
      const messages: Message[] = [{ role: "user", content: "Q" }, ...turns.flat()];
      fc.pre(checkHistory(messages).length === 0);
      const settings = { reasoning: { budgetTokens: 2000 } };
      const body = encode(request({ messages, settings }), { model: "claude", maxOutputTokens: 9000, cache: "auto" });
      expect(checkRequest(body)).toEqual([]);
      expect(JSON.stringify(body)).not.toContain("encrypted_content");
    }),
    { numRuns: 500 },
  );
});
