import { inspect } from "node:util";
import { type ReplayServer, startReplayServer } from "@millrace/fixtures";
import { ModelError, type ModelEvent } from "millrace/provider";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type AnthropicOptions, anthropic } from "../src/index.ts";
import { collect, request } from "./requests.ts";
import { block, call, ending, sse, start, stop, text, thinking } from "./stream.ts";

let server: ReplayServer;
beforeAll(async () => {
  server = await startReplayServer();
});
afterAll(() => server.close());
afterEach(() => vi.unstubAllEnvs());

function read(body: string, options: AnthropicOptions = {}): Promise<ModelEvent[]> {
  return collect(
    anthropic("claude-sonnet-4-6", { apiKey: "test-key", baseURL: server.serve(body), ...options }),
    request(),
  );
}

async function failure(reading: Promise<unknown>): Promise<ModelError> {
  const thrown: unknown = await reading.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof ModelError) return thrown;
  throw new Error(`expected a ModelError, got ${inspect(thrown)}`);
}

function finishOf(events: ModelEvent[]): Extract<ModelEvent, { type: "finish" }> {
  const finish = events.at(-1);
  if (finish?.type === "finish") return finish;
  throw new Error("expected a finish event");
}

describe("a stream", () => {
  const events = [start, ...thinking(0, "Hm.", "s=="), ...text(1, "A", "B"), ...call(2, "t1", "f", '{"a":', "1}")];
  const whole = [...events, ending("tool_use"), stop];

  it("is refused as cut wherever it ends before message_stop", async () => {
    for (let length = 0; length < whole.length; length++) {
      const error = await failure(read(sse(...whole.slice(0, length))));
      expect(error).toMatchObject({ kind: "network", retryable: true });
    }
    expect(finishOf(await read(sse(...whole))).reason).toBe("tool-calls");
  });

  it("tells the usage at once, so that a cut run knows it", async () => {
    const seen: ModelEvent[] = [];
    const model = anthropic("claude", { apiKey: "test-key", baseURL: server.serve(sse(start, ...text(0, "A"))) });
    const { signal } = new AbortController();
    await expect(async () => {
      for await (const event of model.stream(request(), { signal })) seen.push(event);
    }).rejects.toThrow();
    expect(seen[0]).toEqual({
      type: "usage",
      usage: { inputTokens: 45, outputTokens: 1, cacheReadTokens: 30, cacheWriteTokens: 5, reasoningTokens: 0 },
    });
    expect(seen[1]).toEqual({ type: "text-delta", text: "A", part: 0 });
  });

  it("with an event that is no JSON is a protocol error", async () => {
    const error = await failure(read(`${sse(start)}event: content_block_delta\ndata: {"type":\n\n${sse(stop)}`));
    expect(error.kind).toBe("protocol");
  });

  it("may hold pings, unknown events, unknown deltas, odd values", async () => {
    const ping = { type: "ping" };
    const odd = [
      { type: "content_block_delta", index: 0, delta: { type: "sparkle_delta", sparkle: 1 } },
      { type: "content_block_delta", index: 9, delta: { type: "input_json_delta", partial_json: "{}" } },
      { type: "content_block_delta", index: 0, delta: null },
      { type: "content_block_start", index: 5, content_block: null },
      { type: "content_block_stop", index: 7 },
      { type: "tomorrow", x: 1 },
    ];
    const finish = finishOf(
      await read(sse(ping, start, ping, ...odd, ...text(0, "A"), ping, ping, ending("end_turn"), stop)),
    );
    expect(finish.message.content).toEqual([{ type: "text", text: "A" }]);
  });

  it("ends with message_stop, whatever comes behind it", async () => {
    const events = await read(sse(start, ...text(0, "A"), ending("end_turn"), stop, ...text(1, "B"), start, stop));
    expect(finishOf(events).message.content).toEqual([{ type: "text", text: "A" }]);
    expect(events.filter((event) => event.type === "finish")).toHaveLength(1);
  });

  it("with a block that is not known keeps it, and sends it back", async () => {
    const unknown = { type: "hologram", id: "h1", beams: [1, 2] };
    const { message } = finishOf(
      await read(sse(start, ...block(0, unknown), ...text(1, "A"), ending("end_turn"), stop)),
    );
    expect(message.content[0]).toEqual({
      type: "provider-tool",
      callId: "h1",
      name: "hologram",
      providerData: { anthropic: unknown },
    });
    const url = server.serve(sse(start, ...text(0, "B"), ending("end_turn"), stop));
    const messages = [...request().messages, message, ...request().messages];
    await collect(anthropic("claude", { apiKey: "test-key", baseURL: url }), request({ messages }));
    expect(server.lastRequest()).toMatchObject({
      messages: [{}, { content: [unknown, { type: "text", text: "A" }] }, {}],
    });
  });
});

