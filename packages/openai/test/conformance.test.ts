import { type ReplayServer, startReplayServer } from "@millrace/fixtures";
import { checkChatRequest, checkResponsesRequest } from "@millrace/simulator";
import { type ConformanceError, conformance } from "millrace/testing";
import { afterAll, beforeAll, describe, it } from "vitest";
import { openai, openaiCompatible } from "../src/index.ts";
import { call, chunk, completed, event, item, message, sse, usageChunk } from "./streams.ts";

let server: ReplayServer;
beforeAll(async () => {
  server = await startReplayServer();
});
afterAll(() => server.close());

const words = "It is sunny in Tokyo 🌞, and it will stay so until the evening comes.".match(/\S+\s*/g) ?? [];
const done = "[DONE]";
const usage = {
  prompt_tokens: 10,
  prompt_tokens_details: { cached_tokens: 4 },
  completion_tokens: 20,
  completion_tokens_details: { reasoning_tokens: 5 },
};
const ours = { inputTokens: 10, outputTokens: 20, cacheReadTokens: 4, reasoningTokens: 5 };
const tokyo = [{ name: "get_weather", args: { city: "Tokyo" } }];

const errorBody = (code: string | null, text: string, type = "invalid_request_error"): string =>
  JSON.stringify({ error: { message: text, type, param: null, code } });

const errors: { [name: string]: ConformanceError } = {
  "a rate limit": {
    status: 429,
    body: errorBody("rate_limit_exceeded", "Rate limit reached for requests"),
    headers: { "content-type": "application/json", "retry-after": "7" },
    kind: "rate-limit",
    retryable: true,
    retryAfterMs: 7000,
  },
  "no more credit": {
    status: 429,
    body: errorBody("insufficient_quota", "You exceeded your current quota"),
    kind: "rate-limit",
    retryable: false,
  },
  "a prompt that is too long": {
    status: 400,
    body: errorBody("context_length_exceeded", "This model's maximum context length is 128000 tokens."),
    kind: "context-overflow",
    retryable: false,
  },
  "a refused key": {
    status: 401,
    body: errorBody("invalid_api_key", "Incorrect API key provided"),
    kind: "auth",
    retryable: false,
  },
  "a content filter": {
    status: 400,
    body: errorBody("content_filter", "The response was filtered"),
    kind: "content-filter",
    retryable: false,
  },
  "an error of the server": {
    status: 500,
    body: errorBody(null, "The server had an error", "server_error"),
    kind: "server-error",
    retryable: true,
  },
  "an error of a proxy": {
    status: 502,
    body: "<html>Bad gateway</html>",
    headers: { "content-type": "text/html" },
    kind: "server-error",
  },
  "an error of another shape": { status: 401, body: '{"detail":"Invalid API Key"}', kind: "auth", retryable: false },
};

const text = sse(...words.map((word) => chunk({ content: word })), chunk({}, "stop"), usageChunk(usage), done);

const calls = sse(
  chunk({ role: "assistant", content: "Let me look." }),
  chunk(call(0, "", "call_1", "get_weather")),
  chunk(call(0, '{"city":')),
  chunk(call(1, "", "call_2", "get_weather")),
  chunk(call(1, '{"city":"Paris"}')),
  chunk(call(0, '"Tokyo"}')),
  chunk({}, "tool_calls"),
  done,
);

const long = sse(chunk({ content: "a long text that is repeated " })).repeat(120_000);

describe("conformance of openai()", () => {
  const checks = conformance({
    connect(reply) {
      const from = server.requests.length;
      const model = openai("gpt-4o-mini", { apiKey: "test-key", baseURL: server.serve(reply.body, reply) });
      return { model, received: () => server.requests.slice(from) };
    },
    checkRequest: checkChatRequest,
    streams: {
      text: { body: text, expected: { text: words.join(""), reason: "stop", usage: ours } },
      "parallel calls": {
        body: calls,
        expected: {
          text: "Let me look.",
          toolCalls: [...tokyo, { name: "get_weather", args: { city: "Paris" } }],
          reason: "tool-calls",
        },
      },
      "a refusal": {
        body: sse(chunk({ refusal: "I can't " }), chunk({ refusal: "help." }), chunk({}, "stop"), done),
        expected: { text: "", reason: "stop" },
      },
      "a cap": { body: sse(chunk({ content: "So" }), chunk({}, "length"), done), expected: { reason: "length" } },
      "an error in the stream": {
        body: sse(chunk({ content: "So" }), { error: { message: "Sorry", type: "server_error", code: null } }, done),
        expected: { error: "server-error" },
      },
    },
    errors,
    long,
  });
  for (const { name, run } of checks) it(name, run);
});

