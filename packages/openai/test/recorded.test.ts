import { describeFixtures, type Fixture, loadDerived, type ReplayServer, startReplayServer } from "@millrace/fixtures";
import { type Model, ModelError, type ModelFinish, type ModelRequest } from "millrace/provider";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openaiCompatible } from "../src/index.ts";

const request: ModelRequest = { messages: [{ role: "user", content: "Hi" }], tools: [], settings: {} };
const apis = ["openai-chat", "openai-responses"] as const;

type Field = "text" | "reasoning" | "toolCalls" | "finishReason" | "cacheReadTokens";

/** What we read differently from the references, and why: rules, not names of recordings. */
const differences: readonly {
  why: string;
  fields: readonly Field[];
  applies(fixture: Fixture, body: string): boolean;
}[] = [
  {
    why: "the references leave <think> in the text: here it is reasoning",
    fields: ["text", "reasoning"],
    applies: ({ expected }) => expected.text?.startsWith("<think>") ?? false,
  },
  {
    why: "the references drop the function_call from before tool_calls: here it is a call",
    fields: ["toolCalls"],
    applies: ({ expected }) => expected.finishReasonRaw === "function_call",
  },
  {
    why: "the references drop reasoning that comes in reasoning_details only",
    fields: ["reasoning"],
    applies: ({ expected }, body) => expected.reasoning === "" && /"reasoning_details":\s*\[\{[^\]]*"text":/.test(body),
  },
  {
    why: "a custom tool's call is kept as an item: its input is text, no JSON object",
    fields: ["toolCalls"],
    applies: (_, body) => body.includes('"custom_tool_call"'),
  },
  {
    why: "the references do not know Moonshot's usage.cached_tokens",
    fields: ["cacheReadTokens"],
    applies: ({ expected }, body) => expected.usage?.cacheReadTokens === 0 && /"cached_tokens":\s*[1-9]/.test(body),
  },
  {
    why: "no finish_reason, but [DONE]: the references fail, here the answer counts and its reason is other",
    fields: ["finishReason"],
    applies: ({ expected, streaming }, body) =>
      streaming && expected.finishReason === "error" && body.includes("data: [DONE]") && !body.includes('"error"'),
  },
];

function differsIn(fixture: Fixture, field: Field): boolean {
  const body = new TextDecoder().decode(fixture.body());
  return differences.some(({ fields, applies }) => fields.includes(field) && applies(fixture, body));
}

function modelFor(fixture: { api: string; provider: string }, baseURL: string): Model {
  const models = openaiCompatible({ name: fixture.provider, baseURL, apiKey: "test" });
  return fixture.api === "openai-chat" ? models("m") : models.responses("m");
}

interface Read {
  text: string;
  reasoning: string;
  refusal: string;
  finish?: ModelFinish;
  error?: unknown;
}

async function read(model: Model): Promise<Read> {
  const got: Read = { text: "", reasoning: "", refusal: "" };
  try {
    for await (const event of model.stream(request, { signal: new AbortController().signal })) {
      if (event.type === "text-delta") got.text += event.text;
      else if (event.type === "reasoning-delta") got.reasoning += event.text;
      else if (event.type === "refusal-delta") got.refusal += event.text;
      else if (event.type === "finish") got.finish = event;
    }
  } catch (error) {
    got.error = error;
  }
  return got;
}

function partText(finish: ModelFinish | undefined, type: "text" | "reasoning" | "refusal"): string {
  return (finish?.message.content ?? []).map((part) => (part.type === type ? part.text : "")).join("");
}

function checkError(fixture: Fixture, error: unknown): void {
  const { expected } = fixture;
  expect(error).toBeInstanceOf(ModelError);
  if (!(error instanceof ModelError)) return;
  expect(error.provider).toBe(fixture.provider);
  if (expected.error) {
    const { httpStatus, retryable, message = "" } = expected.error;
    if (httpStatus >= 400) expect(error.status).toBe(httpStatus);
    if (retryable !== undefined) expect(error.retryable).toBe(retryable);
    const told = message.replace(/^\d+ /, "").replace(/^invalid-argument: /, "");
    const [, detail] = /^\{"detail":"(.*)"\}$/.exec(told) ?? [];
    expect(error.message).toContain(detail ?? told);
  } else if (expected.streamError) expect(error.message).toContain(expected.streamError.message);
}

const kinds: Record<number, string[]> = {
  400: ["invalid-request", "context-overflow", "content-filter", "auth"],
  401: ["auth"],
  404: ["invalid-request"],
  429: ["rate-limit", "context-overflow"],
  500: ["server-error"],
};

function checkAnswer(fixture: Fixture, got: Read): void {
  const { expected, disputed = {} } = fixture;
  const asserts = (field: Field, value: unknown) => value != null && !(field in disputed) && !differsIn(fixture, field);
  expect(got.error).toBeUndefined();
  const { finish } = got;
  expect(finish).toBeDefined();
  if (!finish) return;
  // The events and the message say the same.
  expect(partText(finish, "text")).toBe(got.text);
  expect(partText(finish, "reasoning")).toBe(got.reasoning);
  expect(partText(finish, "refusal")).toBe(got.refusal);
  if (expected.finishReasonRaw != null) expect(finish.rawReason).toBe(expected.finishReasonRaw);
  if (expected.finishReason != null && !differsIn(fixture, "finishReason")) {
    expect(expected.finishReason.split("|")).toContain(finish.reason);
  }
  if (expected.refusal) {
    expect(got.refusal).toBe(expected.refusal);
    expect(got.text).toBe("");
  }
  if (asserts("text", expected.text) && !expected.refusal) expect(got.text).toBe(expected.text);
  if (asserts("reasoning", expected.reasoning)) expect(got.reasoning).toBe(expected.reasoning);
  if (expected.toolCalls != null && asserts("toolCalls", expected.toolCalls)) {
    const calls = finish.message.content.flatMap((part) => (part.type === "tool-call" ? [part] : []));
    expect(calls.map((call) => call.name)).toEqual(expected.toolCalls.map((call) => call.name));
    for (const [index, call] of calls.entries()) {
      const told = expected.toolCalls[index];
      if (told?.id) expect(call.callId).toBe(told.id);
      expect(call.args).toEqual(told?.args ?? {});
      expect(call.invalidArgs).toBeUndefined();
    }
  }
  for (const [name, value] of Object.entries(expected.usage ?? {})) {
    if (name === "cacheReadTokens" && differsIn(fixture, name)) continue;
    if (value != null && !(`usage.${name}` in disputed))
      expect([name, finish.usage[name as keyof typeof finish.usage]]).toEqual([name, value]);
  }
  if (expected.serverToolItems && fixture.api === "openai-responses") {
    const items = finish.message.content.flatMap((part) => (part.type === "provider-tool" ? [part.callId] : []));
    for (const item of expected.serverToolItems) if (item.id) expect(items).toContain(item.id);
  }
  if (expected.encrypted) {
    const kept = JSON.stringify(finish.message).match(/"encrypted_content":"/g) ?? [];
    expect(kept.length).toBe(expected.encrypted);
  }
}

function isFailure(fixture: Fixture): boolean {
  const { error, streamError, finishReason } = fixture.expected;
  return Boolean(error || streamError || (finishReason === "error" && !differsIn(fixture, "finishReason")));
}

describeFixtures("recorded answers", { api: apis }, (fixtures) => {
  for (const split of [0, 1, "random"] as const) {
    describe(`cut ${split === 0 ? "nowhere" : split === 1 ? "after every byte" : "at random places"}`, () => {
      let server: ReplayServer;
      beforeAll(async () => {
        server = await startReplayServer({ split });
      });
      afterAll(() => server.close());
      // Byte by byte the longest bodies take seconds and show nothing that the others do not.
      const chosen = split === 1 ? fixtures.filter((fixture) => fixture.body().length < 12_000) : fixtures;
      it.each(chosen.map((fixture) => [fixture.id, fixture] as const))("%s", async (id, fixture) => {
        const got = await read(modelFor(fixture, `${server.url(id)}/v1`));
        if (!isFailure(fixture)) return checkAnswer(fixture, got);
        checkError(fixture, got.error);
        const allowed = kinds[fixture.httpStatus];
        if (allowed && got.error instanceof ModelError) expect(allowed).toContain(got.error.kind);
        if (/context.?length|context.?window|too long/i.test(id) && fixture.httpStatus === 400) {
          expect(got.error).toMatchObject({ kind: "context-overflow" });
        }
        if (/auth-error/.test(id)) expect(got.error).toMatchObject({ kind: "auth" });
        if (fixture.expected.text) expect(got.text).toBe(fixture.expected.text);
      });
    });
  }
});

describeFixtures("derived error streams", { api: apis }, () => {
  let server: ReplayServer;
  beforeAll(async () => {
    server = await startReplayServer();
  });
  afterAll(() => server.close());
  it.each(loadDerived({ api: apis }).map((derived) => [derived.id, derived] as const))("%s", async (_id, derived) => {
    const url = server.serve(derived.body(), { headers: { "content-type": derived.contentType } });
    const got = await read(modelFor({ api: derived.api, provider: "p" }, `${url}/v1`));
    expect(got.finish).toBeUndefined();
    expect(got.error).toBeInstanceOf(ModelError);
    if (!(got.error instanceof ModelError)) return;
    if (derived.id.includes("cut")) expect(["network", "protocol"]).toContain(got.error.kind);
    else expect(got.error.kind).toBe("server-error");
  });
});
