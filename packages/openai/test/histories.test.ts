import { checkChatRequest, checkResponsesRequest, type Simulator, startSimulator } from "@millrace/simulator";
import fc from "fast-check";
import { type AssistantPart, type Message, type Model, type ProviderData, toolCallsOf } from "millrace/provider";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeChat } from "../src/encode-chat.ts";
import { encodeResponses } from "../src/encode-responses.ts";
import { openai, openaiCompatible } from "../src/index.ts";
import { collect, finishOf, requestOf } from "./streams.ts";

const text = fc.constantFrom("", "A", "Let me look.", "日本 🌞");

/** What the parts of all providers keep: ours, another server's of the same wire, another wire's, nothing. */
const kept = fc.constantFrom<(ProviderData | undefined)[]>(
  undefined,
  { anthropic: { signature: "s==" } },
  { "openai-chat": { provider: "p", field: "reasoning_content" } },
  { "openai-chat": { provider: "q", field: "think" } },
  { "openai-responses": { provider: "p", id: "msg_1" } },
  { "openai-responses": { provider: "q", id: "msg_2" } },
);
const sealed = fc.constantFrom<(ProviderData | undefined)[]>(
  undefined,
  {
    "openai-responses": {
      provider: "p",
      item: { type: "reasoning", id: "rs_1", encrypted_content: "e==", summary: [] },
    },
  },
  { "openai-responses": { provider: "p", item: { type: "reasoning", id: "rs_2", summary: [] } } },
  {
    "openai-responses": {
      provider: "q",
      item: { type: "reasoning", id: "rs_3", encrypted_content: "e==", summary: [] },
    },
  },
);

const withData = <Part extends object>(part: fc.Arbitrary<Part>, data: fc.Arbitrary<ProviderData | undefined>) =>
  fc.tuple(part, data).map(([one, providerData]) => ({ ...one, ...(providerData && { providerData }) }));

const callId = fc.oneof(
  fc.constantFrom("call_0", "call_1", "functions.f:0", "gRgYUmPLP"),
  fc.string({ unit: fc.constantFrom(..."abcXYZ019_-|"), minLength: 1, maxLength: 120 }),
);

const part: fc.Arbitrary<AssistantPart> = fc.oneof(
  withData(fc.record({ type: fc.constant("text" as const), text }), kept),
  withData(fc.record({ type: fc.constant("reasoning" as const), text }), fc.oneof(kept, sealed)),
  fc.record({ type: fc.constant("refusal" as const), text }),
  fc.record(
    {
      type: fc.constant("tool-call" as const),
      callId,
      name: fc.constantFrom("f", "g"),
      args: fc.constantFrom({}, { a: 1 }),
      invalidArgs: fc.constantFrom('{"a":', "7"),
    },
    { requiredKeys: ["type", "callId", "name", "args"] },
  ),
  withData(
    fc.record({ type: fc.constant("provider-tool" as const), callId: fc.constant("srv"), name: fc.constant("s") }),
    kept,
  ),
  fc.record({ type: fc.constant("source" as const), url: fc.constant("https://a.example") }),
  fc.record({ type: fc.constant("image" as const), data: fc.constant("AAAA"), mediaType: fc.constant("image/png") }),
);

const result = fc.constantFrom<Extract<Message, { role: "tool" }>["content"]>(
  "ok",
  [{ type: "text", text: "ok" }],
  [{ type: "image", data: "AAAA", mediaType: "image/png" }],
);

/** A turn: the user asks, the model answers, each of its calls has its result, an error or not. */
const turn: fc.Arbitrary<Message[]> = fc
  .tuple(fc.array(part, { maxLength: 5 }), result, fc.boolean())
  .map(([content, output, isError]): Message[] => {
    const ids = new Set<string>();
    const unique = content.filter((one) => one.type !== "tool-call" || (!ids.has(one.callId) && ids.add(one.callId)));
    const answer: Message = { role: "assistant", content: unique };
    const results = toolCallsOf(answer).map(
      (call): Message => ({
        role: "tool",
        callId: call.callId,
        name: call.name,
        content: output,
        ...(isError && { isError }),
      }),
    );
    return [{ role: "user", content: "Go on" }, answer, ...results];
  });

const history = fc
  .array(turn, { minLength: 1, maxLength: 4 })
  .map((turns): Message[] => [...turns.flat(), { role: "user", content: "And?" }]);

describe("any history, whoever wrote it,", () => {
  it("is a valid request of Chat Completions", () => {
    fc.assert(
      fc.property(history, fc.boolean(), (messages, refusals) => {
        const body = JSON.parse(JSON.stringify(encodeChat("m", requestOf(...messages), { provider: "p", refusals })));
        expect(checkChatRequest(body)).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  it("is a valid request of Responses", () => {
    fc.assert(
      fc.property(history, (messages) => {
        const body = JSON.parse(JSON.stringify(encodeResponses("m", requestOf(...messages), { provider: "p" })));
        expect(checkResponsesRequest(body)).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("a conversation with a server that checks", () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator();
  });
  afterAll(() => simulator.close());

  const tools = [
    {
      name: "get_weather",
      description: "Get the weather for a city",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  ];

  it.each([
    ["openai", () => openai("simulated-small", { baseURL: simulator.baseURL, apiKey: "any" })],
    ["openai.responses", () => openai.responses("simulated-small", { baseURL: simulator.baseURL, apiKey: "any" })],
    [
      "openaiCompatible",
      () => openaiCompatible({ name: "p", baseURL: simulator.baseURL, apiKey: "any" })("simulated-small"),
    ],
  ])("goes on through calls and results: %s", async (_name, make) => {
    const model: Model = make();
    const messages: Message[] = [{ role: "user", content: "What is the weather in Tokyo and in London?" }];
    let turns = 0;
    for (let calling = true; calling && turns < 5; turns++) {
      const { message } = finishOf(await collect(model, { ...requestOf(...messages), tools }));
      const calls = toolCallsOf(message);
      const results = calls.map(
        (call): Message => ({ role: "tool", callId: call.callId, name: call.name, content: "Sunny" }),
      );
      messages.push(message, ...results);
      calling = calls.length > 0;
    }
    expect(turns).toBeGreaterThan(1);
    expect(messages.filter((message) => message.role === "tool").length).toBeGreaterThan(0);
    expect(messages.at(-1)?.role).toBe("assistant");
  });
});
