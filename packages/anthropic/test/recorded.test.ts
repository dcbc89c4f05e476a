import {
  describeFixtures,
  type Expected,
  type Fixture,
  type ReplayServer,
  startReplayServer,
} from "@millrace/fixtures";
import { type AssistantMessage, ModelError, type ModelEvent, type ModelFinish } from "millrace/provider";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anthropic } from "../src/index.ts";
import { ownData } from "../src/wire.ts";
import { collect, request } from "./requests.ts";

/** Read differently than the other clients do, on purpose. */
const deliberate: Record<string, string> = {
  "message_start x2": "two answers spliced into one stream are a fault, not an answer",
};

describeFixtures("recorded answers of the Messages API", { api: "anthropic-messages" }, (fixtures) => {
  for (const split of [0, 1, "random"] as const) {
    describe(`cut: ${split}`, () => {
      let server: ReplayServer;
      beforeAll(async () => {
        server = await startReplayServer({ split });
      });
      afterAll(() => server.close());

      it.for(fixtures)("$id", async (fixture) => {
        const model = anthropic("claude", { apiKey: "test-key", baseURL: server.url(fixture.id) });
        const reading = collect(model, request());
        if (fixture.shows.some((tag) => tag in deliberate)) {
          await expect(reading).rejects.toMatchObject({ kind: "protocol" });
        } else if (fixture.expected.error) {
          await expectError(reading, fixture.expected.error);
        } else {
          expectAnswer(await reading, fixture);
        }
      });
    });
  }
});

/** Claude on Bedrock: the same events, in frames of AWS. */
describeFixtures(
  "recorded answers of Claude on Bedrock",
  { api: ["bedrock-invoke", "bedrock-invoke-stream"] },
  (all) => {
    const fixtures = all.filter(({ httpStatus }) => httpStatus === 200);
    it.for(fixtures)("$id", async (fixture) => {
      const server = await startReplayServer({ split: "random" });
      const headers = { "content-type": fixture.streaming ? "text/event-stream" : "application/json" };
      const body = fixture.streaming ? unframed(fixture.body()) : fixture.body();
      try {
        const model = anthropic("claude", { apiKey: "test-key", baseURL: server.serve(body, { headers }) });
        expectAnswer(await collect(model, request()), fixture);
      } finally {
        await server.close();
      }
    });
  },
);

function unframed(frames: Uint8Array): string {
  const events = Buffer.from(frames)
    .toString("latin1")
    .matchAll(/"bytes":"([^"]*)"/g);
  return [...events].map(([, bytes = ""]) => `data: ${Buffer.from(bytes, "base64").toString()}\n\n`).join("");
}

async function expectError(reading: Promise<unknown>, expected: NonNullable<Expected["error"]>): Promise<void> {
  const error: unknown = await reading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ModelError)) throw new Error(`expected a ModelError, got ${error}`);
  expect(error.status).toBe(expected.httpStatus);
  expect(error.message).toContain(expected.message);
  if (expected.type) expect(error.code).toBe(expected.type);
  if (expected.retryable !== undefined) expect(error.retryable).toBe(expected.retryable);
  expect(error.kind).toBe(expected.httpStatus === 401 ? "auth" : error.kind);
}

function expectAnswer(events: ModelEvent[], { expected, disputed = {} }: Fixture): void {
  const finish = events.at(-1);
  if (finish?.type !== "finish") throw new Error("expected a finish event");
  const { message } = finish;
  const asserted = (path: string): boolean => !(path in disputed);
  if (typeof expected.text === "string") expect(textOf(message, "text")).toBe(expected.text);
  if (typeof expected.reasoning === "string") expect(textOf(message, "reasoning")).toBe(expected.reasoning);
  if (expected.toolCalls) expect(callsOf(message)).toEqual(expected.toolCalls);
  if (expected.serverToolItems) expect(itemsOf(message)).toEqual(expected.serverToolItems);
  if (expected.finishReasonRaw) expect(finish.rawReason).toBe(expected.finishReasonRaw);
  if (finishReasons.includes(expected.finishReason ?? "")) expect(finish.reason).toBe(expected.finishReason);
  for (const [name, count] of Object.entries(expected.usage ?? {})) {
    if (typeof count === "number" && asserted(`usage.${name}`)) expect({ ...finish.usage }).toHaveProperty(name, count);
  }
  if (Array.isArray(expected.signatures)) expect(lengthsOf(message, "signature")).toEqual(expected.signatures);
  if (expected.redacted) expect(lengthsOf(message, "redacted")).toEqual(expected.redacted);
  const citations = Object(expected)["citations"]?.["B.citations"];
  if (typeof citations === "number") expect(citationsOf(message)).toBe(citations);
  expectDeltas(events, finish);
}

const finishReasons = ["stop", "length", "tool-calls", "content-filter"];

/** The deltas add up to the message. */
function expectDeltas(events: ModelEvent[], { message }: ModelFinish): void {
  const deltas = (type: string): string =>
    events.map((event) => (event.type === type && "text" in event ? event.text : "")).join("");
  expect(deltas("text-delta")).toBe(textOf(message, "text"));
  expect(deltas("reasoning-delta")).toBe(textOf(message, "reasoning"));
  for (const part of message.content) {
    if (part.type !== "tool-call") continue;
    const json = events.map((event) =>
      event.type === "tool-call-delta" && event.callId === part.callId ? event.delta : "",
    );
    expect(JSON.parse(json.join("") || "{}")).toEqual(part.args);
  }
  expect(events.filter((event) => event.type === "source").map((event) => event.source)).toEqual(
    message.content.filter((part) => part.type === "source"),
  );
}

function textOf(message: AssistantMessage, type: "text" | "reasoning"): string {
  return message.content.map((part) => (part.type === type ? part.text : "")).join("");
}

function callsOf(message: AssistantMessage): unknown[] {
  return message.content.flatMap((part) =>
    part.type === "tool-call" ? [{ id: part.callId, name: part.name, args: part.args }] : [],
  );
}

function itemsOf(message: AssistantMessage): unknown[] {
  return message.content.flatMap((part) => {
    if (part.type !== "provider-tool") return [];
    const { type, id, tool_use_id, name } = ownData(part) ?? {};
    const callId = id ?? tool_use_id;
    return [{ type, ...(callId !== undefined && { id: callId }), ...(name !== undefined && { name }) }];
  });
}

function lengthsOf(message: AssistantMessage, field: string): number[] {
  return message.content.flatMap((part) => {
    const value = part.type === "reasoning" ? ownData(part)?.[field] : undefined;
    return typeof value === "string" ? [value.length] : [];
  });
}

function citationsOf(message: AssistantMessage): number {
  const counts = message.content.map((part) => {
    const citations = part.type === "text" ? ownData(part)?.["citations"] : undefined;
    return Array.isArray(citations) ? citations.length : 0;
  });
  return counts.reduce((sum, count) => sum + count, 0);
}
