import { type FileHandle, open, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage } from "millrace";
import { LineSplitter } from "./line-splitter.ts";
import { RowReader } from "./row-reader.ts";
import { addRow, type Row, type Update } from "./rows.ts";

/** How often is looked for what was written since, in milliseconds. */
const pollMs = 150;
const chunkBytes = 512 * 1024;

/**
 * Reads a file and then what is added to it, until the signal aborts. A file that is replaced, or shorter than before, is
 * read anew. It is read as its updates are taken, so that a page that is slow, or a file that is huge, fills no memory.
 */
export async function* followFile(path: string, name: string, signal: AbortSignal): AsyncGenerator<Update, void> {
  while (!signal.aborted) {
    yield { kind: "reset", file: name };
    const file = await open(path).catch((error: unknown) => error);
    if (!isHandle(file)) {
      yield { kind: "failed", message: `${name} cannot be read: ${errorMessage(file)}` };
      if (!(await pause(1000, signal))) return;
      continue;
    }
    try {
      yield* readAndWait(file, path, signal);
    } finally {
      await file.close();
    }
  }
}

/** Until the file is replaced or the signal aborts. */
async function* readAndWait(file: FileHandle, path: string, signal: AbortSignal): AsyncGenerator<Update, void> {
  const splitter = new LineSplitter();
  const reader = new RowReader();
  const { ino } = await file.stat();
  let read = 0;
  let isIdle = false;
  while (!signal.aborted) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, read);
    if (bytesRead > 0) {
      read += bytesRead;
      isIdle = false;
      const rows: Row[] = [];
      for (const line of splitter.push(buffer.subarray(0, bytesRead))) {
        const row = reader.read(line);
        if (row) addRow(rows, row);
      }
      const { size } = await file.stat();
      yield { kind: "rows", rows, read, size: Math.max(size, read) };
      continue;
    }
    if (!isIdle) {
      isIdle = true;
      const { open: rest } = splitter;
      yield { kind: "idle", read, ...(rest && { open: { line: rest.number, text: rest.text?.slice(0, 400) ?? "" } }) };
    }
    if (!(await pause(pollMs, signal))) return;
    const now = await statOf(path);
    // A file that was removed is still shown.
    if (now && (now.ino !== ino || now.size < read)) return;
  }
}

/** False where the signal has aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return sleep(ms, true, { signal }).catch(() => false);
}

async function statOf(path: string): Promise<{ ino: number; size: number } | undefined> {
  return stat(path).catch(() => undefined);
}

function isHandle(value: unknown): value is FileHandle {
  return typeof value === "object" && value !== null && "fd" in value;
}
