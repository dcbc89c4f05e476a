import { estimateRequest } from "../estimate-tokens.ts";
import type { Model } from "../model.ts";
import { count, fields } from "../option-checks.ts";
import { RequestQueue, type ThrottleOptions } from "./request-queue.ts";

/**
 * Holds requests back, so that a provider's limits are kept: those that do not fit wait in the order in which they came.
 * The limits are shared by all runs that use the result of this call, and hold for every span of 60 seconds.
 *
 * A request's tokens are estimated before it (a token for four characters) and corrected by the usage of its `finish`. One
 * that is larger than `tokensPerMinute` goes alone. A wait ends at once when the request is aborted. It counts for an agent's
 * `timeouts.firstEventMs`: with long queues set that higher, and put a {@link timeout} around the model within.
 *
 * @example
 * ```ts
 * import { throttle } from "millrace/models";
 * import { openai } from "@millrace/openai";
 *
 * const model = throttle(openai("gpt-5.4-mini"), { requestsPerMinute: 500, tokensPerMinute: 200_000, maxConcurrent: 20 });
 * ```
 *
 * @throws {@link ConfigError} when a limit is no whole number from 1
 */
export function throttle(model: Model, options: ThrottleOptions): Model {
  fields({ requestsPerMinute: count, tokensPerMinute: count, maxConcurrent: count })(options, "throttle");
  const { provider, id } = model;
  const queue = new RequestQueue(options);
  return {
    provider,
    id,
    async *stream(request, { signal }) {
      const entry = await queue.enter(estimateRequest(request), signal);
      try {
        for await (const event of model.stream(request, { signal })) {
          if (event.type === "finish")
            entry.tokens = event.usage.inputTokens + event.usage.outputTokens || entry.tokens;
          yield event;
        }
      } finally {
        queue.leave();
      }
    },
  };
}
