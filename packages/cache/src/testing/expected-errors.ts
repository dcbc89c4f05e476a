import { CacheError, type CacheErrorKind } from "../cache-error.ts";

/** Whether an error is a cache's own, of this kind and about this key. */
export function isCacheErrorOf(kind: CacheErrorKind, key?: string): (error: unknown) => boolean {
  return (error) => error instanceof CacheError && error.kind === kind && (key === undefined || error.key === key);
}
