import type { DatabaseSync } from "node:sqlite";
import { type ChatStore, ConfigError, type Message } from "millrace";

/** A store over an SQLite file; `close()` it at the end. */
export interface SqliteChatStore extends ChatStore, Disposable {
  close(): void;
}

/**
 * Keeps chats in an SQLite file, by Node's own driver.
 *
 * @param file its path, or `:memory:`
 * @throws {@link ConfigError} where the runtime has no `node:sqlite` (Node.js has it from 22.13)
 */
export function sqliteChatStore(file: string): SqliteChatStore {
  const database = openDatabase(file);
  database.exec(`
    PRAGMA busy_timeout = 5000;
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS messages (
      id INTEGER PRIMARY KEY,
      user_id TEXT NOT NULL,
      chat_id TEXT NOT NULL,
      message TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS messages_of_chat ON messages (user_id, chat_id, id);
  `);
  const select = database.prepare("SELECT message FROM messages WHERE user_id = ? AND chat_id = ? ORDER BY id");
  const insert = database.prepare("INSERT INTO messages (user_id, chat_id, message) VALUES (?, ?, ?)");
  const close = (): void => database.close();
  return {
    load: ({ userId, chatId }) => select.all(key(userId), key(chatId)).map(({ message }) => toMessage(message)),
    append({ userId, chatId }, message) {
      insert.run(key(userId), key(chatId), JSON.stringify(message));
    },
    close,
    [Symbol.dispose]: close,
  };
}

/** SQLite ends a text at a NUL, and holds only what is valid Unicode: JSON escapes both. */
function key(id: string): string {
  return JSON.stringify(id);
}

function toMessage(json: unknown): Message {
  return JSON.parse(String(json));
}

function openDatabase(file: string): DatabaseSync {
  // Asked for when it is needed: the other stores work where there is none.
  const sqlite = process.getBuiltinModule("node:sqlite");
  if (!sqlite) throw new ConfigError("sqliteChatStore", "needs node:sqlite, which Node.js has from 22.13 on");
  return new sqlite.DatabaseSync(file);
}
