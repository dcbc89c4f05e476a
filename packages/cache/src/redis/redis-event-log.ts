import { type EventLog, EventLogError, type LoggedRun, type RunQuery } from "@millrace/server";
import type { RunInfo } from "millrace";
import { checkMs } from "../checks.ts";
import { escapePart } from "../scope-path.ts";
import { Bell } from "./bell.ts";
import { type RedisCache, storageOf } from "./redis-cache.ts";
import { toText } from "./redis-storage.ts";
import { textOf, textsOf } from "./replies.ts";

/** Options of {@link redisEventLog}. */
export interface RedisEventLogOptions {
  /** How long a run can be read after its last sign of life, in milliseconds. Default: 86,400,000 (a day). */
  ttlMs?: number;
  /**
   * A run whose writer gives no sign of life for so long is lost, in milliseconds; more than the `beatMs` of `detach()`.
   * Default: 15,000.
   */
  lostMs?: number;
}

/** So many lines are read or written at once at most. */
const maxLines = 500;

/**
 * An event log in Redis, for the servers of many machines: any of them serves the readers of a run, and stops it. A run
 * is a list of lines, so that line `n` is found at once. It lies beside the cache's values: `clear()` leaves it alone.
 *
 * @example
 * ```ts
 * import { redisEventLog } from "@millrace/cache/event-log";
 * import { RedisCache } from "@millrace/cache/redis";
 * import { createChatHandler } from "@millrace/server";
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 *
 * const cache = new RedisCache({ url: "redis://localhost:6379" });
 * const handler = createChatHandler(new Agent({ name: "echo", model: echoModel() }), {
 *   authenticate: (request) => request.headers.get("x-user") ?? undefined,
 *   log: redisEventLog(cache),
 * });
 * ```
 */
export function redisEventLog(cache: RedisCache, options: RedisEventLogOptions = {}): EventLog {
  const { ttlMs = 86_400_000, lostMs = 15_000 } = options;
  checkMs(ttlMs, "ttlMs");
  checkMs(lostMs, "lostMs");
  const storage = storageOf(cache);
  const { connection, changes } = storage;
  const runKey = (runId: string): string => storage.key("run", escapePart(runId));
  const linesKey = (runId: string): string => storage.key("lines", escapePart(runId));
  const chatKey = (chat: { userId: string; chatId: string }): string =>
    storage.key("chat", `${escapePart(chat.userId)}:${escapePart(chat.chatId)}`);

  async function stateOf(key: string): Promise<{ info: string; isOver: boolean; beat: number } | undefined> {
    const reply = await connection.read(["HMGET", key, "info", "isOver", "beat"]);
    const [info, isOver, beat] = Array.isArray(reply) ? reply : [];
    return typeof info === "string" ? { info, isOver: isOver === "1", beat: Number(beat) } : undefined;
  }

  async function find(query: RunQuery): Promise<LoggedRun | undefined> {
    const key = "runId" in query ? runKey(query.runId) : textOf(await connection.read(["GET", chatKey(query)]));
    const state = key === undefined ? undefined : await stateOf(key);
    return state && { run: toRun(state.info), isOver: state.isOver };
  }

  async function write(runId: string, lines: readonly string[], isLast: boolean): Promise<void> {
    for (let from = 0; from === 0 || from < lines.length; from += maxLines) {
      const some = lines.slice(from, from + maxLines);
      const isEnd = isLast && from + maxLines >= lines.length;
      const args = [runKey(runId), linesKey(runId), toText(ttlMs), isEnd ? "1" : "0", ...some];
      if ((await changes.make(["appendLines", ...args])) !== 1) throw new EventLogError("not-found", runId);
    }
  }

  async function isLost(beat: number): Promise<boolean> {
    const [seconds] = textsOf(await connection.read(["TIME"]));
    return Number(seconds) * 1000 - beat > lostMs;
  }

  return {
    async begin(run) {
      const info = JSON.stringify(run);
      const args = [runKey(run.id), chatKey(run), info, toText(lostMs), toText(ttlMs)];
      return (await changes.make(["beginRun", ...args])) === 1;
    },
    append: (runId, lines) => write(runId, lines, false),
    end: (runId, lines) => write(runId, lines, true),
    find,
    async requestStop(runId, reason) {
      if ((await changes.make(["stopRun", runKey(runId), reason])) !== 1) throw new EventLogError("not-found", runId);
    },
    async beat(runId) {
      const reply = await changes.make(["beatRun", runKey(runId), linesKey(runId), toText(ttlMs)]);
      if (!Array.isArray(reply)) throw new EventLogError("not-found", runId);
      return textOf(reply[0]);
    },
    async *read(runId, { from, signal }) {
      if (!(await find({ runId }))) throw new EventLogError("not-found", runId);
      const bell = new Bell([signal]);
      const leave = await connection.listen(runKey(runId), { hear: bell.ring, lost: bell.ring });
      try {
        for (let at = from; !signal.aborted; ) {
          // Before the lines: what is read after the end was written is all there is.
          const state = await stateOf(runKey(runId));
          const range = [String(at), String(at + maxLines - 1)];
          const lines = textsOf(await connection.read(["LRANGE", linesKey(runId), ...range]));
          for (const line of lines) {
            if (signal.aborted) return;
            at++;
            yield line;
          }
          if (lines.length > 0) continue;
          if (state?.isOver) return;
          if (!state || (await isLost(state.beat))) throw new EventLogError("lost", runId);
          await bell.wait(lostMs / 4);
        }
      } finally {
        leave();
        bell.end();
      }
    },
  };
}

function toRun(info: string): RunInfo {
  return JSON.parse(info);
}