describe("the key", () => {
  it("is told missing at the first request, by the name of its variable, and again until it is there", async () => {
    vi.stubEnv("ANTHROPIC_API_KEY", "");
    vi.stubEnv("ANTHROPIC_AUTH_TOKEN", "");
    const model = anthropic("claude", { baseURL: server.serve(sse(start, ...text(0, "A"), ending("end_turn"), stop)) });
    for (let i = 0; i < 2; i++) {
      const error = await failure(collect(model, request()));
      expect(error).toMatchObject({ kind: "auth", retryable: false });
      expect(error.message).toContain("ANTHROPIC_API_KEY");
    }
    vi.stubEnv("ANTHROPIC_API_KEY", "from-the-environment");
    expect(finishOf(await collect(model, request())).reason).toBe("stop");
  });

  it("may be a token", async () => {
    const url = server.serve(sse(start, ...text(0, "A"), ending("end_turn"), stop));
    await collect(anthropic("claude", { authToken: "a-token", baseURL: url }), request());
    expect(server.requests.at(-1)?.headers.authorization).toBe("Bearer a-token");
  });

  const secret = "zz-very-secret-key";

  it.for([
    ["the server quotes it", `{"type":"error","error":{"type":"authentication_error","message":"bad key ${secret}"}}`],
    ["a proxy quotes it", `<p>bad key ${secret}</p>`],
  ] as const)("is in no error where %s", async ([, body]) => {
    const baseURL = server.serve(body, { status: 401, headers: { "content-type": "application/json" } });
    const error = await failure(collect(anthropic("claude", { apiKey: secret, baseURL }), request()));
    expect(error.kind).toBe("auth");
    expect(error.message).toContain("bad key …");
    expect(inspect(error, { depth: 9 }) + JSON.stringify(error)).not.toContain(secret);
  });

  it("is in no error where it cannot be sent", async () => {
    const error = await failure(read("", { apiKey: `${secret}\nx` }));
    expect(inspect(error, { depth: 9 }) + JSON.stringify(error)).not.toContain(secret);
  });

  it("may have white space around it", async () => {
    const body = sse(start, ...text(0, "A"), ending("end_turn"), stop);
    expect(finishOf(await read(body, { apiKey: ` ${secret}\n` })).reason).toBe("stop");
  });
});

describe("options", () => {
  it("that cannot work are refused at once", () => {
    expect(() => anthropic("")).toThrow("modelId: ");
    expect(() => anthropic("claude", { maxOutputTokens: 0.5 })).toThrow(
      "maxOutputTokens: expected a positive integer, got 0.5",
    );
    expect(() => Reflect.apply(anthropic, undefined, ["claude", { baseUrl: "" }])).toThrow("baseUrl: no such option");
    expect(() => anthropic("claude", { baseURL: "http://user:pass@a.example" })).toThrow('got "http://…@a.example"');
  });
});

describe("a request", () => {
  const good = sse(start, ...text(0, "A"), ending("end_turn"), stop);

  it("says why it cannot be sent", async () => {
    const error = await failure(read("", { baseURL: "http://127.0.0.1:1" }));
    expect(error).toMatchObject({ kind: "network", retryable: true });
    expect(error.message).toMatch(/ECONNREFUSED|bad port/);
  });

  it("carries betas and headers, and needs no key with a client of one's own", async () => {
    await read(good, { betas: ["one-2026-01-01", "two-2026-01-01"], headers: { "x-app": "test" } });
    const { headers, path } = server.requests.at(-1) ?? {};
    expect(headers).toMatchObject({ "anthropic-beta": "one-2026-01-01,two-2026-01-01", "x-app": "test" });
    expect(path).toBe("/v1/messages");
    const { Anthropic } = await import("@anthropic-ai/sdk");
    const client = new Anthropic({ apiKey: "own", baseURL: server.serve(good) });
    expect(finishOf(await collect(anthropic("claude", { client }), request())).reason).toBe("stop");
  });

  it("leaves no listener on the signal", async () => {
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, "addEventListener");
    const removed = vi.spyOn(signal, "removeEventListener");
    await collect(anthropic("claude", { apiKey: "test-key", baseURL: server.serve(good) }), request(), signal);
    expect(added).toHaveBeenCalledTimes(1);
    expect(removed).toHaveBeenCalledTimes(1);
  });

  it("uses the fetch that is given", async () => {
    const fetched = vi.fn(async (_url: unknown, _init?: unknown) => new Response(good));
    const events = await read("", { fetch: fetched });
    expect(finishOf(events).reason).toBe("stop");
    expect(fetched).toHaveBeenCalledTimes(1);
  });
});
