import { sleep } from "millrace/runs";
import { ConnectionError } from "./connection-error.ts";

/** How a lost connection is made again. */
export interface RetryOptions {
  /** How often it is tried without one new event in between. Default: 8. */
  maxRetries?: number;
  /** The delay before the first try, in milliseconds; it doubles each time. Default: 500. */
  initialDelayMs?: number;
  /** The longest delay, in milliseconds. Default: 10,000. */
  maxDelayMs?: number;
}

/** {@link RetryOptions} with their defaults. */
export type RetryPolicy = Readonly<Required<RetryOptions>>;

/** Fills in the defaults. */
export function retryPolicy({
  maxRetries = 8,
  initialDelayMs = 500,
  maxDelayMs = 10_000,
}: RetryOptions = {}): RetryPolicy {
  return { maxRetries, initialDelayMs, maxDelayMs };
}

/**
 * Waits before the next try; throws `error`, with the number of tries, where there is to be none.
 *
 * @param failures how often it has failed in a row, this time included
 */
export async function backOff(
  error: unknown,
  failures: number,
  policy: RetryPolicy,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) throw signal.reason;
  if (!(error instanceof ConnectionError)) throw error;
  if (!mayPass(error) || failures > policy.maxRetries) throw withAttempts(error, failures);
  // Half of it is jitter: after a server's restart its clients must not all come at once.
  const longest = Math.min(policy.maxDelayMs, policy.initialDelayMs * 2 ** (failures - 1));
  await sleep(Math.max(longest * (1 - Math.random() / 2), error.retryAfterMs ?? 0), signal);
}

/** Whether the same request may succeed later. */
function mayPass({ kind, status = 0 }: ConnectionError): boolean {
  return kind === "network" || (kind === "refused" && (status === 408 || status === 429 || status >= 500));
}

function withAttempts(error: ConnectionError, attempts: number): ConnectionError {
  if (attempts === error.attempts) return error;
  const { kind, status, code, retryAfterMs, cause } = error;
  const message = `${error.message} (tried ${attempts} times)`;
  return new ConnectionError(message, { kind, status, code, retryAfterMs, attempts }, { cause });
}
