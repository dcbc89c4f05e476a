import { createHash } from "node:crypto";

/**
 * A file name for an id: readable where it can be, different for every id on every file system (those that know no upper
 * case too), of bounded length, and never a way out of its folder.
 */
export function fileName(...ids: readonly string[]): string {
  const readable = ids
    .map((id) =>
      id
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, "-")
        .slice(0, 24),
    )
    .join("_");
  // Of the UTF-16 units, so that ids that are no valid text differ too.
  const hash = createHash("sha256")
    .update(Buffer.from(JSON.stringify(ids), "utf16le"))
    .digest("hex");
  return `${readable}_${hash.slice(0, 32)}`;
}
