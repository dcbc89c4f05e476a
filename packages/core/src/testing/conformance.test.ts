import { type ReplayServer, startReplayServer } from "@millrace/fixtures";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Decoder, decodeResponse } from "../decode-response.ts";
import { MessageBuilder } from "../message-builder.ts";
import type { Model, ModelEvent, ModelRequest } from "../model.ts";
import { toModelError } from "../model-error.ts";
import { cache, fallback, retry, throttle, timeout } from "../models.ts";
import { noUsage } from "../usage.ts";
import { type ConformanceOptions, conformance } from "./conformance.ts";

/** A small wire format: `{t}` text, `{r, s}` reasoning with its signature, `{c, a}` a call, `{e}` an error, `{end}`. */
class TinyDecoder implements Decoder {
  readonly #builder = new MessageBuilder();
  #reason: string | undefined;
  readonly done = false;

  event(data: unknown, out: ModelEvent[]): void {
    if (typeof data !== "object" || data === null) return;
    if ("t" in data) out.push(this.#builder.text(String(data.t)));
    if ("r" in data) out.push(this.#builder.reasoning(String(data.r)));
    if ("s" in data) this.#builder.attach("reasoning", "tiny", { signature: String(data.s) });
    if ("c" in data) {
      out.push(this.#builder.toolCall(String(data.c), "get_weather"));
      const delta = this.#builder.toolArgs(String(data.c), "a" in data ? String(data.a) : "");
      if (delta) out.push(delta);
    }
    if ("e" in data) throw toModelError({ provider: "tiny", kind: "overloaded", body: data.e });
    if ("end" in data) this.#reason = String(data.end);
  }

  body(): void {}

  end(sawDone: boolean, out: ModelEvent[]): void {
    if (!sawDone || this.#reason === undefined) return;
    const reason = this.#builder.hasToolCalls ? "tool-calls" : "stop";
    out.push(this.#builder.finish({ reason, rawReason: this.#reason, usage: { ...noUsage, inputTokens: 7 } }));
  }
}

async function send(url: string, request: ModelRequest, signal: AbortSignal): Promise<Response> {
  const messages = request.messages.map((message) => {
    if (message.role !== "assistant") return message;
    const content = message.content.map(({ providerData, ...part }) => ({ ...part, own: providerData?.["tiny"] }));
    return { role: message.role, content };
  });
  try {
    return await fetch(url, { method: "POST", body: JSON.stringify({ messages }), signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw toModelError({ provider: "tiny", kind: "network", cause });
  }
}

function tinyModel(url: string): Model {
  return {
    provider: "tiny",
    id: "tiny",
    stream(request, { signal }) {
      const open = async (own: AbortSignal): Promise<Response> => {
        const response = await send(url, request, own);
        const { ok, status, headers } = response;
        if (!ok) throw toModelError({ provider: "tiny", status, headers, body: await response.json() });
        return response;
      };
      return decodeResponse(open, new TinyDecoder(), { provider: "tiny", signal });
    },
  };
}

const sse = (...events: unknown[]): string =>
  `${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")}data: [DONE]\n\n`;
const words = "It is sunny in Tokyo 🌞, and it will stay so until the evening comes.".match(/\S+\s*/g) ?? [];

let server: ReplayServer;
beforeAll(async () => {
  server = await startReplayServer();
});
afterAll(() => server.close());

function suite(wrap: (model: Model) => Model = (model) => model): ReturnType<typeof conformance> {
  const options: ConformanceOptions = {
    connect(reply) {
      const url = server.serve(reply.body, reply);
      const from = server.requests.length;
      return { model: wrap(tinyModel(url)), received: () => server.requests.slice(from) };
    },
    streams: {
      text: {
        body: sse(...words.map((t) => ({ t })), { end: "stop" }),
        expected: { text: words.join(""), reason: "stop", usage: { inputTokens: 7 } },
      },
      reasoning: {
        body: sse({ r: "hm", s: 'signature-"1"' }, { t: "Yes." }, { end: "stop" }),
        expected: { reasoning: "hm", text: "Yes." },
        sentBack: ['signature-"1"'],
      },
      "parallel calls": {
        body: sse({ c: "a", a: '{"city":"Tokyo"}' }, { c: "b" }, { unknown: true }, { end: "stop" }),
        expected: {
          toolCalls: [
            { name: "get_weather", args: { city: "Tokyo" } },
            { name: "get_weather", args: {} },
          ],
          reason: "tool-calls",
        },
      },
      "an error in the stream": {
        body: sse({ t: "So" }, { e: { message: "Overloaded" } }),
        expected: { error: "overloaded" },
      },
    },
    errors: {
      "a rate limit": {
        status: 429,
        body: '{"error":{"message":"slow down"}}',
        headers: { "content-type": "application/json", "retry-after": "7" },
        kind: "rate-limit",
        retryable: true,
        retryAfterMs: 7000,
      },
    },
    long: `data: ${JSON.stringify({ t: "a long text that is repeated " })}\n\n`.repeat(400_000) + sse({ end: "stop" }),
  };
  return conformance(options);
}

describe("conformance of a good model", () => {
  for (const { name, run } of suite()) it(name, run);
});

describe("conformance of a good model in wrappers", () => {
  const never = { maxRetries: 0 };
  const policies = { rateLimit: never, overloaded: never, serverError: never, network: never };
  const wrap = (model: Model): Model =>
    fallback([retry(timeout(throttle(cache(model, { maxEntries: 1 }), { maxConcurrent: 9 })), policies)]);
  for (const { name, run } of suite(wrap)) it(name, run);
});

/** Breaks the model with a change of its events. */
const streaming =
  (stream: (model: Model, ...args: Parameters<Model["stream"]>) => AsyncIterable<ModelEvent>) =>
  (model: Model): Model => ({ ...model, stream: (request, options) => stream(model, request, options) });

const broken: Record<string, [wrap: (model: Model) => Model, check: string, problem: string]> = {
  "gives two finishes": [
    streaming(async function* (model, ...args) {
      for await (const event of model.stream(...args)) {
        yield event;
        if (event.type === "finish") yield event;
      }
    }),
    "reads text",
    "expected exactly one finish event, got 2",
  ],
  "loses its first delta": [
    streaming(async function* (model, ...args) {
      let first = true;
      for await (const event of model.stream(...args)) {
        if (!first) yield event;
        first = false;
      }
    }),
    "reads text",
    "the text deltas do not add up",
  ],
  "asks before it is read": [
    streaming((model, ...args) => {
      const events = model.stream(...args)[Symbol.asyncIterator]();
      const first = events.next();
      first.catch(() => {});
      return (async function* () {
        for (let step = await first; !step.done; step = await events.next()) yield step.value;
      })();
    }),
    "starts nothing before it is iterated",
    "a request was sent although nobody reads",
  ],
  "ignores the signal": [
    streaming((model, request) => model.stream(request, { signal: new AbortController().signal })),
    "throws the reason of an abort in mid-stream, and leaves",
    "throwing the reason took more than",
  ],
  "throws an error of its own on an abort": [
    streaming(async function* (model, request, options) {
      try {
        yield* model.stream(request, options);
      } catch {
        throw new DOMException("This operation was aborted", "AbortError");
      }
    }),
    "throws the reason of an abort before the headers, and leaves",
    "expected the signal's own reason to be thrown, got AbortError",
  ],
  "does not close what its reader leaves": [
    streaming((model, ...args) => {
      const events = model.stream(...args)[Symbol.asyncIterator]();
      return { [Symbol.asyncIterator]: () => ({ next: () => events.next() }) };
    }),
    "closes the connection when its reader leaves",
    "closing the connection took more than",
  ],
  "leaves a listener on the signal": [
    streaming((model, request, options) => {
      options.signal.addEventListener("abort", () => {}, { once: true });
      return model.stream(request, options);
    }),
    "leaves no listener on its signal",
    "1 listeners are left on the signal after the answer",
  ],
  "retries by itself": [
    streaming(async function* (model, ...args) {
      try {
        for await (const _ of model.stream(...args)) break;
      } catch {}
      yield* model.stream(...args);
    }),
    "fails with a rate limit",
    "expected no retry by the model, the server got 2 requests",
  ],
  "reads ahead": [
    streaming(async function* (model, ...args) {
      const events: ModelEvent[] = [];
      for await (const event of model.stream(...args)) events.push(event);
      yield* events;
    }),
    "holds the server back when its reader is slow",
    "bytes were taken from the server",
  ],
  "loses what the provider needs back": [
    streaming((model, request, options) => {
      const messages = request.messages.map((message) => {
        if (message.role !== "assistant") return message;
        return { ...message, content: message.content.map(({ providerData: _, ...part }) => part) };
      });
      return model.stream({ ...request, messages }, options);
    }),
    "sends reasoning back",
    "is not in the next request",
  ],
  "takes a cut answer for a whole one": [
    streaming(async function* (model, ...args) {
      const builder = new MessageBuilder();
      try {
        for await (const event of model.stream(...args)) {
          if (event.type === "text-delta") builder.text(event.text);
          yield event;
        }
      } catch {
        yield builder.finish({ reason: "stop", usage: noUsage });
      }
    }),
    "takes no cut answer for a whole one",
    "the message of an answer cut after",
  ],
};

describe("conformance goes red where a model", () => {
  for (const [name, [wrap, check, problem]] of Object.entries(broken)) {
    it(name, async () => {
      const found = suite(wrap).find((candidate) => candidate.name === check);
      await expect(found?.run()).rejects.toThrow(problem);
    });
  }
});
