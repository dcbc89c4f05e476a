import { MillraceError } from "millrace";

/**
 * Why a cache failed. `unavailable`: the storage could not be reached, or did not answer in time; a change may have been
 * made or not. `refused`: the storage answered with an error. `closed`: the cache was closed. `unserializable`: a value that
 * cannot be kept. `corrupt`: what is stored is no value of ours. `locked`: another holds the lock. `lock-lost`: a lock could
 * not be renewed.
 */
export type CacheErrorKind =
  | "unavailable"
  | "refused"
  | "closed"
  | "unserializable"
  | "corrupt"
  | "locked"
  | "lock-lost";

const retryableKinds: ReadonlySet<CacheErrorKind> = new Set(["unavailable", "locked"]);

/** Something that a cache could not do. */
export class CacheError extends MillraceError {
  static {
    CacheError.prototype.name = "CacheError";
  }

  readonly kind: CacheErrorKind;
  /** The key, mailbox, channel or lock that it is about. */
  readonly key?: string;
  /** Whether the same may succeed later: true for `unavailable` and `locked`. */
  readonly retryable: boolean;

  constructor(message: string, facts: { kind: CacheErrorKind; key?: string }, options?: ErrorOptions) {
    super(message, options);
    this.kind = facts.kind;
    this.retryable = retryableKinds.has(facts.kind);
    if (facts.key !== undefined) this.key = facts.key;
  }
}
