import { sleep } from "../abortable.ts";
import { ModelError, type ModelErrorKind } from "../errors.ts";
import { isModelError } from "../is-model-error.ts";
import type { Model } from "../model.ts";
import { relay } from "./relay.ts";
import { checkRetryOptions, type RetryOptions, type RetryPolicy } from "./retry-options.ts";

type PolicyName = "rateLimit" | "overloaded" | "serverError" | "timeout" | "network";

const defaults: { readonly [name in PolicyName]: Required<RetryPolicy> } = {
  rateLimit: { maxRetries: 5, backoff: "exponential" },
  overloaded: { maxRetries: 5, backoff: "exponential" },
  serverError: { maxRetries: 3, backoff: "linear" },
  timeout: { maxRetries: 2, backoff: "fixed" },
  network: { maxRetries: 3, backoff: "exponential" },
};

const policyNames: { readonly [kind in ModelErrorKind]?: PolicyName } = {
  "rate-limit": "rateLimit",
  overloaded: "overloaded",
  timeout: "timeout",
  network: "network",
};

/**
 * Repeats a request that failed, as long as its error is `retryable` and the policy of its kind allows it. Each
 * repetition is announced by a `retry` event; whatever had arrived before it is void. A wait is never shorter than the
 * provider asks for, and ends at once when the request is aborted.
 *
 * A complete answer (one that has its `finish`) is never asked for again, so no tool is called twice.
 *
 * @example
 * ```ts
 * import { retry } from "millrace/models";
 * import { openai } from "@millrace/openai";
 *
 * const model = retry(openai("gpt-5.4-mini"), { rateLimit: { maxRetries: 8 }, network: { maxRetries: 0 } });
 * ```
 *
 * Throws, while it streams, what the last request failed with; where it was repeated, as a `ModelError` with the same
 * facts, whose message says how often it was tried and whose `cause` is that error.
 *
 * @throws {@link ConfigError} when an option cannot work
 */
export function retry(model: Model, options: RetryOptions = {}): Model {
  checkRetryOptions(options, "retry");
  const { midStream = true } = options;
  const { provider, id } = model;
  return {
    provider,
    id,
    stream(request, { signal }) {
      const failures = new Map<PolicyName, number>();
      let attempt = 0;
      const open = () => model.stream(request, { signal });
      return relay({ open }, (error, hasBegun) => {
        signal.throwIfAborted();
        if (!isModelError(error)) throw error;
        const delayMs = hasBegun && !midStream ? undefined : nextDelay(error, failures, options);
        if (delayMs === undefined) throw attempt === 0 ? error : tried(error, attempt + 1);
        attempt++;
        return { event: { type: "retry", attempt, error, delayMs }, wait: () => sleep(delayMs, signal), open };
      });
    },
  };
}

/** How long to wait before the next request; undefined where there is none. */
function nextDelay(error: ModelError, failures: Map<PolicyName, number>, options: RetryOptions): number | undefined {
  const {
    initialDelayMs = 1_000,
    maxDelayMs = 60_000,
    backoffBase = 2,
    jitter = "equal",
    random = Math.random,
  } = options;
  const { retryable, retryAfterMs = 0 } = error;
  if (!retryable || retryAfterMs > maxDelayMs) return undefined;
  const name = policyNames[error.kind] ?? "serverError";
  const { maxRetries = defaults[name].maxRetries, backoff = defaults[name].backoff } = options[name] ?? {};
  const failed = (failures.get(name) ?? 0) + 1;
  if (failed > maxRetries) return undefined;
  failures.set(name, failed);
  const factor = { exponential: backoffBase ** (failed - 1), linear: failed, fixed: 1 }[backoff];
  const backoffMs = Math.min(initialDelayMs * factor, maxDelayMs);
  const share = { equal: 0.5 + random() / 2, full: random(), none: 1 }[jitter];
  return Math.max(Math.round(backoffMs * share), retryAfterMs);
}

/** The same error, with how often the request was tried. */
function tried(error: ModelError, times: number): ModelError {
  return new ModelError(`${error.message} (tried ${times} times)`, error, { cause: error });
}
