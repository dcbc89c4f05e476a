import type { Cache } from "@millrace/cache";

/** Keeps the snapshots of tasks: texts, by the task's id and a number that grows. Ids may be any text. */
export interface SnapshotStore {
  /** Keeps a snapshot, whole or not at all, also when the process is killed meanwhile. */
  write(taskId: string, number: number, text: string): Promise<void>;
  /** A snapshot's text; undefined where there is none. */
  read(taskId: string, number: number): Promise<string | undefined>;
  /** The numbers of the snapshots that there are, the smallest first. */
  list(taskId: string): Promise<number[]>;
  delete(taskId: string, number: number): Promise<void>;
}

/** Options of {@link cacheSnapshots}. */
export interface CacheSnapshotsOptions {
  /** A snapshot is gone after so many milliseconds. Default: it stays. */
  ttlMs?: number;
}

/** Keeps snapshots in a cache, beside the values of the tasks. What a graph with a cache does by default. */
export function cacheSnapshots(cache: Cache, options: CacheSnapshotsOptions = {}): SnapshotStore {
  const all = cache.scoped({ prefix: "snapshots" });
  const of = (taskId: string): Cache => all.scoped({ prefix: taskId });
  return {
    write: (taskId, number, text) => of(taskId).set(String(number), text, options),
    read: (taskId, number) => of(taskId).get<string>(String(number)),
    async list(taskId) {
      const keys = await of(taskId).keys();
      return keys.map(Number).sort((a, b) => a - b);
    },
    async delete(taskId, number) {
      await of(taskId).delete(String(number));
    },
  };
}
