import {
  errorMessage,
  isMillraceError,
  isObject,
  type JsonObject,
  type ModelError,
  type ModelErrorKind,
  maskSecrets,
  toModelError,
  withoutSecret,
} from "millrace/provider";
import { APIConnectionError, APIConnectionTimeoutError, APIError, OpenAIError } from "openai";

/** What went wrong with a request, as our error. A `secret` that the server quotes is masked. */
export function toFailure(error: unknown, provider: string, secret: string | undefined): Error {
  if (isMillraceError(error)) return error;
  if (error instanceof APIConnectionTimeoutError) {
    return toModelError({ provider, kind: "timeout", message: error.message, cause: error });
  }
  if (error instanceof APIConnectionError) {
    const message = reasonOf(error);
    // Fetch quotes a URL with a password in it: then without the cause.
    const isClean = maskSecrets(message) === message;
    return toModelError({ provider, kind: "network", message, ...(isClean && { cause: error }) });
  }
  if (error instanceof APIError && error.status !== undefined) {
    const { status, headers } = error;
    const body = withoutSecret(error.error ?? bare(error.message, status), secret);
    // Without the cause: the client quotes the body in its message, and with it what must be masked.
    return toModelError({ provider, status, headers, body, kind: dialectKind(status, body) });
  }
  // What else the client throws is about credentials: an apiKey function that failed, a header that is missing.
  const kind = error instanceof OpenAIError ? "auth" : "invalid-request";
  const said = errorMessage(error);
  const message = withoutSecret(said, secret);
  // Fetch quotes a key that no header can hold: then without the cause, too.
  return toModelError({ provider, kind, message, ...(message === said && { cause: error }) });
}

/**
 * An error inside an answer of status 200. Servers put the status that they mean, if any, into the error: Groq as
 * `status_code`, Azure as `status`, OpenRouter as `code`.
 */
export function streamError(provider: string, body: JsonObject): ModelError {
  const error = isObject(body.error) ? body.error : body;
  const status = [error.status_code, error.status, error.code].find(
    (value) => typeof value === "number" && value >= 400,
  );
  return toModelError({ provider, body, ...(typeof status === "number" && { status }) });
}

/** An answer that is none of this API. */
export function protocolError(provider: string, expected: string, got: unknown): ModelError {
  const message = `expected ${expected}, got ${JSON.stringify(got)?.slice(0, 120)}`;
  return toModelError({ provider, kind: "protocol", message });
}

/** What the status does not say: xAI refuses a key with 400, Perplexity names a full context in words of its own. */
function dialectKind(status: number, body: unknown): ModelErrorKind | undefined {
  if (status !== 400) return undefined;
  const said = JSON.stringify(body);
  if (/(incorrect|invalid) api.?key/i.test(said)) return "auth";
  return /too_many_prompt_tokens|messages (is|are) too long/i.test(said) ? "context-overflow" : undefined;
}

/** The client says `Connection error.`; why, stands in its cause. */
function reasonOf(error: APIConnectionError): string {
  const { cause } = error;
  const deeper = cause instanceof Error ? cause.cause : undefined;
  const why = deeper instanceof Error ? deeper.message : cause instanceof Error ? cause.message : "";
  return why === "" ? error.message : `${error.message} ${why}`;
}

/** The client puts the status before a message: ours has it already. */
function bare(message: string, status: number): string {
  const prefix = `${status} `;
  return message.startsWith(prefix) ? message.slice(prefix.length) : message;
}
