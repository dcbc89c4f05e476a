import { inspect } from "node:util";
import { type ReplayServer, startReplayServer } from "@millrace/fixtures";
import { ConfigError, type Model, ModelError, type ModelRequest } from "millrace/provider";
import OpenAI, { AzureOpenAI } from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { openai, openaiCompatible } from "../src/index.ts";
import {
  call,
  chunk,
  collect,
  completed,
  event,
  finishOf,
  item,
  message,
  requestOf,
  sse,
  usageChunk,
} from "./streams.ts";

let server: ReplayServer;
beforeAll(async () => {
  server = await startReplayServer();
});
afterAll(() => server.close());
afterEach(() => vi.unstubAllEnvs());

const secret = "key-of-no-known-form-0123456789";
const answer = sse(chunk({ content: "Hi" }), chunk({}, "stop"), "[DONE]");
const json = { "content-type": "application/json" };

async function failure(model: Model, request?: ModelRequest): Promise<ModelError> {
  const thrown: unknown = await collect(model, request).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof ModelError) return thrown;
  throw new Error(`expected a ModelError, got ${inspect(thrown)}`);
}

function lastHeaders(): Record<string, unknown> {
  return server.requests.at(-1)?.headers ?? {};
}

describe("a stream that is cut after any event", () => {
  const chat = [
    chunk({ role: "assistant", reasoning_content: "Hm." }),
    chunk({ content: "A" }),
    chunk(call(0, "", "call_1", "f")),
    chunk(call(0, '{"a":')),
    chunk(call(0, "1}")),
    chunk({}, "tool_calls"),
    usageChunk({ prompt_tokens: 1, completion_tokens: 2 }),
    "[DONE]",
  ];

  it("fails before the finish reason and is whole after it, over Chat Completions", async () => {
    const end = chat.findIndex((one) => typeof one === "object" && JSON.stringify(one).includes('"tool_calls"}'));
    const models = (length: number) =>
      openaiCompatible({ name: "p", baseURL: server.serve(sse(...chat.slice(0, length))) })("m");
    for (let length = 0; length < end; length++) {
      expect(await failure(models(length))).toMatchObject({ kind: "network", retryable: true });
    }
    for (let length = end + 1; length <= chat.length; length++) {
      expect(finishOf(await collect(models(length))).reason).toBe("tool-calls");
    }
  });

  it("fails before the closing event, over Responses", async () => {
    const reasoning = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "e==" };
    const events = [event("response.created"), ...item(0, reasoning), ...message(1, "msg_1", "A", "B"), completed()];
    const model = (length: number) =>
      openai.responses("m", { apiKey: secret, baseURL: server.serve(sse(...events.slice(0, length))) });
    for (let length = 0; length < events.length; length++) {
      expect(await failure(model(length))).toMatchObject({ kind: "network", retryable: true });
    }
    expect(finishOf(await collect(model(events.length))).reason).toBe("stop");
  });
});

describe("a stream", () => {
  it("ends with [DONE], whatever follows", async () => {
    const url = server.serve(`${answer}${sse(chunk({ content: " again" }), { error: { message: "late" } })}`);
    const events = await collect(openai("m", { apiKey: secret, baseURL: url }));
    expect(events.map((one) => one.type)).toEqual(["text-delta", "finish"]);
  });

  it("with an event that is no JSON is a protocol error", async () => {
    const url = server.serve(`${sse(chunk({ content: "A" }))}data: {"choices":\n\n${answer}`);
    expect((await failure(openai("m", { apiKey: secret, baseURL: url }))).kind).toBe("protocol");
  });

  it("may be a whole body instead", async () => {
    const body = { choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }] };
    const url = server.serve(JSON.stringify(body), { headers: json });
    expect(finishOf(await collect(openai("m", { apiKey: secret, baseURL: url }))).message.content).toMatchObject([
      { text: "Hi" },
    ]);
  });

  it("may hold comments, event names and pings", async () => {
    const url = server.serve(`: PROCESSING\n\nevent: message\n${answer.replace("data: ", ": ping\ndata: ")}`);
    expect(finishOf(await collect(openai("m", { apiKey: secret, baseURL: url }))).reason).toBe("stop");
  });

  it("told as an error event throws, after what came before", async () => {
    const error = { error: { message: "Tool choice is required", code: "tool_use_failed", status_code: 400 } };
    const url = server.serve(`${sse(chunk({ content: "maybe" }))}event: error\n${sse(error)}`);
    const seen: string[] = [];
    await expect(async () => {
      const model = openaiCompatible({ name: "groq", baseURL: url })("m");
      for await (const one of model.stream(requestOf(), { signal: new AbortController().signal })) seen.push(one.type);
    }).rejects.toMatchObject({ kind: "invalid-request", code: "tool_use_failed", status: 400 });
    expect(seen).toEqual(["text-delta"]);
  });
});

