import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { Agent, type AgentEvent, type Run } from "millrace";
import { scriptedModel } from "millrace/testing";
import { encodeFailure, WireDecoder, WireEncoder } from "millrace/wire";
import { describe, expect, it } from "vitest";
import { anyStream } from "../../core/test/any-event.ts";
import { toResponse, toSSE } from "../src/index.ts";
import { all, eventsOf, pause } from "./serve.ts";

const ids = { userId: "u", chatId: "c" };

async function* streamOf(events: readonly AgentEvent[]): AsyncGenerator<AgentEvent> {
  yield* events;
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** What a parser that is not ours makes of the bytes, when they come in these pieces. */
function parse(pieces: readonly Uint8Array[]): { id: string | undefined; data: string }[] {
  const found: { id: string | undefined; data: string }[] = [];
  const parser = createParser({ onEvent: ({ id, data }) => found.push({ id, data }) });
  const decoder = new TextDecoder();
  for (const piece of pieces) parser.feed(decoder.decode(piece, { stream: true }));
  return found;
}

function respond(text: string | { text: string; error: Error } = "One two three."): Run {
  return new Agent({ name: "a", model: scriptedModel([text]) }).respond("Hi", ids);
}

describe("server-sent events", () => {
  it("carry every kind of event byte-exact, split anywhere", async () => {
    await fc.assert(
      fc.asyncProperty(anyStream, async (events) => {
        const end = events.findIndex(({ type }) => type === "final");
        const sent = end < 0 ? events : events.slice(0, end + 1);
        const bytes = await bytesOf(toSSE(streamOf(sent)));
        const encoder = new WireEncoder();
        const expected = sent.map((event) => ({ id: String(event.seq), data: encoder.encode(event) }));
        expect(parse([bytes])).toEqual(expected);
        expect(parse([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
        const decoder = new WireDecoder();
        const back = expected.map(({ data }) => decoder.decode(JSON.parse(data)));
        expect(JSON.parse(JSON.stringify(back))).toEqual(JSON.parse(JSON.stringify(sent)));
      }),
      { numRuns: 100 },
    );
  });

  it("are the same split at every byte in two", async () => {
    const hard = "a\r\nb\n\n\u2028\u2029data: x\n\nid: 9\n\u{1f600}\ud83d end";
    const bytes = await bytesOf(toSSE(respond(hard)));
    const whole = parse([bytes]);
    for (let at = 1; at < bytes.length; at++) expect(parse([bytes.slice(0, at), bytes.slice(at)])).toEqual(whole);
  });

  it("are pulled: nothing begins before they are read, and nothing runs ahead", async () => {
    let asked = 0;
    async function* events(): AsyncGenerator<AgentEvent> {
      for await (const event of respond()) {
        asked++;
        yield event;
      }
    }
    const stream = toSSE(events());
    await pause(10);
    expect(asked).toBe(0);
    const reader = stream.getReader();
    await reader.read();
    await reader.read();
    await pause(10);
    expect(asked).toBe(2);
    await reader.cancel();
  });

  it("stop the run when they are cancelled, also while an event is awaited", async () => {
    const run = new Agent({ name: "a", model: scriptedModel(["late"], { delayMs: 10_000 }) }).respond("Hi", ids);
    const reader = toSSE(run).getReader();
    await reader.read();
    await reader.read();
    const pending = reader.read();
    await reader.cancel();
    await pending;
    expect(run.final?.stopReason).toBe("stopped");
  });

  it("end, and stop the run, when the signal aborts", async () => {
    for (const isEarly of [true, false]) {
      const request = new AbortController();
      const run = new Agent({ name: "a", model: scriptedModel(["late"], { delayMs: 10_000 }) }).respond("Hi", ids);
      if (isEarly) request.abort();
      const reader = toSSE(run, { signal: request.signal }).getReader();
      if (!isEarly) {
        await reader.read();
        setTimeout(() => request.abort(), 10);
        while (!(await reader.read()).done);
      }
      expect((await reader.read()).done).toBe(true);
      await pause(5);
      if (!isEarly) expect(run.final?.stopReason).toBe("stopped");
    }
  });

  it("end after the final of a run that failed, without another error", async () => {
    const events = await all(eventsOf(toResponse(respond({ text: "Half", error: new Error("no") }))));
    expect(events.at(-1)).toMatchObject({ type: "final", stopReason: "error", error: { message: "no" } });
  });

  it("tell that a stream broke off before its final", async () => {
    async function* broken(): AsyncGenerator<AgentEvent> {
      yield (await respond().next()).value;
      throw new Error("gone");
    }
    const raw = await toResponse(broken()).text();
    expect(raw).toContain(`\n\ndata: ${encodeFailure(new Error("gone"))}\n\n`);
    await expect(all(eventsOf(toResponse(broken())))).rejects.toThrow("gone");
  });

  it("have the headers that they need, whatever others are given, and let none be injected", () => {
    const { headers } = toResponse(respond(), { headers: { "content-type": "text/html", "x-own": "1" } });
    expect(headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(headers.get("x-own")).toBe("1");
    expect(() => toResponse(respond(), { headers: { "x-own": "1\r\nset-cookie: a=b" } })).toThrow(TypeError);
  });
});
