import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { FileFacts } from "./rows.ts";

/** What is inspected: one file, or the `.jsonl` files of a folder. */
export interface RunFiles {
  /** Shown above the list: the file or the folder. */
  readonly title: string;
  readonly isFolder: boolean;
  /** The newest first. */
  list(): Promise<FileFacts[]>;
  /** The path of a file of the list; undefined for any other name. */
  find(name: string): Promise<string | undefined>;
}

/** More are not listed. */
const maxFiles = 500;

/** The one file, which need not exist yet. */
export function oneFile(path: string, title: string = path): RunFiles {
  const name = basename(path);
  return {
    title,
    isFolder: false,
    list: async () => [(await factsOf(dirname(path), name)) ?? { name, size: 0, changedAt: 0 }],
    find: async (asked) => (asked === name ? path : undefined),
  };
}

/** The runs of a folder, as they are now. */
export function filesOf(folder: string): RunFiles {
  const names = async (): Promise<string[]> => {
    const entries = await readdir(folder, { withFileTypes: true });
    // Files only: a link could lead out of the folder.
    return entries.filter((entry) => entry.isFile() && entry.name.endsWith(".jsonl")).map(({ name }) => name);
  };
  return {
    title: folder,
    isFolder: true,
    async list() {
      const all = await Promise.all(
        (await names()).map(async (name) => ({ name, changedAt: await timeOf(folder, name) })),
      );
      const newest = all.sort((a, b) => b.changedAt - a.changedAt).slice(0, maxFiles);
      const facts = await Promise.all(newest.map(({ name }) => factsOf(folder, name)));
      return facts.filter((each) => each !== undefined);
    },
    find: async (asked) => ((await names()).includes(asked) ? join(folder, asked) : undefined),
  };
}

async function timeOf(folder: string, name: string): Promise<number> {
  return stat(join(folder, name)).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}

const edgeBytes = 64 * 1024;

/** What the first line and the end of a file say of it. Undefined for one that has gone. */
async function factsOf(folder: string, name: string): Promise<FileFacts | undefined> {
  const file = await open(join(folder, name)).catch(() => undefined);
  if (!file) return undefined;
  try {
    const { size, mtimeMs: changedAt } = await file.stat();
    const head = await textOf(file, 0);
    const tail = await textOf(file, Math.max(0, size - edgeBytes));
    const stopReason = [...tail.matchAll(/"stopReason":"([\w-]+)"/g)].at(-1)?.[1];
    return { name, size, changedAt, ...ownerOf(head), ...(stopReason !== undefined && { stopReason }) };
  } finally {
    await file.close();
  }
}

async function textOf(file: FileHandle, at: number): Promise<string> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(edgeBytes), 0, edgeBytes, at);
  return buffer.toString("utf8", 0, bytesRead);
}

function ownerOf(head: string): Pick<FileFacts, "agentName" | "userId" | "chatId"> {
  // Not the whole line, which may be long and was read in part only.
  const [line = ""] = head.split("\n", 1);
  const field = (name: string): string | undefined => {
    const json = new RegExp(`"${name}":("(?:[^"\\\\]|\\\\.)*")`).exec(line)?.[1];
    const text: unknown = json && JSON.parse(json);
    return typeof text === "string" ? text : undefined;
  };
  const [agentName, userId, chatId] = [field("agentName"), field("userId"), field("chatId")];
  return { ...(agentName && { agentName }), ...(userId && { userId }), ...(chatId && { chatId }) };
}
