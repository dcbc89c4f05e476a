import { createHash } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { text } from "millrace/runs";
import type { SnapshotStore } from "../snapshot-store.ts";

/**
 * Keeps snapshots as files: a folder for each task within this one, a file for each snapshot. A file is written beside
 * its place, flushed to the disk and then renamed, so that a crash leaves the whole snapshot or none.
 *
 * @param folder is made where it is missing
 * @throws {@link ConfigError} where it is no text
 */
export function folderSnapshots(folder: string): SnapshotStore {
  text(folder, "folder");
  const folderOf = (taskId: string): string => join(folder, folderName(taskId));
  const filesOf = async (taskId: string): Promise<string[]> =>
    (await readdir(folderOf(taskId)).catch(undefinedIfMissing)) ?? [];
  const pathOf = (taskId: string, number: number): string => join(folderOf(taskId), `${number}.snapshot`);
  return {
    async write(taskId, number, text) {
      await mkdir(folderOf(taskId), { recursive: true });
      const path = pathOf(taskId, number);
      const unfinished = `${path}.${crypto.randomUUID()}.part`;
      try {
        await writeFlushed(unfinished, text);
        await rename(unfinished, path);
      } catch (error) {
        await rm(unfinished, { force: true });
        throw error;
      }
      await flushFolder(folderOf(taskId));
    },
    async read(taskId, number) {
      return readFile(pathOf(taskId, number), "utf8").catch(undefinedIfMissing);
    },
    async list(taskId) {
      const numbers = (await filesOf(taskId)).flatMap((file) => /^(\d+)\.snapshot$/.exec(file)?.[1] ?? []);
      return numbers.map(Number).sort((a, b) => a - b);
    },
    async delete(taskId, number) {
      // With what a killed process has left unfinished. Not sooner: a living one may be about to finish it.
      const files = (await filesOf(taskId)).filter((file) => file.startsWith(`${number}.snapshot`));
      await Promise.all(files.map((file) => rm(join(folderOf(taskId), file), { force: true })));
    },
  };
}

/**
 * A folder's name for an id: readable where it can be, different for every id on every file system (those that know no
 * upper case too), of bounded length, and never a way out of the folder.
 */
function folderName(taskId: string): string {
  const readable = taskId
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 40);
  // Of the UTF-16 units, so that ids that are no valid text differ too.
  const hash = createHash("sha256").update(Buffer.from(taskId, "utf16le")).digest("hex");
  return `${readable}_${hash.slice(0, 32)}`;
}

async function writeFlushed(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** So that the new name survives a loss of power. Windows knows no such thing, and needs none. */
async function flushFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function undefinedIfMissing(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
  throw error;
}
