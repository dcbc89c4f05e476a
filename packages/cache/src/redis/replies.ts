/** A text of a reply; undefined for none. */
export function textOf(reply: unknown): string | undefined {
  return typeof reply === "string" ? reply : undefined;
}

/** The texts of a reply; none where it is no list. */
export function textsOf(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.filter((text) => typeof text === "string") : [];
}
