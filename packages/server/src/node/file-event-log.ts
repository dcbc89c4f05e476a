import {
  appendFile,
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import type { RunInfo } from "millrace";
import { after, fields, millisecondsOrNone } from "millrace/runs";
import { type EventLog, EventLogError, type LoggedRun, type RunQuery } from "../event-log.ts";
import { fileName } from "./file-name.ts";

/** Options of {@link fileEventLog}. */
export interface FileEventLogOptions {
  /** How long a run can be read after its last sign of life, in milliseconds. Default: 86,400,000 (a day). */
  ttlMs?: number;
  /**
   * A run whose writer gives no sign of life for so long is lost, in milliseconds; more than the `beatMs` of `detach()`.
   * Default: 15,000.
   */
  lostMs?: number;
  /** How often a reader looks for what another process has written, in milliseconds. Default: 100. */
  pollMs?: number;
}

const checkOptions = fields({ ttlMs: millisecondsOrNone, lostMs: millisecondsOrNone, pollMs: millisecondsOrNone });

/** Written after the last event: no line of JSON. */
const endMark = "end";

/** Ends what a write has left of a line when it failed: no JSON holds it. */
const tornMark = "\0";

/** The files of a log: runs, the latest run of each chat, stops, locks and drafts. */
const ownFile = /_[0-9a-f]{32}\.(run\.jsonl|chat)(\.[\w-]+)*$/;

/**
 * A log in a folder, for several processes on one machine. Each run is a file: whose it is, its events, a line each, and a
 * mark at its end. Now and then, when a run begins, old ones are removed.
 *
 * @param folder is made where it is missing
 * @throws {@link ConfigError} for options that cannot work
 */
export function fileEventLog(folder: string, options: FileEventLogOptions = {}): EventLog {
  checkOptions(options, "");
  const { ttlMs = 86_400_000, lostMs = 15_000, pollMs = 100 } = options;
  const pathOf = (runId: string): string => join(folder, `${fileName(runId)}.run.jsonl`);
  const chatPath = (chat: { userId: string; chatId: string }): string =>
    join(folder, `${fileName(chat.userId, chat.chatId)}.chat`);
  /** The runs that are written here, and how often that was done. */
  const writes = new Map<string, number>();
  /** Readers in this process, woken when a line is written here. */
  const wakes = new Map<string, Set<() => void>>();
  /** Runs whose last write here has failed, and may have left half a line. */
  const torn = new Set<string>();
  let sweptAt = 0;

  const find = async (query: RunQuery): Promise<LoggedRun | undefined> => {
    const runId = "runId" in query ? query.runId : await readIfThere(chatPath(query));
    if (runId === undefined) return undefined;
    const file = await open(pathOf(runId)).catch(ifMissing);
    if (!file) return undefined;
    try {
      const run = toRun(await headOf(file), runId);
      return run && { run, isOver: await hasEnded(file) };
    } finally {
      await file.close();
    }
  };
  const isAlive = async (runId: string): Promise<boolean> => {
    const modified = await modifiedAt(pathOf(runId));
    return modified !== undefined && Date.now() - modified < lostMs;
  };
  const write = async (runId: string, text: string): Promise<void> => {
    const wasTorn = torn.delete(runId);
    try {
      await appendFile(pathOf(runId), wasTorn ? `${tornMark}\n${text}` : text);
    } catch (error) {
      torn.add(runId);
      throw error;
    }
    writes.set(runId, (writes.get(runId) ?? 0) + 1);
    for (const wake of wakes.get(runId) ?? []) wake();
  };

  return {
    async begin(run) {
      await mkdir(folder, { recursive: true });
      await sweep();
      const lock = `${chatPath(run)}.lock`;
      if (!(await take(lock))) return false;
      try {
        const before = await find({ userId: run.userId, chatId: run.chatId });
        if (before && !before.isOver && (await isAlive(before.run.id))) return false;
        await writeFile(pathOf(run.id), `${JSON.stringify(run)}\n`, { flag: "wx", mode: 0o600 });
        await replace(chatPath(run), run.id);
        writes.set(run.id, 0);
        return true;
      } finally {
        await unlink(lock).catch(() => {});
      }
    },
    append: (runId, lines) => write(runId, toText(lines)),
    async end(runId, lines) {
      try {
        await write(runId, `${toText(lines)}${endMark}\n`);
      } finally {
        writes.delete(runId);
        torn.delete(runId);
      }
    },
    find,
    async requestStop(runId, reason) {
      if (!(await find({ runId }))) throw new EventLogError("not-found", runId);
      await replace(`${pathOf(runId)}.stop`, reason);
    },
    async beat(runId) {
      const now = new Date();
      await utimes(pathOf(runId), now, now);
      return readIfThere(`${pathOf(runId)}.stop`);
    },
    async *read(runId, { from, signal }) {
      const file = await open(pathOf(runId)).catch(() => undefined);
      if (!file) throw new EventLogError("not-found", runId);
      const tail = new Tail();
      // The first line says whose run it is.
      let toSkip = from + 1;
      try {
        while (!signal.aborted) {
          const known = writes.get(runId);
          const { bytesRead, buffer } = await file.read(Buffer.alloc(65_536));
          for (const line of tail.push(buffer.subarray(0, bytesRead))) {
            if (line === endMark) return;
            if (line.endsWith(tornMark)) continue;
            if (toSkip-- <= 0) yield line;
          }
          if (bytesRead > 0) continue;
          if (!(await isAlive(runId))) throw new EventLogError("lost", runId);
          // What has happened meanwhile, a write or the abort, wakes nobody any more.
          if (signal.aborted || writes.get(runId) !== known) continue;
          await pause(runId, known === undefined ? pollMs : lostMs, signal);
        }
      } finally {
        await file.close();
      }
    },
  };

  /** Looks at every file of the folder, so not for every run. */
  async function sweep(): Promise<void> {
    if (Date.now() - sweptAt < ttlMs / 24) return;
    sweptAt = Date.now();
    await removeOld(folder, ttlMs);
  }

  /** Waits for a line from this process, for the time to look again, or for the abort. */
  async function pause(runId: string, ms: number, signal: AbortSignal): Promise<void> {
    const here = wakes.get(runId) ?? new Set<() => void>();
    wakes.set(runId, here);
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        cancel();
        signal.removeEventListener("abort", wake);
        here.delete(wake);
        if (here.size === 0) wakes.delete(runId);
        resolve();
      };
      const cancel = after(ms, wake);
      here.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}

/** Cuts what a file grows by into lines. A line that is not ended yet waits for its end. */
class Tail {
  readonly #decoder = new TextDecoder();
  #rest = "";

  push(bytes: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines;
  }
}

function toText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

/** The first line of a file, which is not read beyond it. */
async function headOf(file: FileHandle): Promise<string> {
  const tail = new Tail();
  for (let at = 0; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(4096), 0, 4096, at);
    const [line] = tail.push(buffer.subarray(0, bytesRead));
    if (line !== undefined || bytesRead === 0) return line ?? "";
    at += bytesRead;
  }
}

