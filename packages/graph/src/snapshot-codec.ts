import { parse, stringify } from "devalue";
import { errorMessage } from "millrace";
import { isObject } from "millrace/runs";
import { SnapshotError } from "./errors.ts";
import type { Snapshot, SnapshotState } from "./snapshot.ts";

/** What is in the cache for a task. */
export type CacheContents = Pick<Snapshot, "values" | "mailboxes">;

/** What the text of a snapshot begins with. */
const format = "millrace-graph-snapshot";

/** A part of a snapshot as text, written at once. */
export function encodePart(part: SnapshotState | CacheContents, taskId: string): string {
  try {
    return stringify(part);
  } catch (cause) {
    const message = `something in the task cannot be saved: ${errorMessage(cause)}; results and values must be plain data`;
    throw new SnapshotError(message, { kind: "unserializable", taskId }, { cause });
  }
}

/** The text of a snapshot: a line that says what it is and the checksum of the rest, then its parts, a line each. */
export async function encodeSnapshot(state: string, contents: string): Promise<string> {
  const body = `${state}\n${contents}`;
  return `${JSON.stringify({ format, version: 1, sha256: await sha256(body) })}\n${body}`;
}

/**
 * The snapshot of a text.
 *
 * @throws {@link SnapshotError} of kind `damaged` or `version`
 */
export async function decodeSnapshot(text: string, taskId: string): Promise<Snapshot> {
  const damaged = (what: string, cause?: unknown): SnapshotError =>
    new SnapshotError(`a snapshot of task ${taskId} is damaged: ${what}`, { kind: "damaged", taskId }, { cause });
  const end = text.indexOf("\n");
  const header = parseJson(text.slice(0, Math.max(0, end)));
  if (!isObject(header) || header["format"] !== format) throw damaged("it does not begin as a snapshot does");
  if (header["version"] !== 1) {
    const message = `a snapshot of task ${taskId} has version ${header["version"]}; this reads version 1`;
    throw new SnapshotError(message, { kind: "version", taskId });
  }
  const body = text.slice(end + 1);
  if (header["sha256"] !== (await sha256(body))) throw damaged("its checksum is not that of its contents");
  try {
    const [state = "", contents = ""] = body.split("\n");
    return { ...parse(state), ...parse(contents) };
  } catch (cause) {
    throw damaged("it cannot be parsed", cause);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
