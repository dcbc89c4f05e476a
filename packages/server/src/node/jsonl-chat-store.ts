import { mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ChatStore, Message } from "millrace";
import { fileName } from "./file-name.ts";

/**
 * Keeps each chat in a file of its own in a folder, a line of JSON for each message. A line that a crash has cut is left
 * out when the chat is loaded, and what it leaves open is repaired by the agent.
 *
 * @param folder is made where it is missing
 */
export function jsonlChatStore(folder: string): ChatStore {
  const pathOf = ({ userId, chatId }: { userId: string; chatId: string }): string =>
    join(folder, `${fileName(userId, chatId)}.jsonl`);
  return {
    async load(chat) {
      const text = await readFile(pathOf(chat), "utf8").catch(emptyIfMissing);
      return text.split("\n").flatMap(toMessages);
    },
    async append(chat, message) {
      await mkdir(folder, { recursive: true });
      const file = await open(pathOf(chat), "a+", 0o600);
      try {
        const { size } = await file.stat();
        const { buffer } = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
        const isTorn = size > 0 && buffer[0] !== 10; // a line feed
        await file.appendFile(`${isTorn ? "\n" : ""}${JSON.stringify(message)}\n`);
      } finally {
        await file.close();
      }
    },
  };
}

function emptyIfMissing(error: unknown): string {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
  throw error;
}

/** The message of a line; none of a line that was cut. The agent checks what it is. */
function toMessages(line: string): Message[] {
  if (line === "") return [];
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}