async function hasEnded(file: FileHandle): Promise<boolean> {
  const mark = `\n${endMark}\n`;
  const { size } = await file.stat();
  const { buffer } = await file.read(Buffer.alloc(mark.length), 0, mark.length, Math.max(0, size - mark.length));
  return buffer.toString("latin1") === mark;
}

/** Whose run a file holds. A file whose first line was cut by a crash holds none. */
function toRun(head: string, runId: string): RunInfo | undefined {
  try {
    const run: RunInfo = JSON.parse(head);
    return run.id === runId ? run : undefined;
  } catch {
    return undefined;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(ifMissing);
}

async function modifiedAt(path: string): Promise<number | undefined> {
  return stat(path).then(({ mtimeMs }) => mtimeMs, ifMissing);
}

function ifMissing(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
  throw error;
}

/** Writes a file whole: readers see what was there before, or all of it. */
async function replace(path: string, text: string): Promise<void> {
  const draft = `${path}.${crypto.randomUUID()}`;
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, path);
}

/** Nobody holds a lock for longer, in milliseconds: a process that died did. */
const maxLockMs = 10_000;

/** Takes a lock; false where another process holds it. */
async function take(lock: string): Promise<boolean> {
  const since = await modifiedAt(lock);
  if (since !== undefined && Date.now() - since > maxLockMs) await unlink(lock).catch(() => {});
  return writeFile(lock, "", { flag: "wx" }).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
      throw error;
    },
  );
}

async function removeOld(folder: string, ttlMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!ownFile.test(name)) continue;
    const path = join(folder, name);
    const modified = await modifiedAt(path);
    if (modified !== undefined && Date.now() - modified > ttlMs) await rm(path, { force: true });
  }
}
