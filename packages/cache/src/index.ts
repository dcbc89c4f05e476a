/**
 * Values, mailboxes, channels and locks for agents, in memory or shared by many processes.
 *
 * @module
 */
export type {
  Cache,
  KeyOptions,
  ListOptions,
  Lock,
  LockOptions,
  PeekOptions,
  ReceiveOptions,
  Scope,
  SetOptions,
  SubscribeOptions,
  Subscription,
} from "./cache.ts";
export { CacheError, type CacheErrorKind } from "./cache-error.ts";
export { MemoryCache } from "./memory-cache.ts";
export { type StopFlags, type StopFlagsOptions, stopFlags } from "./stop-flags.ts";
