import type { RunInfo } from "millrace";
import { count, fields, millisecondsOrNone } from "millrace/runs";
import { type EventLog, EventLogError, type RunQuery } from "./event-log.ts";

/** Options of {@link memoryEventLog}. */
export interface MemoryEventLogOptions {
  /** How long a run can be read after its end, in milliseconds. Default: 300,000 (five minutes). */
  ttlMs?: number;
  /**
   * How many characters all runs may hold; beyond that, those that ended first are forgotten first. Runs that go on are
   * always kept. Default: 64 Mi.
   */
  maxCharacters?: number;
}

const checkOptions = fields({ ttlMs: millisecondsOrNone, maxCharacters: count });

interface Entry {
  readonly run: RunInfo;
  readonly lines: string[];
  characters: number;
  endedAt: number | undefined;
  stopReason: string | undefined;
  /** Wakes the readers that have read everything. */
  readonly wakes: Set<() => void>;
}

/**
 * A log in this process: for one server, and for tests.
 *
 * @throws {@link ConfigError} for options that cannot work
 */
export function memoryEventLog(options: MemoryEventLogOptions = {}): EventLog {
  checkOptions(options, "");
  const { ttlMs = 300_000, maxCharacters = 64 * 1024 * 1024 } = options;
  /** In the order of their beginning. */
  const entries = new Map<string, Entry>();
  /** The latest run of each chat. */
  const latest = new Map<string, string>();
  /** The runs that have ended, in the order of their end. */
  const ended = new Set<Entry>();
  let characters = 0;

  const known = (runId: string): Entry => {
    const entry = entries.get(runId);
    if (!entry) throw new EventLogError("not-found", runId);
    return entry;
  };
  const forget = (entry: Entry): void => {
    const { run } = entry;
    ended.delete(entry);
    entries.delete(run.id);
    if (latest.get(chatKey(run)) === run.id) latest.delete(chatKey(run));
    characters -= entry.characters;
  };
  const evict = (): void => {
    for (const entry of ended) {
      const isOld = Date.now() - (entry.endedAt ?? 0) >= ttlMs;
      if (!isOld && characters <= maxCharacters) return;
      forget(entry);
    }
  };
  const add = (entry: Entry, lines: readonly string[]): void => {
    for (const line of lines) {
      entry.lines.push(line);
      entry.characters += line.length;
      characters += line.length;
    }
    for (const wake of entry.wakes) wake();
  };

  return {
    async begin(run) {
      evict();
      const before = entries.get(latest.get(chatKey(run)) ?? "");
      if (before && before.endedAt === undefined) return false;
      entries.set(run.id, {
        run,
        lines: [],
        characters: 0,
        endedAt: undefined,
        stopReason: undefined,
        wakes: new Set(),
      });
      latest.set(chatKey(run), run.id);
      return true;
    },
    async append(runId, lines) {
      add(known(runId), lines);
      evict();
    },
    async *read(runId, { from, signal }) {
      const entry = known(runId);
      for (let at = from; !signal.aborted; ) {
        const line = entry.lines[at];
        if (line !== undefined) {
          at++;
          yield line;
        } else if (entry.endedAt === undefined) {
          await wait(entry.wakes, signal);
        } else {
          return;
        }
      }
    },
    async end(runId, lines) {
      const entry = known(runId);
      entry.endedAt ??= Date.now();
      ended.add(entry);
      add(entry, lines);
      evict();
    },
    async find(query) {
      evict();
      const entry = entries.get(runIdOf(query, latest) ?? "");
      return entry && { run: entry.run, isOver: entry.endedAt !== undefined };
    },
    async requestStop(runId, reason) {
      known(runId).stopReason ??= reason;
    },
    async beat(runId) {
      return known(runId).stopReason;
    },
  };
}

function runIdOf(query: RunQuery, latest: ReadonlyMap<string, string>): string | undefined {
  return "runId" in query ? query.runId : latest.get(chatKey(query));
}

function chatKey({ userId, chatId }: { userId: string; chatId: string }): string {
  return JSON.stringify([userId, chatId]);
}

/** Waits to be woken, or for the abort. */
function wait(wakes: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      signal.removeEventListener("abort", wake);
      wakes.delete(wake);
      resolve();
    };
    wakes.add(wake);
    signal.addEventListener("abort", wake, { once: true });
  });
}
