import { describe, expect, it } from "vitest";
import { isMillraceError } from "./errors.ts";
import { toModelError } from "./model-error.ts";

function kindOf(status: number | undefined, body?: unknown): string {
  return toModelError({ provider: "p", status, body }).kind;
}

function waitFor(headers: Record<string, string>): number | undefined {
  return toModelError({ provider: "p", status: 429, headers: new Headers(headers) }).retryAfterMs;
}

describe("toModelError", () => {
  const kinds: [kind: string, status: number | undefined, body: unknown][] = [
    ["auth", 401, { error: { message: "Incorrect API key", code: "invalid_api_key" } }],
    ["auth", 403, {}],
    ["timeout", 408, ""],
    ["rate-limit", 429, { error: { message: "Slow down", type: "tokens" } }],
    [
      "rate-limit",
      429,
      { error: { message: "Request too large for gpt-4o: Limit 30000 tokens per minute, too many tokens" } },
    ],
    ["overloaded", 503, "upstream"],
    ["overloaded", 529, { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }],
    ["overloaded", undefined, { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }],
    ["rate-limit", undefined, { error: { type: "rate_limit_error", message: "x" } }],
    ["auth", undefined, { error: { type: "authentication_error", message: "x" } }],
    ["server-error", 500, "<html>"],
    ["server-error", 502, undefined],
    ["server-error", undefined, { error: { message: "The server had an error", type: "server_error" } }],
    ["invalid-request", 400, { error: { message: "Unknown parameter: 'foo'" } }],
    ["invalid-request", 404, { detail: "Not Found" }],
    ["invalid-request", undefined, { error: { code: "invalid_prompt", message: "x" } }],
    ["context-overflow", 400, { error: { message: "This model's maximum context length is 8192 tokens." } }],
    ["context-overflow", 400, { error: { message: "x", code: "context_length_exceeded" } }],
    [
      "context-overflow",
      400,
      {
        type: "error",
        error: { type: "invalid_request_error", message: "prompt is too long: 210000 tokens > 200000 maximum" },
      },
    ],
    ["context-overflow", 413, { message: "Request too large" }],
    [
      "context-overflow",
      400,
      [
        {
          error: {
            code: 400,
            message: "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            status: "INVALID_ARGUMENT",
          },
        },
      ],
    ],
    ["context-overflow", 500, { error: "the request exceeds the available context size" }],
    ["content-filter", 400, { error: { message: "filtered", code: "content_filter" } }],
    ["content-filter", 400, { error: { message: "The response was filtered due to ResponsibleAIPolicyViolation" } }],
  ];
  for (const [kind, status, body] of kinds) {
    it(`takes ${status} ${JSON.stringify(body)?.slice(0, 90)} for ${kind}`, () =>
      expect(kindOf(status, body)).toBe(kind));
  }

  const overflows: [who: string, status: number | undefined, body: unknown][] = [
    [
      "OpenAI, Responses",
      undefined,
      {
        error: {
          code: "context_length_exceeded",
          message: "Your input exceeds the context window of this model. Please adjust your input and try again.",
        },
      },
    ],
    ["OpenAI, no code", 400, { error: { message: "Your input exceeds the context window of this model." } }],
    [
      "OpenAI, Chat",
      400,
      {
        error: {
          message:
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 8545 tokens. Please reduce the length of the messages.",
          type: "invalid_request_error",
        },
      },
    ],
    [
      "OpenAI, newer",
      400,
      {
        error: {
          message:
            "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 280000 tokens.",
        },
      },
    ],
    [
      "OpenAI, one long text",
      400,
      { error: { code: "string_above_max_length", message: "Invalid 'messages[1].content': string too long." } },
    ],
    [
      "Azure",
      400,
      { error: { code: "context_length_exceeded", message: "This model's maximum context length is 16385 tokens." } },
    ],
    [
      "Anthropic, with the answer",
      400,
      {
        type: "error",
        error: {
          type: "invalid_request_error",
          message:
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length or `max_tokens` and try again",
        },
      },
    ],
    [
      "Anthropic, long context",
      400,
      {
        type: "error",
        error: {
          type: "invalid_request_error",
          message: "messages: total prompt tokens 1200000 exceed the limit: prompt is too long",
        },
      },
    ],
    [
      "Anthropic, bytes",
      413,
      { type: "error", error: { type: "request_too_large", message: "Request exceeds the maximum size" } },
    ],
    ["Ollama", 400, { error: "the input length exceeds the context length" }],
    ["Ollama, cloud", 400, { error: { message: "prompt too long; exceeded max context length by 4 tokens" } }],
    [
      "vLLM",
      400,
      {
        error: {
          message:
            "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens in the messages, Please reduce the length of the messages.",
          type: "BadRequestError",
          code: 400,
        },
      },
    ],
    [
      "vLLM, older",
      400,
      {
        object: "error",
        message: "The prompt (total length 25938) is too long to fit into the model (context length 4096).",
        type: "BadRequestError",
      },
    ],
    [
      "vLLM, decoder",
      400,
      {
        message:
          "The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure that `max_model_len` is no smaller than the number of text tokens.",
      },
    ],
    ["SGLang", 400, { message: "The input (5000 tokens) is longer than the model's context length (4096 tokens)." }],
    [
      "TGI",
      422,
      {
        error:
          "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 3474 `inputs` tokens and 60 `max_new_tokens`",
        error_type: "validation",
      },
    ],
    [
      "Groq",
      400,
      {
        error: {
          message: "Please reduce the length of the messages or completion.",
          type: "invalid_request_error",
          code: "context_length_exceeded",
        },
      },
    ],
    [
      "Groq, too large",
      413,
      { error: { message: "Request Entity Too Large", type: "invalid_request_error", code: "request_too_large" } },
    ],
    [
      "OpenRouter",
      400,
      {
        error: {
          code: 400,
          message:
            "This endpoint's maximum context length is 32768 tokens. However, you requested about 42832 tokens (42832 of text input).",
        },
      },
    ],
    [
      "OpenRouter, in the stream",
      undefined,
      { error: { code: 400, message: "This endpoint's maximum context length is 32768 tokens." } },
    ],
    [
      "Gemini",
      400,
      {
        error: {
          code: 400,
          message: "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",
          status: "INVALID_ARGUMENT",
        },
      },
    ],
    [
      "Vertex",
      400,
      {
        error: {
          message:
            "Unable to submit request because the input token count is 40000 but model only supports up to 32768. Reduce the input token count and try again.",
        },
      },
    ],
    ["Bedrock", 400, { message: "Input is too long for requested model." }],
    [
      "Bedrock, Claude",
      400,
      { message: "The model returned the following errors: prompt is too long: 200049 tokens > 200000 maximum" },
    ],
    [
      "Bedrock, Claude, with the answer",
      400,
      {
        message:
          "The model returned the following errors: input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
      },
    ],
    [
      "Bedrock, Llama",
      400,
      { message: "This model's maximum context length is 8192 tokens. Please reduce the length of the prompt" },
    ],
    ["Bedrock, Nova", 400, { message: "Input Tokens Exceeded: Number of input tokens exceeds maximum length." }],
    [
      "Bedrock, Mistral",
      400,
      { message: "Too many input tokens. Max input tokens: 32768, request input token count: 40000" },
    ],
    [
      "llama.cpp",
      400,
      {
        error: {
          code: 400,
          message:
            "the request exceeds the available context size. try increasing the context size or enable context shift",
          type: "exceed_context_size_error",
          n_prompt_tokens: 5000,
          n_ctx: 4096,
        },
      },
    ],
    ["llama.cpp, in the midst", 500, { error: { message: "Context size has been exceeded.", type: "server_error" } }],
    ["llama-cpp-python", 400, { error: { message: "Requested tokens (5000) exceed context window of 4096" } }],
    [
      "LM Studio",
      400,
      {
        error:
          "Trying to keep the first 15857 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough.",
      },
    ],
    [
      "LM Studio, newer",
      400,
      {
        error:
          "The number of tokens to keep from the initial prompt is greater than the context length. Try to load the model with a larger context length, or provide a shorter input",
      },
    ],
    ["LM Studio, n_keep", 400, { error: "Cannot truncate prompt with n_keep (15028) >= n_ctx (7424)" }],
    [
      "xAI",
      400,
      {
        code: "Client specified an invalid argument",
        error: "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
      },
    ],
    [
      "Mistral",
      400,
      {
        object: "error",
        message:
          "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        type: "invalid_request_message_order",
        code: "3051",
      },
    ],
    [
      "DeepSeek",
      400,
      {
        error: {
          message:
            "This model's maximum context length is 65536 tokens. However, you requested 70000 tokens (66000 in the messages, 4000 in the completion).",
        },
      },
    ],
    [
      "Together",
      422,
      {
        error: {
          message: "Input validation error: `inputs` must have less than 8192 tokens. Given: 9000",
          type: "invalid_request_error",
        },
      },
    ],
    ["Fireworks", 400, { error: { message: "The prompt is too long: 140000, model maximum context length: 131071" } }],
    [
      "Cerebras",
      400,
      {
        message: "Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192",
        code: "context_length_exceeded",
      },
    ],
    [
      "Cohere",
      400,
      { message: "too many tokens: size limit exceeded by 1000 tokens. Try using shorter or fewer inputs." },
    ],
    [
      "Copilot",
      400,
      {
        error: {
          code: "model_max_prompt_tokens_exceeded",
          message: "prompt token count of 70000 exceeds the limit of 64000",
        },
      },
    ],
    ["a gateway without codes", 400, { error: { message: "prompt token count of 70000 exceeds the limit of 64000" } }],
    [
      "Moonshot",
      400,
      {
        error: {
          message: "Invalid request: Your request exceeded model token limit: 131072 (requested: 140000)",
          type: "invalid_request_error",
        },
      },
    ],
    ["MiniMax", 400, { error: { message: "invalid params, context window exceeds limit (2013)" } }],
    [
      "Qwen",
      400,
      { error: { code: "invalid_parameter_error", message: "Range of input length should be [1, 129024]" } },
    ],
    ["Zhipu", 400, { error: { code: "1261", message: "Prompt exceeds max length" } }],
  ];
  for (const [who, status, body] of overflows) {
    it(`knows a full context as ${who} says it`, () => expect(kindOf(status, body)).toBe("context-overflow"));
  }

  const others: [kind: string, status: number | undefined, body: unknown][] = [
    [
      "invalid-request",
      400,
      {
        error: {
          message: "max_tokens is too large: 100000. This model supports at most 16384 completion tokens.",
          param: "max_tokens",
        },
      },
    ],
    [
      "invalid-request",
      400,
      {
        type: "error",
        error: {
          type: "invalid_request_error",
          message: "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens",
        },
      },
    ],
    [
      "invalid-request",
      400,
      {
        error: {
          message: "Invalid 'tools[0].function.name': string too long. Expected a string with maximum length 64",
        },
      },
    ],
    ["invalid-request", 400, { error: { message: "messages.5.content.0: image exceeds 5 MB maximum" } }],
    [
      "invalid-request",
      404,
      { error: { message: "The model with the longest context length is not available to you" } },
    ],
    [
      "rate-limit",
      429,
      {
        error: {
          message: "This request would exceed your organization's rate limit of 30,000 input tokens per minute",
        },
      },
    ],
    ["rate-limit", 429, { message: "Too many tokens per day, please wait before trying again." }],
    ["rate-limit", 429, { message: "Too many tokens, please wait before trying again." }],
    [
      "rate-limit",
      undefined,
      { error: { type: "rate_limit_error", message: "Too many input tokens per minute for this context window" } },
    ],
    ["server-error", 500, { error: { message: "Something went wrong with your request" } }],
  ];
  for (const [kind, status, body] of others) {
    it(`takes no other error for a full context: ${JSON.stringify(body).slice(0, 120)}`, () =>
      expect(kindOf(status, body)).toBe(kind));
  }

  it("reads the message and the code in every shape that providers use", () => {
    const said = (body: unknown): string => toModelError({ provider: "p", status: 400, body }).message;
    expect(said({ error: { message: "no" } })).toBe("p 400: no");
    expect(said({ type: "error", error: { message: "no" } })).toBe("p 400: no");
    expect(said({ error: "no" })).toBe("p 400: no");
    expect(said({ message: "no" })).toBe("p 400: no");
    expect(said({ detail: [{ loc: ["a"] }] })).toBe('p 400: [{"loc":["a"]}]');
    expect(said([{ error: { message: "no" } }])).toBe("p 400: no");
    expect(said("no")).toBe("p 400: no");
    expect(said("x".repeat(2000)).length).toBeLessThan(600);
    for (const body of [undefined, null, 7, [], {}, { error: null }]) expect(said(body)).toBe("p 400: no message");
    expect(toModelError({ provider: "p", body: { error: { code: 429, message: "x" } } }).code).toBe("429");
  });

  it("says whether to try again", () => {
    const retryable = (status: number, body?: unknown, headers?: Record<string, string>): boolean =>
      toModelError({ provider: "p", status, body, headers: headers && new Headers(headers) }).retryable;
    expect([429, 500, 503, 408].map((status) => retryable(status))).toEqual([true, true, true, true]);
    expect([400, 401, 404].map((status) => retryable(status))).toEqual([false, false, false]);
    expect(retryable(429, { error: { code: "insufficient_quota", message: "x" } })).toBe(false);
    expect(retryable(400, {}, { "x-should-retry": "true" })).toBe(true);
    expect(retryable(500, {}, { "x-should-retry": "false" })).toBe(false);
  });

  it("reads how long to wait, and nothing that is no time", () => {
    expect(waitFor({ "retry-after": "2" })).toBe(2000);
    expect(waitFor({ "retry-after": "0.5" })).toBe(500);
    expect(waitFor({ "retry-after": "0" })).toBe(0);
    expect(waitFor({ "retry-after-ms": "1500", "retry-after": "9" })).toBe(1500);
    expect(waitFor({ "retry-after": "99999999999" })).toBe(2 ** 31 - 1);
    expect(waitFor({ "retry-after": new Date(Date.now() + 60_000).toUTCString() })).toBeGreaterThan(30_000);
    const senseless = ["-5", "NaN", "Infinity", "-Infinity", "soon", "", " ", "Wed, 21 Oct 2015 07:28:00 GMT"];
    for (const text of senseless) expect(waitFor({ "retry-after": text })).toBeUndefined();
    expect(waitFor({})).toBeUndefined();
  });

  it("keeps the request's id and the cause", () => {
    const cause = new Error("socket");
    const error = toModelError({ provider: "p", headers: new Headers({ "x-request-id": "r1" }), cause });
    expect(error).toMatchObject({ requestId: "r1", cause, message: "p: socket" });
    expect(isMillraceError(error)).toBe(true);
  });

  it("masks secrets, and tells none in its JSON", () => {
    const secrets = [
      "sk-proj-abcdefgh12345678",
      "gsk_abcdefgh12345678",
      "AIzaSyA1234567890abcdef",
      "xai-abcdefgh12345678",
    ];
    for (const secret of secrets) {
      const body = { error: { message: `Incorrect API key provided: ${secret}. Header "Bearer ${secret}"` } };
      const error = toModelError({ provider: "p", status: 401, body, cause: new Error(secret) });
      expect(`${error.message}${JSON.stringify(error)}`).not.toContain(secret);
    }
  });
});
