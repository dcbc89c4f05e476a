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
