import { errorMessage, ModelError, type ModelErrorKind, maskSecrets } from "./errors.ts";
import { isObject } from "./is-object.ts";
import { maxTimerMs } from "./runtime.ts";

/** What is known about a failed request. */
export interface Failure {
  provider: string;
  status?: number | undefined;
  /** The response's headers: `retry-after`, the request id and `x-should-retry` are read. */
  headers?: Headers | undefined;
  /** The error body, or the error object inside a stream, parsed; any of the shapes that providers use. */
  body?: unknown;
  /** Used where the body has no message. */
  message?: string | undefined;
  /** Overrides what status and body say. */
  kind?: ModelErrorKind | undefined;
  cause?: unknown;
}

/** Turns a provider's failure into a {@link ModelError}: kind, code, retry advice and request id, secrets masked. */
export function toModelError(failure: Failure): ModelError {
  const { provider, status, headers, cause } = failure;
  const said = readBody(failure.body);
  const message =
    redirectMessage(status, headers) ||
    said.message ||
    failure.message ||
    (cause === undefined ? "" : errorMessage(cause)) ||
    "no message";
  const kind = failure.kind ?? kindOf(status, said.code, message);
  const advice = headers?.get("x-should-retry");
  const retryable = advice === "true" ? true : advice === "false" || isOutOfCredit(said.code) ? false : undefined;
  return new ModelError(
    `${provider}${status === undefined ? "" : ` ${status}`}: ${maskSecrets(message)}`,
    {
      kind,
      provider,
      status,
      code: said.code,
      retryAfterMs: headers ? retryAfterMs(headers) : undefined,
      requestId: headers?.get("x-request-id") ?? headers?.get("request-id") ?? undefined,
      retryable,
    },
    cause === undefined ? undefined : { cause },
  );
}

/** Redirects are not followed: the key must not reach another server. The path is left out, it may hold a secret. */
function redirectMessage(status: number | undefined, headers: Headers | undefined): string {
  if (status === undefined || status < 300 || status > 399) return "";
  const location = headers?.get("location") ?? "";
  const where = URL.canParse(location) ? new URL(location).origin : "another place of the same server";
  return `expected an answer, got a redirect to ${where}; if that is right, make it the base URL`;
}

/** `{error: {message, code, type}}`, `{type: "error", error}`, `{message}`, `{detail}`, a list of one, or plain text. */
function readBody(body: unknown): { message?: string; code?: string } {
  if (typeof body === "string") return { message: body.length > 500 ? `${body.slice(0, 500)}…` : body };
  if (Array.isArray(body)) return readBody(body[0]);
  if (!isObject(body)) return {};
  if (isObject(body["error"])) return readBody(body["error"]);
  if (typeof body["error"] === "string") return { message: body["error"] };
  const { message, detail, code, type } = body;
  const text = message ?? detail;
  const word = code ?? type;
  return {
    ...(text !== undefined && { message: typeof text === "string" ? text : JSON.stringify(text) }),
    ...((typeof word === "string" || typeof word === "number") && { code: String(word) }),
  };
}

/** How servers say that a conversation is too long: hardly any has a code for it. */
const overflowPhrases: readonly RegExp[] = [
  // OpenAI, Azure, Anthropic, OpenRouter, vLLM, SGLang, Ollama, llama.cpp, LM Studio, Mistral, DeepSeek, MiniMax …
  /context.?(length|window|size|limit)|maximum context/i,
  // Anthropic, Bedrock, vLLM, Fireworks, Ollama
  /(prompt|input|request)( is|:)? too (long|large)/i,
  // OpenAI, Bedrock's Nova, Moonshot, Zhipu
  /(input|prompt) tokens? exceed|exceed\w* model token limit|prompt exceeds max/i,
  /exceed\w* (the )?(max\w* )?(number of )?(input )?(tokens|context)|maximum number of tokens|input length.*exceed/i,
  // Gemini, Vertex, GitHub
  /(input|prompt) token count/i,
  // Bedrock, Cohere, LM Studio
  /too many (input )?tokens|\bn_ctx\b/i,
  // xAI, vLLM, Groq, Cerebras
  /maximum prompt length|longer than the maximum model length|reduce the length/i,
  // TGI, Together, Qwen
  /`inputs` (tokens \+|must have less)|range of input length/i,
];

/** On a 429, these words speak of tokens in a time. */
const rateWords = /rate.?limit|per (minute|day|hour)|\b[rt]p[md]\b|too many tokens|wait/i;

/** Whether the conversation does not fit the model. */
function isOverflow(status: number | undefined, code: string, message: string): boolean {
  if (/context_length_exceeded|model_max_prompt_tokens_exceeded|string_above_max_length/i.test(code)) return true;
  // More bytes than a server takes: as with too many tokens, only a shorter conversation helps.
  if (status === 413) return true;
  if (status !== undefined && status !== 400 && status !== 422 && status !== 429 && status < 500) return false;
  if (/rate_?limit|throttl/i.test(code) || (status === 429 && rateWords.test(message))) return false;
  return overflowPhrases.some((phrase) => phrase.test(message));
}

const kindsByStatus: { readonly [status: number]: ModelErrorKind } = {
  401: "auth",
  403: "auth",
  408: "timeout",
  409: "server-error",
  429: "rate-limit",
  503: "overloaded",
  529: "overloaded",
};

function kindOf(status: number | undefined, code: string | undefined, message: string): ModelErrorKind {
  const word = code ?? "";
  if (/content_?(filter|policy)|ResponsibleAIPolicyViolation/i.test(`${word} ${status === 400 ? message : ""}`))
    return "content-filter";
  if (isOverflow(status, word, message)) return "context-overflow";
  const known = status === undefined ? undefined : kindsByStatus[status];
  if (known) return known;
  if (status !== undefined && status >= 500) return "server-error";
  if (status !== undefined && status >= 400) return "invalid-request";
  if (status !== undefined && status >= 300) return "protocol";
  if (/overloaded|unavailable|capacity/i.test(word)) return "overloaded";
  if (/rate_?limit|insufficient_quota|too_many_requests|^429$/i.test(word)) return "rate-limit";
  if (/auth|permission|api_key/i.test(word)) return "auth";
  if (/timeout/i.test(word)) return "timeout";
  if (/invalid_(request|prompt)|tool_use_failed|not_found|^4\d\d$/i.test(word)) return "invalid-request";
  return "server-error";
}

function isOutOfCredit(code: string | undefined): boolean {
  return code === "insufficient_quota" || code === "billing_hard_limit_reached";
}

function retryAfterMs(headers: Headers): number | undefined {
  const exact = toNumber(headers.get("retry-after-ms"));
  const text = headers.get("retry-after") ?? "";
  const seconds = toNumber(text);
  const ms = Number.isFinite(exact) ? exact : Number.isFinite(seconds) ? seconds * 1000 : Date.parse(text) - Date.now();
  return ms >= 0 ? Math.min(ms, maxTimerMs) : undefined;
}

function toNumber(text: string | null): number {
  return text?.trim() ? Number(text) : Number.NaN;
}
