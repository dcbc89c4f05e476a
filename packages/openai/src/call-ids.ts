/** Which ids of tool calls a server takes. */
export interface CallIdRule {
  /** The longest id. */
  readonly maxLength: number;
  /** Whether an id must have exactly `maxLength` letters and digits. */
  readonly exact?: boolean;
}

/**
 * The ids under which the calls of a history are sent. An id that the server takes stays as it is; others, and ones
 * that come a second time (some servers count from zero in each answer), get a stable id of their own: the same
 * history always gives the same ids, or a prompt cache would never hit.
 *
 * A history is walked in order: {@link begin} for each call, {@link of} for each result.
 */
export class CallIds {
  readonly #rule: CallIdRule;
  readonly #latest = new Map<string, string>();
  readonly #used = new Set<string>();

  constructor(rule: CallIdRule) {
    this.#rule = rule;
  }

  /** The id to send for a call. `keep`: it came from this server, so however it looks it must go back as it is. */
  begin(callId: string, keep: boolean = false): string {
    let id = this.#fit(callId, keep);
    for (let again = 2; this.#used.has(id); again++) id = this.#fit(`${callId}_${again}`, false);
    this.#used.add(id);
    this.#latest.set(callId, id);
    return id;
  }

  /** The id to send for the result of a call. */
  of(callId: string): string {
    return this.#latest.get(callId) ?? this.#fit(callId, false);
  }

  #fit(callId: string, keep: boolean): string {
    const { maxLength, exact } = this.#rule;
    if (exact) return callId.length === maxLength && /^[a-z0-9]+$/i.test(callId) ? callId : digest(callId, maxLength);
    if (callId !== "" && (keep || callId.length <= maxLength)) return callId;
    return `call_${digest(callId, 24)}`;
  }
}

/** Letters and digits that stand for a text. Not for secrets: only two different ids must not meet. */
function digest(text: string, length: number): string {
  let digits = "";
  for (let seed = 0; digits.length < length; seed++) digits += hash(text, seed).toString(36).padStart(7, "0");
  return digits.slice(0, length);
}

/** FNV-1a of 32 bits, with a final mix. */
function hash(text: string, seed: number): number {
  let value = 0x811c9dc5 ^ Math.imul(seed + 1, 0x9e3779b1);
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}