describe("the key", () => {
  it("is asked for when it is needed, and the error says where it belongs", async () => {
    vi.stubEnv("OPENAI_API_KEY", undefined);
    for (const model of [openai("m", {}), openai.responses("m", {})]) {
      const error = await failure(model);
      expect(error).toMatchObject({ kind: "auth", retryable: false });
      expect(error.message).toContain("OPENAI_API_KEY");
    }
  });

  it("comes from the environment, an option or a function", async () => {
    vi.stubEnv("OPENAI_API_KEY", "from-environment");
    vi.stubEnv("OPENAI_BASE_URL", server.serve(answer));
    await collect(openai("m"));
    expect(lastHeaders()["authorization"]).toBe("Bearer from-environment");
    await collect(openai("m", { apiKey: async () => "from-function", organization: "org", headers: { "x-a": "b" } }));
    expect(lastHeaders()).toMatchObject({
      authorization: "Bearer from-function",
      "openai-organization": "org",
      "x-a": "b",
    });
  });

  it("of OpenAI is never sent to another server", async () => {
    vi.stubEnv("OPENAI_API_KEY", secret);
    vi.stubEnv("OPENAI_ORG_ID", "org-secret");
    vi.stubEnv("OPENAI_PROJECT_ID", "project-secret");
    vi.stubEnv("OPENAI_ADMIN_KEY", "admin-secret");
    await collect(openaiCompatible({ name: "p", baseURL: server.serve(answer) })("m"));
    expect(JSON.stringify(lastHeaders())).not.toMatch(/secret|key-of/);
    expect(lastHeaders()["authorization"]).toBeUndefined();
    await collect(openaiCompatible({ name: "p", baseURL: server.serve(answer), apiKey: "other" })("m"));
    expect(lastHeaders()["authorization"]).toBe("Bearer other");
  });

  it("never stands in an error", async () => {
    const body = JSON.stringify({
      error: { message: `Incorrect API key provided: ${secret}`, code: "invalid_api_key" },
    });
    for (const [reply, headers] of [
      [body, json],
      [`Bad key ${secret}`, { "content-type": "text/plain" }],
    ] as const) {
      const url = server.serve(reply, { status: 401, headers });
      const error = await failure(openai("m", { apiKey: secret, baseURL: url }));
      expect(error.kind).toBe("auth");
      expect(inspect(error, { depth: 10 })).not.toContain(secret);
      vi.stubEnv("OPENAI_API_KEY", secret);
      expect(inspect(await failure(openai("m", { baseURL: url })), { depth: 10 })).not.toContain(secret);
    }
  });

  it("that a function fails to give is an auth error", async () => {
    const apiKey = async () => {
      throw new Error("vault is closed");
    };
    const error = await failure(openai("m", { apiKey, baseURL: server.serve(answer) }));
    expect(error.kind).toBe("auth");
    expect(error.message).toContain("vault is closed");
  });
});

