/**
 * Wrappers around models: each takes a model and gives one that does more. They can be put around each other.
 *
 * @module
 */
export { type CacheOptions, type CacheStore, cache } from "./models/cache.ts";
export { type FallbackOptions, fallback } from "./models/fallback.ts";
export type { ThrottleOptions } from "./models/request-queue.ts";
export { retry } from "./models/retry.ts";
export type { RetryOptions, RetryPolicy } from "./models/retry-options.ts";
export { route } from "./models/route.ts";
export { type ParsedCall, type ParsedText, type TextProtocol, textTools } from "./models/text-tools.ts";
export { throttle } from "./models/throttle.ts";
export { type TimeoutOptions, timeout } from "./models/timeout.ts";
