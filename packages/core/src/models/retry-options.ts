import {
  type Check,
  callable,
  countOrNone,
  fields,
  flag,
  millisecondsOrNone,
  number,
  oneOf,
} from "../option-checks.ts";

/** How often to repeat a request that failed in one way, and how long to wait before. */
export interface RetryPolicy {
  /** Repetitions; 0 for none. Counted for each kind of failure on its own. */
  maxRetries?: number;
  /**
   * How the wait grows from one repetition to the next: `fixed` is always `initialDelayMs`, `linear` is 1, 2, 3 … times
   * that, `exponential` is 1, `backoffBase`, `backoffBase`² … times that.
   */
  backoff?: "exponential" | "linear" | "fixed";
}

/** Options of {@link retry}, and of an agent's `retry`. */
export interface RetryOptions {
  /** Too many requests or tokens. Default: 5 times, exponential. */
  rateLimit?: RetryPolicy;
  /** The provider has no capacity now. Default: 5 times, exponential. */
  overloaded?: RetryPolicy;
  /** The provider failed, or asked for a repetition of a request that is not repeated otherwise. Default: 3 times, linear. */
  serverError?: RetryPolicy;
  /** No answer in time. Default: 2 times, fixed. */
  timeout?: RetryPolicy;
  /** No connection, or one that broke. Default: 3 times, exponential. */
  network?: RetryPolicy;
  /** Default: 2. */
  backoffBase?: number;
  /** In milliseconds. Default: 1,000. */
  initialDelayMs?: number;
  /**
   * The longest wait, in milliseconds. Where a provider asks for a longer one, the request fails at once instead.
   * Default: 60,000.
   */
  maxDelayMs?: number;
  /**
   * Spreads the waits of many clients: `equal` waits between half and all of the backoff, `full` between nothing and all
   * of it, `none` exactly that long. Default: `equal`.
   */
  jitter?: "equal" | "full" | "none";
  /** Whether an answer that broke off in its midst is asked for again. Default: true. */
  midStream?: boolean;
  /** A number from 0 up to 1, for the jitter. Default: `Math.random`. */
  random?: () => number;
}

const policy = fields({ maxRetries: countOrNone, backoff: oneOf("exponential", "linear", "fixed") });

/** Throws {@link ConfigError} naming the first option that cannot work. */
export const checkRetryOptions: Check = fields({
  rateLimit: policy,
  overloaded: policy,
  serverError: policy,
  timeout: policy,
  network: policy,
  backoffBase: number,
  initialDelayMs: millisecondsOrNone,
  maxDelayMs: millisecondsOrNone,
  jitter: oneOf("equal", "full", "none"),
  midStream: flag,
  random: callable,
});
