import {
  errorMessage,
  isObject,
  type ModelError,
  type ModelErrorKind,
  maskSecrets,
  toModelError,
  withoutSecret,
} from "millrace/provider";
import { wire } from "./wire.ts";

/** Turns what the vendor's client throws into a `ModelError`, without the `secret`. */
export function toFailure(error: unknown, secret: string | undefined): ModelError {
  const message = withoutSecret(errorMessage(error), secret);
  const { status, headers, error: body }: { status?: unknown; headers?: unknown; error?: unknown } = Object(error);
  if (typeof status !== "number") {
    const kind = connectionFailure(error);
    if (!kind) return toModelError({ provider: wire, kind: "invalid-request", message });
    const why = causeMessage(error, message, secret);
    // Fetch quotes a URL with a password in it: then without the cause.
    return toModelError({ provider: wire, kind, message: why, ...(maskSecrets(why) === why && { cause: error }) });
  }
  return toModelError({
    provider: wire,
    status,
    headers: headers instanceof Headers ? headers : undefined,
    // An answer that is no JSON stands in the client's message, behind the status.
    ...failureOf(body === undefined ? message.replace(`${status} `, "") : withoutSecret(body, secret)),
  });
}

/** What an error body says beyond what every provider's says. */
export function failureOf(body: unknown): { body: unknown; kind?: "context-overflow" } {
  const error = isObject(body) ? body["error"] : undefined;
  // More bytes than the API takes: as with too many tokens, only a shorter conversation helps.
  const tooLarge = isObject(error) && error["type"] === "request_too_large";
  return { body, ...(tooLarge && { kind: "context-overflow" as const }) };
}

/** The client's errors are known by their names: its classes would load it before it is needed. */
function connectionFailure(error: unknown): ModelErrorKind | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name === "APIConnectionTimeoutError") return "timeout";
  return error.name === "APIConnectionError" ? "network" : undefined;
}

/** The client says only "Connection error."; why stands in the causes: "fetch failed", then "ECONNREFUSED". */
function causeMessage(error: unknown, message: string, secret: string | undefined): string {
  const causes: string[] = [];
  for (let at = error; at instanceof Error && causes.length < 4; at = at.cause) causes.push(errorMessage(at));
  return causes.length > 1 ? withoutSecret(causes.join(": "), secret) : message;
}
