import { type ErrorResponse, type Refusal, withDetails } from "./protocol.ts";

interface ErrorKind {
  status: number;
  type: string;
  code?: string;
  /** `$1` and `$2` stand for the details. */
  message: string;
  headers?: Record<string, string>;
}

const KINDS: Record<Refusal, ErrorKind> = {
  invalid: { status: 400, type: "invalid_request_error", message: "$1" },
  "no-key": {
    status: 401,
    type: "invalid_request_error",
    message:
      "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
  },
  "bad-key": {
    status: 401,
    type: "invalid_request_error",
    code: "invalid_api_key",
    message: "Incorrect API key provided: $1.",
  },
  "no-model": {
    status: 404,
    type: "invalid_request_error",
    code: "model_not_found",
    message: "The model `$1` does not exist or you do not have access to it.",
  },
  "no-route": {
    status: 404,
    type: "invalid_request_error",
    code: "unknown_url",
    message: "Unknown request URL: $1. Please check the URL for typos.",
  },
  "context-overflow": {
    status: 400,
    type: "invalid_request_error",
    code: "context_length_exceeded",
    message:
      "This model's maximum context length is $2 tokens. However, your messages resulted in $1 tokens. Please reduce the length of the messages.",
  },
  "rate-limit": {
    status: 429,
    type: "requests",
    code: "rate_limit_exceeded",
    message: "Rate limit reached on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 1s.",
    headers: { "retry-after": "1", "retry-after-ms": "1000", "x-ratelimit-remaining-requests": "0" },
  },
  "server-error": {
    status: 500,
    type: "server_error",
    message: "The server had an error while processing your request. Sorry about that!",
  },
  overloaded: {
    status: 503,
    type: "server_error",
    message: "The engine is currently overloaded, please try again later.",
  },
};

/** An error as OpenAI answers it. */
export function openaiError(refusal: Refusal, details: unknown[], param: string | null = null): ErrorResponse {
  const { status, type, code = null, message, headers } = KINDS[refusal];
  const error = { message: withDetails(message, details), type, param, code };
  return { status, ...(headers && { headers }), body: { error } };
}
