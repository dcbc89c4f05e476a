import { type JsonObject, type ModelError, toModelError } from "millrace/provider";
import { isObject } from "./wire.ts";

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
