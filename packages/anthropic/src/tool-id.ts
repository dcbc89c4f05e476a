const maxLength = 64;

/**
 * The ids under which the calls of one history are sent. The API wants each only once, but some servers count their
 * calls from zero in each answer: an id that comes again gets a suffix, the same each time the history is sent.
 *
 * A history is walked in order: {@link begin} for each call, {@link of} for each result.
 */
export class ToolIds {
  readonly #latest = new Map<string, string>();
  readonly #used = new Set<string>();

  /** The id to send for a call. */
  begin(callId: string): string {
    let id = toolId(callId);
    for (let again = 2; this.#used.has(id); again++) id = toolId(`${callId}_${again}`);
    this.#used.add(id);
    this.#latest.set(callId, id);
    return id;
  }

  /** The id to send for the result of a call. */
  of(callId: string): string {
    return this.#latest.get(callId) ?? toolId(callId);
  }
}

/**
 * A tool call's id as the Messages API takes it: letters, digits, `_` and `-`, at most 64 of them. Ids of other
 * providers may hold more; the same id always gives the same result, and different ids stay different.
 */
function toolId(callId: string): string {
  if (callId !== "" && callId.length <= maxLength && !/[^a-zA-Z0-9_-]/.test(callId)) return callId;
  const suffix = `_${fingerprint(callId)}`;
  return callId.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, maxLength - suffix.length) + suffix;
}

/** FNV-1a, twice with different seeds: 64 bits as hex. */
function fingerprint(text: string): string {
  return fnv1a(text, 0x811c9dc5) + fnv1a(text, 0x01234567);
}

function fnv1a(text: string, seed: number): string {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
