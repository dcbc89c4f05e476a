import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { ChatStore, Message, RunInfo } from "millrace";

/** A chat in the list of its user. */
export interface ChatEntry {
  readonly chatId: string;
  readonly title: string;
  /** Its latest run: a page that knows another one is behind. */
  readonly runId: string;
}

type Chat = Pick<RunInfo, "userId" | "chatId">;

/** Keeps chats in an SQLite file: the two functions that an agent needs, and what a list of chats needs besides. */
export class ChatDatabase implements ChatStore {
  readonly #database: DatabaseSync;

  constructor(file: string) {
    mkdirSync(dirname(file), { recursive: true });
    this.#database = new DatabaseSync(file);
    this.#database.exec(`
      PRAGMA busy_timeout = 5000;
      PRAGMA journal_mode = WAL;
      CREATE TABLE IF NOT EXISTS chats (
        user_id TEXT, chat_id TEXT, title TEXT NOT NULL, run_id TEXT NOT NULL, used_at INTEGER NOT NULL,
        PRIMARY KEY (user_id, chat_id)
      );
      CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY, user_id TEXT, chat_id TEXT, message TEXT NOT NULL,
        FOREIGN KEY (user_id, chat_id) REFERENCES chats ON DELETE CASCADE
      );
      CREATE INDEX IF NOT EXISTS messages_of_chat ON messages (user_id, chat_id, id);
    `);
  }

  load({ userId, chatId }: Chat): Message[] {
    const rows = this.#database
      .prepare("SELECT message FROM messages WHERE user_id = ? AND chat_id = ? ORDER BY id")
      .all(userId, chatId);
    return rows.map(({ message }): Message => JSON.parse(String(message)));
  }

  /** A message for a chat that was removed while its answer was written is let go. */
  append({ userId, chatId }: Chat, message: Message): void {
    this.#database
      .prepare(
        `INSERT INTO messages (user_id, chat_id, message)
         SELECT user_id, chat_id, ? FROM chats WHERE user_id = ? AND chat_id = ?`,
      )
      .run(JSON.stringify(message), userId, chatId);
  }

  /** The user's chats, the one that was used last first. */
  list(userId: string): ChatEntry[] {
    const rows = this.#database
      .prepare("SELECT chat_id, title, run_id FROM chats WHERE user_id = ? ORDER BY used_at DESC LIMIT 200")
      .all(userId);
    return rows.map(({ chat_id, title, run_id }) => ({
      chatId: String(chat_id),
      title: String(title),
      runId: String(run_id),
    }));
  }

  latestRun({ userId, chatId }: Chat): string | null {
    const row = this.#database
      .prepare("SELECT run_id FROM chats WHERE user_id = ? AND chat_id = ?")
      .get(userId, chatId);
    return row ? String(row["run_id"]) : null;
  }

  /** A run begins: a new chat is named after what it was asked first. */
  began({ userId, chatId, id }: RunInfo, [first]: readonly Message[]): void {
    this.#database
      .prepare(
        `INSERT INTO chats (user_id, chat_id, title, run_id, used_at) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET run_id = excluded.run_id, used_at = excluded.used_at`,
      )
      .run(userId, chatId, titleOf(first), id, Date.now());
  }

  rename({ userId, chatId }: Chat, title: string): void {
    this.#database
      .prepare("UPDATE chats SET title = ? WHERE user_id = ? AND chat_id = ?")
      .run(title.slice(0, 100), userId, chatId);
  }

  remove({ userId, chatId }: Chat): void {
    this.#database.prepare("DELETE FROM chats WHERE user_id = ? AND chat_id = ?").run(userId, chatId);
  }

  close(): void {
    this.#database.close();
  }
}

function titleOf(message: Message | undefined): string {
  const text = typeof message?.content === "string" ? message.content : "New chat";
  const line = text.trim().replace(/\s+/g, " ");
  return line.length > 60 ? `${line.slice(0, 59).trimEnd()}…` : line;
}
