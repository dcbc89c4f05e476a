import { type ReplayServer, startReplayServer } from "@millrace/fixtures";
import { conformance } from "millrace/testing";
import { afterAll, beforeAll, describe, it } from "vitest";
import { anthropic } from "../src/index.ts";
import { checkRequest } from "./check-request.ts";
import { block, call, ending, sse, start, stop, text, thinking } from "./stream.ts";

let server: ReplayServer;
beforeAll(async () => {
  server = await startReplayServer();
});
afterAll(() => server.close());

const words = "It is sunny in Tokyo 🌞, and it will stay so until the evening comes.".match(/\S+\s*/g) ?? [];
const json = { "content-type": "application/json" };
const errorBody = (type: string, message: string): string =>
  JSON.stringify({ type: "error", error: { type, message } });

const search = { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: {} };
const found = {
  type: "web_search_tool_result",
  tool_use_id: "srvtoolu_1",
  content: [{ type: "web_search_result", url: "https://a.example", title: "A", encrypted_content: "sealed==" }],
};

describe("conformance of anthropic()", () => {
  const checks = conformance({
    connect(reply) {
      const from = server.requests.length;
      const model = anthropic("claude-sonnet-4-6", { apiKey: "test-key", baseURL: server.serve(reply.body, reply) });
      return { model, received: () => server.requests.slice(from) };
    },
    checkRequest,
    streams: {
      text: {
        body: sse(start, { type: "ping" }, ...text(0, ...words), ending("end_turn"), stop),
        expected: { text: words.join(""), reason: "stop", usage: { inputTokens: 45, outputTokens: 20 } },
      },
      thinking: {
        body: sse(start, ...thinking(0, "Hm.", 'signature"=='), ...text(1, "Yes."), ending("end_turn"), stop),
        expected: { reasoning: "Hm.", text: "Yes." },
        sentBack: ['signature"=='],
      },
      "thinking that is left out or sealed": {
        body: sse(
          start,
          ...thinking(0, "", "signature=="),
          ...block(1, { type: "redacted_thinking", data: "sealed==" }),
          ...call(2, "toolu_1", "get_weather", '{"city":', '"Tokyo"}'),
          ending("tool_use"),
          stop,
        ),
        expected: {
          reasoning: "",
          toolCalls: [{ name: "get_weather", args: { city: "Tokyo" } }],
          reason: "tool-calls",
        },
        sentBack: ["signature==", "sealed=="],
      },
      "parallel calls": {
        body: sse(
          start,
          ...text(0, "Let me look."),
          ...call(1, "toolu_1", "get_weather", "", '{"city":"To', 'kyo"}'),
          ...call(2, "toolu_2", "get_weather"),
          ending("tool_use"),
          stop,
        ),
        expected: {
          text: "Let me look.",
          toolCalls: [
            { name: "get_weather", args: { city: "Tokyo" } },
            { name: "get_weather", args: {} },
          ],
          reason: "tool-calls",
        },
      },
      "a search": {
        body: sse(
          start,
          ...block(0, search, { type: "input_json_delta", partial_json: '{"query":"weather"}' }),
          ...block(1, found),
          ...text(2, "Sunny."),
          ending("end_turn"),
          stop,
        ),
        expected: { text: "Sunny.", toolCalls: [], reason: "stop" },
        sentBack: ["sealed=="],
      },
      "a pause": {
        body: sse(start, ...text(0, "I go on "), ending("pause_turn"), stop),
        expected: { text: "I go on ", reason: "pause" },
      },
      "a full context": {
        body: sse(start, ...text(0, "So"), ending("model_context_window_exceeded"), stop),
        expected: { text: "So", reason: "length" },
      },
      "an error in the stream": {
        body: sse(start, ...text(0, "So"), {
          type: "error",
          error: { type: "overloaded_error", message: "Overloaded" },
        }),
        expected: { error: "overloaded" },
      },
    },
    errors: {
      "a rate limit": {
        status: 429,
        body: errorBody("rate_limit_error", "Too many tokens per minute"),
        headers: { ...json, "retry-after": "7" },
        kind: "rate-limit",
        retryable: true,
        retryAfterMs: 7000,
      },
      "an overload": {
        status: 529,
        body: errorBody("overloaded_error", "Overloaded"),
        kind: "overloaded",
        retryable: true,
      },
      "a prompt that is too long": {
        status: 400,
        body: errorBody("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
        kind: "context-overflow",
        retryable: false,
      },
      "a body that is too large": {
        status: 413,
        body: errorBody("request_too_large", "Request exceeds the maximum size"),
        kind: "context-overflow",
        retryable: false,
      },
      "a refused key": {
        status: 401,
        body: errorBody("authentication_error", "invalid x-api-key"),
        kind: "auth",
        retryable: false,
      },
      "an error of the server": {
        status: 500,
        body: errorBody("api_error", "Internal server error"),
        headers: { ...json, "x-should-retry": "true" },
        kind: "server-error",
        retryable: true,
      },
      "an error of a proxy": {
        status: 502,
        body: "<html>Bad gateway</html>",
        headers: { "content-type": "text/html" },
        kind: "server-error",
      },
    },
    long: sse(start) + sse(...text(0, "a long text that is repeated ")).repeat(100_000),
  });
  for (const { name, run } of checks) it(name, run);
});
