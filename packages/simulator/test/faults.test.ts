import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { type Fault, type SimulatorOptions, startSimulator } from "../src/index.ts";

const model = "simulated-small";

/** What becomes of one request to each of the three protocols, streaming or not. */
async function outcomes(fault: Fault, stream: boolean): Promise<string[]> {
  await using simulator = await startSimulator({ fault });
  const openai = new OpenAI({ baseURL: simulator.baseURL, apiKey: "k", maxRetries: 0, logLevel: "off" });
  const anthropic = new Anthropic({ baseURL: simulator.url, apiKey: "k", maxRetries: 0, logLevel: "off" });
  const signal = AbortSignal.timeout(300);
  const messages = [{ role: "user" as const, content: "Hi" }];
  return await Promise.all([
    outcome(stream, signal, openai.chat.completions.create({ model, messages, stream }, { signal })),
    outcome(stream, signal, openai.responses.create({ model, input: "Hi", stream }, { signal })),
    outcome(stream, signal, anthropic.messages.create({ model, max_tokens: 99, messages, stream }, { signal })),
  ]);
}

async function outcome(stream: boolean, signal: AbortSignal, request: Promise<unknown>): Promise<string> {
  let events = 0;
  try {
    const answer = await request;
    if (!stream) return JSON.stringify(answer);
    if (!isIterable(answer)) throw new TypeError("expected a stream");
    for await (const _ of answer) events += 1;
    return `${signal.aborted ? "stalled" : "ended"} after ${events > 0 ? "some" : "no"} events`;
  } catch (error) {
    const status = error instanceof OpenAI.APIError || error instanceof Anthropic.APIError ? error.status : undefined;
    return `${status ?? "broke"} after ${events > 0 ? "some" : "no"} events`;
  }
}

const isIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === "object" && value !== null && Symbol.asyncIterator in value;

describe("a fault", () => {
  it.each<[Fault, string[]]>([
    ["reset-before-headers", Array(3).fill("broke after no events")],
    ["reset-mid-stream", Array(3).fill("broke after some events")],
    ["stall-mid-stream", Array(3).fill("stalled after some events")],
    ["end-without-finish", Array(3).fill("ended after some events")],
    ["rate-limit", Array(3).fill("429 after no events")],
    ["server-error", Array(3).fill("500 after no events")],
    ["overloaded", ["503 after no events", "503 after no events", "529 after no events"]],
    ["context-overflow", Array(3).fill("400 after no events")],
    ["error-mid-stream", Array(3).fill("broke after some events")],
    ["malformed-json", Array(3).fill("broke after some events")],
    ["content-filter", Array(3).fill("ended after some events")],
    ["html", Array(3).fill("ended after no events")],
  ])("%s breaks a stream", async (fault, expected) => {
    expect(await outcomes(fault, true)).toEqual(expected);
  });

  it("breaks an answer that does not stream", async () => {
    for (const fault of ["reset-mid-stream", "end-without-finish", "stall-mid-stream", "malformed-json"] as const) {
      expect(await outcomes(fault, false)).toEqual(Array(3).fill("broke after no events"));
    }
    expect(await outcomes("error-mid-stream", false)).toEqual(Array(3).fill("500 after no events"));
  });

  it("of the content filter is told as each vendor does", async () => {
    const [chat, responses, anthropic] = await outcomes("content-filter", false);
    expect(chat).toContain('"finish_reason":"content_filter"');
    expect(responses).toContain('"incomplete_details":{"reason":"content_filter"}');
    expect(anthropic).toContain('"stop_reason":"refusal"');
  });

  it("may befall some requests only, and one by its header", async () => {
    await using simulator = await startSimulator({ fault: (request) => (request < 3 ? "rate-limit" : undefined) });
    const post = (headers: Record<string, string> = {}) =>
      fetch(`${simulator.baseURL}/responses`, {
        method: "POST",
        headers: { authorization: "Bearer k", ...headers },
        body: JSON.stringify({ model, input: "Hi" }),
      });
    const limited = await post();
    expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "1"]);
    expect([(await post()).status, (await post()).status]).toEqual([429, 200]);
    expect((await post({ "x-simulator-fault": "server-error" })).status).toBe(500);
    expect(await (await post({ "x-simulator-fault": "earthquake" })).text()).toContain(
      "Known are: reset-before-headers",
    );
  });

  it("must be one that exists", async () => {
    const options: SimulatorOptions = JSON.parse('{"fault":"earthquake"}');
    await expect(startSimulator(options)).rejects.toThrow(/Unknown fault/);
  });
});

describe("the server", () => {
  it("refuses what is longer than its context", async () => {
    await using simulator = await startSimulator({ contextTokens: 50 });
    const openai = new OpenAI({ baseURL: simulator.baseURL, apiKey: "k", maxRetries: 0 });
    const ask = (content: string) => openai.chat.completions.create({ model, messages: [{ role: "user", content }] });
    await expect(ask("word ".repeat(99))).rejects.toMatchObject({
      code: "context_length_exceeded",
      message: /50 tokens/,
    });
    expect((await ask("word")).choices).toHaveLength(1);
  });

  it("sends word by word, and stops when the client leaves", async () => {
    await using simulator = await startSimulator({ chunkDelayMs: 5, firstChunkDelayMs: 30 });
    const openai = new OpenAI({ baseURL: simulator.baseURL, apiKey: "k" });
    const started = performance.now();
    const stream = await openai.chat.completions.create({
      model,
      stream: true,
      messages: [{ role: "user", content: "Hi" }],
    });
    expect(performance.now() - started).toBeGreaterThan(25);
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    expect((await openai.responses.create({ model, input: "still there?" })).output_text).toContain("still there?");
  });

  it("ends its connections when it closes", async () => {
    const simulator = await startSimulator({ fault: "stall-mid-stream" });
    const openai = new OpenAI({ baseURL: simulator.baseURL, apiKey: "k", maxRetries: 0 });
    const stream = await openai.responses.create({ model, input: "Hi", stream: true });
    const read = (async () => {
      for await (const _ of stream);
    })();
    await Promise.all([expect(read).rejects.toThrow(), simulator.close(), simulator.close()]);
    await expect(openai.responses.create({ model, input: "Hi" })).rejects.toThrow();
  });
});

it("is chosen by the request's body", async () => {
  const fault: SimulatorOptions["fault"] = (_, { messages }) =>
    JSON.stringify(messages).includes("fail") ? "overloaded" : undefined;
  await using simulator = await startSimulator({ fault });
  const openai = new OpenAI({ baseURL: simulator.baseURL, apiKey: "k", maxRetries: 0, logLevel: "off" });
  const ask = (content: string) =>
    outcome(
      true,
      AbortSignal.timeout(1000),
      openai.chat.completions.create({ model, messages: [{ role: "user", content }], stream: true }),
    );
  expect(await ask("Hi")).toBe("ended after some events");
  expect(await ask("Please fail")).toBe("503 after no events");
});
