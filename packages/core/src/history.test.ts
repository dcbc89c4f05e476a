import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "./errors.ts";
import { checkMessages, repairHistory, simplify, toMessages } from "./history.ts";
import type { AssistantPart, Message } from "./messages.ts";
import { checkHistory } from "./testing.ts";

const question: Message = { role: "user", content: "?" };

/** A valid history: each turn a question, answers that call tools, an answer. Ids are used again in later turns. */
const history: fc.Arbitrary<Message[]> = fc
  .array(fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }), { maxLength: 4 })
  .map((turns) =>
    turns.flatMap((rounds): Message[] => [
      { role: "user", content: "question" },
      ...rounds.flatMap(round),
      { role: "assistant", content: [{ type: "text", text: "answer" }] },
    ]),
  );

function round(calls: number): Message[] {
  const ids = Array.from({ length: calls }, (_, index) => `call_${index}`);
  const content = ids.map((callId): AssistantPart => ({ type: "tool-call", callId, name: "look", args: {} }));
  const results = ids.map((callId): Message => ({ role: "tool", callId, name: "look", content: "seen" }));
  return [{ role: "assistant", content }, ...results];
}

/** What is wrong with the pairing of calls and results. A repair adds no question before the first answer. */
function problemsOf(messages: readonly Message[]): string[] {
  return checkHistory(messages).filter((problem) => !problem.startsWith("the first message"));
}

describe("repairHistory", () => {
  it("gives a valid history back as it is", () => {
    fc.assert(
      fc.property(history, (messages) => {
        expect(repairHistory(messages)).toBe(messages);
      }),
    );
  });

  it("makes a valid history of any part of one", () => {
    fc.assert(
      fc.property(history, fc.nat(40), fc.nat(40), (messages, from, to) => {
        const repaired = repairHistory(messages.slice(from, to));
        expect(problemsOf(repaired)).toEqual([]);
        expect(repairHistory(repaired)).toBe(repaired);
      }),
    );
  });

  it("makes a valid history of one whose messages were lost, doubled and mixed up, and keeps all that was said", () => {
    const mixed = history.chain((messages) => fc.array(fc.constantFrom(...messages, question)));
    fc.assert(
      fc.property(mixed, (messages) => {
        const repaired = repairHistory(messages);
        expect(problemsOf(repaired)).toEqual([]);
        const said = (list: readonly Message[]): Message[] => list.filter(({ role }) => role !== "tool");
        expect(said(repaired)).toEqual(said(messages));
      }),
    );
  });

  it("says so where a call has no result", () => {
    expect(repairHistory([question, ...round(2).slice(0, 2)]).at(-1)).toEqual({
      role: "tool",
      callId: "call_1",
      name: "look",
      content: expect.stringContaining("interrupted"),
      isError: true,
    });
  });

  it("takes a result that came after the user's next message", () => {
    const late = round(1).toSpliced(1, 0, question);
    expect(repairHistory(late)).toEqual([...round(1), question]);
  });
});

describe("toMessages", () => {
  it("takes text, parts and messages", () => {
    expect(toMessages("hi")).toEqual([{ role: "user", content: "hi" }]);
    const parts = [{ type: "text", text: "hi" }] as const;
    expect(toMessages(parts)).toEqual([{ role: "user", content: parts }]);
    expect(toMessages([])).toEqual([]);
  });

  it("leaves the caller's objects alone", () => {
    const given: Message[] = [{ role: "user", content: [{ type: "text", text: "hi" }] }];
    const [message] = toMessages(given);
    expect(message).toEqual(given[0]);
    expect(message).not.toBe(given[0]);
  });

  it("refuses what says nothing or is no input", () => {
    for (const input of ["", " \n", 7, null, undefined, {}, [7], [null], ["hi"]]) {
      expect(() => Reflect.apply(toMessages, undefined, [input])).toThrow(ConfigError);
    }
  });
});

describe("checkMessages", () => {
  const foreign: Record<string, unknown> = {
    "OpenAI's answers": { role: "assistant", content: "hi" },
    "OpenAI's calls": { role: "assistant", content: null, tool_calls: [] },
    "OpenAI's results": { role: "tool", tool_call_id: "c1", content: "x" },
    "OpenAI's images": { role: "user", content: [{ type: "image_url", image_url: { url: "https://x" } }] },
    "OpenAI's items": { type: "function_call", call_id: "c1" },
    "OpenAI's developer": { role: "developer", content: "x" },
    "Anthropic's calls": { role: "assistant", content: [{ type: "tool_use", id: "c1", name: "look", input: {} }] },
    "Anthropic's second part": {
      role: "assistant",
      content: [
        { type: "text", text: "a" },
        { type: "thinking", thinking: "b" },
      ],
    },
    "Anthropic's results": { role: "user", content: [{ type: "tool_result", tool_use_id: "c1" }] },
    "Gemini's contents": { role: "model", parts: [{ text: "hi" }] },
    "the AI SDK's calls": {
      role: "assistant",
      content: [{ type: "tool-call", toolCallId: "c1", toolName: "look", input: {} }],
    },
    "the AI SDK's results": { role: "tool", content: [{ type: "tool-result", toolCallId: "c1", output: {} }] },
  };
  for (const [name, message] of Object.entries(foreign)) {
    it(`refuses ${name} and says who converts them`, () => {
      expect(() => checkMessages([{ role: "user", content: "hi" }, message], "history")).toThrow(
        /^history\[1\]: .*from…Messages/,
      );
    });
  }

  it("refuses what has no shape at all", () => {
    for (const message of [null, undefined, 7, "hi", [], {}, { role: "user" }, { role: "user", content: 7 }]) {
      expect(() => checkMessages([message], "history")).toThrow(ConfigError);
    }
  });

  it("takes every message of ours", () => {
    const content: AssistantPart[] = [
      { type: "text", text: "" },
      { type: "reasoning", text: "", providerData: { wire: "x" } },
      { type: "refusal", text: "" },
      { type: "tool-call", callId: "c", name: "look", args: {} },
      { type: "provider-tool", callId: "s", name: "search" },
      { type: "source", url: "https://x" },
      { type: "image", data: "" },
      { type: "file", fileId: "f" },
      { type: "file", providerData: { wire: "x" } },
    ];
    const messages: Message[] = [
      { role: "system", content: "x" },
      { role: "user", content: [{ type: "image", url: "https://x" }] },
      { role: "assistant", content },
      { role: "tool", callId: "c", name: "look", content: [{ type: "text", text: "x" }] },
    ];
    expect(() => checkMessages(messages, "history")).not.toThrow();
  });
});

describe("simplify", () => {
  it("keeps what user and model said to each other", () => {
    const messages: Message[] = [
      { role: "system", content: "x" },
      { role: "user", content: "?" },
      ...round(1),
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "hm" },
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
    ];
    expect(simplify(messages)).toEqual([
      { role: "user", content: "?" },
      { role: "assistant", content: [{ type: "text", text: "ab" }] },
    ]);
  });
});
