const maxLength = 64;

/**
 * A tool call's id as the Messages API takes it: letters, digits, `_` and `-`, at most 64 of them. Ids of other
 * providers may hold more; the same id always gives the same result, and different ids stay different.
 */
export function toolId(callId: string): string {
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