const signed = [{ type: "reasoning.text", text: "Hm.", signature: "signature==", format: "f", index: 0 }];

describe("conformance of openaiCompatible()", () => {
  const checks = conformance({
    connect(reply) {
      const from = server.requests.length;
      const model = openaiCompatible({ name: "other", baseURL: server.serve(reply.body, reply) })("m");
      return { model, received: () => server.requests.slice(from) };
    },
    checkRequest: checkChatRequest,
    streams: {
      text: { body: text, expected: { text: words.join(""), reason: "stop", usage: ours } },
      "parallel calls": { body: calls, expected: { reason: "tool-calls" } },
      "reasoning with a signature": {
        body: sse(
          chunk({ reasoning: "Hm.", reasoning_details: signed }),
          chunk(call(0, '{"city":"Tokyo"}', "call_1", "get_weather")),
          chunk({}, "tool_calls"),
          done,
        ),
        expected: { reasoning: "Hm.", toolCalls: tokyo, reason: "tool-calls" },
        sentBack: ["signature=="],
      },
      "reasoning of DeepSeek": {
        body: sse(chunk({ reasoning_content: "Let me think." }), chunk({ content: "So" }), chunk({}, "stop"), done),
        expected: { reasoning: "Let me think.", text: "So" },
        sentBack: ["Let me think."],
      },
      "reasoning in tags": {
        body: sse(chunk({ content: "<thi" }), chunk({ content: "nk>Hm.</th" }), chunk({ content: "ink>So" }), done),
        expected: { reasoning: "Hm.", text: "So", reason: "other" },
      },
    },
    errors,
    long,
  });
  for (const { name, run } of checks) it(name, run);
});

const reasoning = {
  type: "reasoning",
  id: "rs_1",
  encrypted_content: "sealed==",
  summary: [{ type: "summary_text", text: "Hm." }],
};
const search = {
  type: "web_search_call",
  id: "ws_1",
  status: "completed",
  action: { type: "search", query: "weather" },
};
const functionCall = { type: "function_call", id: "fc_1", call_id: "call_1", name: "get_weather", arguments: "" };
const created = event("response.created", { response: { id: "resp_1", status: "in_progress", output: [] } });

describe("conformance of openai.responses()", () => {
  const checks = conformance({
    connect(reply) {
      const from = server.requests.length;
      const model = openai.responses("gpt-5", { apiKey: "test-key", baseURL: server.serve(reply.body, reply) });
      return { model, received: () => server.requests.slice(from) };
    },
    checkRequest: checkResponsesRequest,
    streams: {
      text: {
        body: sse(created, ...message(0, "msg_1", ...words), completed()),
        expected: { text: words.join(""), reason: "stop", usage: ours },
      },
      "reasoning before a call": {
        body: sse(
          created,
          ...item(0, reasoning, { ...reasoning, summary: [] }),
          event("response.output_item.added", { output_index: 1, item: functionCall }),
          event("response.function_call_arguments.delta", { output_index: 1, item_id: "fc_1", delta: '{"city":' }),
          event("response.function_call_arguments.delta", { output_index: 1, item_id: "fc_1", delta: '"Tokyo"}' }),
          event("response.output_item.done", {
            output_index: 1,
            item: { ...functionCall, arguments: '{"city":"Tokyo"}', status: "completed" },
          }),
          completed(),
        ),
        expected: { reasoning: "Hm.", toolCalls: tokyo, reason: "tool-calls" },
        sentBack: ["sealed==", "rs_1", "fc_1"],
      },
      "a search": {
        body: sse(created, ...item(0, search), ...message(1, "msg_1", "Sunny."), completed()),
        expected: { text: "Sunny.", toolCalls: [], reason: "stop" },
        sentBack: ["ws_1", "msg_1"],
      },
      "an error in the stream": {
        body: sse(created, {
          type: "response.failed",
          response: { status: "failed", output: [], error: { code: "rate_limit_exceeded", message: "Too much" } },
        }),
        expected: { error: "rate-limit" },
      },
    },
    errors,
    long:
      sse(created, event("response.output_item.added", { output_index: 0, item: { type: "message", id: "msg_1" } })) +
      sse(
        event("response.output_text.delta", { item_id: "msg_1", output_index: 0, content_index: 0, delta: "long " }),
      ).repeat(150_000),
  });
  for (const { name, run } of checks) it(name, run);
});