describe("the client", () => {
  it("may be a ready one, and its retries are not used", async () => {
    const url = server.serve('{"error":{"message":"Sorry"}}', { status: 500, headers: json });
    const client = new OpenAI({ apiKey: secret, baseURL: url, maxRetries: 5 });
    const before = server.requests.length;
    expect((await failure(openai("m", { client }))).kind).toBe("server-error");
    expect(server.requests.length).toBe(before + 1);
  });

  it("may be Azure's", async () => {
    const client = new AzureOpenAI({
      apiKey: secret,
      endpoint: server.serve(answer),
      apiVersion: "2025-01-01-preview",
    });
    await collect(openai("my-gpt", { client }));
    expect(server.requests.at(-1)?.path).toContain("/deployments/my-gpt/chat/completions?api-version=");
    expect(lastHeaders()["api-key"]).toBe(secret);
  });

  it("uses the fetch that it is given, and is shared by models of the same options", async () => {
    const paths: string[] = [];
    const options = {
      apiKey: secret,
      baseURL: server.serve(answer),
      fetch: (async (url, init) => {
        paths.push(String(url));
        return fetch(url, init);
      }) satisfies typeof fetch,
    };
    await collect(openai("a", options));
    await collect(openai("b", options));
    expect(paths).toHaveLength(2);
  });

  it("that runs into its timeout fails so", async () => {
    const url = server.serve(answer, { cutAfterBytes: 0, endWith: "stall" });
    const client = new OpenAI({ apiKey: secret, baseURL: url, timeout: 50 });
    expect(await failure(openai("m", { client }))).toMatchObject({ kind: "timeout", retryable: true });
  });

  it("that cannot connect says why", async () => {
    const error = await failure(openai("m", { apiKey: secret, baseURL: "http://127.0.0.1:9" }));
    expect(error.kind).toBe("network");
    expect(error.message.length).toBeGreaterThan("openai: Connection error.".length);
  });

  it("that cannot write the request does not retry", async () => {
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    const request = { ...requestOf(), settings: { provider: circular } };
    expect(await failure(openai("m", { apiKey: secret, baseURL: server.serve(answer) }), request)).toMatchObject({
      kind: "invalid-request",
      retryable: false,
    });
  });
});

describe("options", () => {
  it.each([
    ["openai.modelId", () => openai("")],
    ["openai.options.baseURL", () => openai("m", { baseURL: "api.example" })],
    ["openaiCompatible.name", () => openaiCompatible({ name: "", baseURL: "http://a" })],
    ["openaiCompatible.baseURL", () => openaiCompatible({ name: "p", baseURL: "localhost:11434" })],
    ["openaiCompatible", () => Reflect.apply(openaiCompatible, undefined, [])],
    ["modelId", () => openaiCompatible({ name: "p", baseURL: "http://a" })("")],
    // Slips that would send the conversation and the key to another server.
    ["openai.options.baseUrl", () => Reflect.apply(openai, undefined, ["m", { baseUrl: "http://a" }])],
    [
      "openaiCompatible.key",
      () => Reflect.apply(openaiCompatible, undefined, [{ name: "p", baseURL: "http://a", key: "" }]),
    ],
  ])("that are wrong are told at once: %s", (option, make) => {
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(expect.objectContaining({ option }));
  });

  it("never show a password that stands in a URL", async () => {
    const baseURL = `http://user:${secret}@127.0.0.1:9`;
    expect(() => openai("m", { baseURL })).toThrow(/without a user/);
    expect(() => openai("m", { baseURL })).not.toThrow(secret);
    vi.stubEnv("OPENAI_BASE_URL", baseURL);
    expect(inspect(await failure(openai("m", { apiKey: "test-key" })), { depth: 9 })).not.toContain(secret);
  });

  it("of a server are used in its requests", async () => {
    const baseURL = server.serve(answer);
    const models = openaiCompatible({ name: "mistral", baseURL, callIdLength: 9 });
    const history = requestOf(
      { role: "assistant", content: [{ type: "tool-call", callId: "call_1", name: "f", args: {} }] },
      { role: "tool", callId: "call_1", name: "f", content: "ok" },
    );
    await collect(models("m", { maxTokensField: "max_completion_tokens" }), {
      ...history,
      settings: { maxOutputTokens: 5 },
    });
    expect(server.lastRequest()).toMatchObject({
      max_completion_tokens: 5,
      messages: [{ tool_calls: [{ id: expect.stringMatching(/^[a-zA-Z0-9]{9}$/) }] }, { role: "tool" }],
    });
    await collect(models("m"), { ...requestOf(), settings: { maxOutputTokens: 5 } });
    expect(server.lastRequest()).toMatchObject({ max_tokens: 5 });
    await collect(models("m", { thinkTags: false }));
  });
});
