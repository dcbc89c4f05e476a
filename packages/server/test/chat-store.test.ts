import { once } from "node:events";
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { Agent, type ChatStore, type Message } from "millrace";
import { checkHistory, scriptedModel } from "millrace/testing";
import { afterEach, describe, expect, it } from "vitest";
import { memoryChatStore } from "../src/index.ts";
import { jsonlChatStore, sqliteChatStore } from "../src/node.ts";

const folders: string[] = [];
async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "millrace-store-"));
  folders.push(path);
  return path;
}
afterEach(async () => {
  for (const path of folders.splice(0)) await rm(path, { recursive: true, force: true });
});

const user = (content: string): Message => ({ role: "user", content });
const strange = [
  "a",
  "A",
  "a/b",
  "a\\b",
  "../../x",
  "..",
  ".",
  "",
  "a\0",
  "a\0b",
  "CON",
  "\ud83d",
  "\ude00",
  "é",
  "x".repeat(5000),
  "'; --",
];

describe.each<[string, () => Promise<ChatStore>]>([
  ["memory", async () => memoryChatStore()],
  ["JSONL files", async () => jsonlChatStore(await folder())],
  ["SQLite", async () => sqliteChatStore(":memory:")],
  ["an SQLite file", async () => sqliteChatStore(join(await folder(), "chats.db"))],
])("a chat store in %s", (_, makeStore) => {
  it("keeps a conversation of an agent", async () => {
    const store = await makeStore();
    const ids = { userId: "u", chatId: "c" };
    const agent = new Agent({
      name: "a",
      model: scriptedModel(["Hello.", ({ messages }) => `${messages.length} messages`]),
    });
    await agent.chat({ ...ids, store }).sendMessage("Hi");
    expect((await agent.chat({ ...ids, store }).sendMessage("Again")).output).toBe("3 messages");
    expect(await store.load(ids)).toHaveLength(4);
  });

  it("keeps chats apart, whatever they and their users are called, and every text as it is", async () => {
    const store = await makeStore();
    const pairs = [
      ...strange.map((id) => ({ userId: id, chatId: "c" })),
      ...strange.map((id) => ({ userId: "u", chatId: id })),
      { userId: "a,b", chatId: "c" },
      { userId: "a", chatId: "b,c" },
    ];
    for (const [index, chat] of pairs.entries()) await store.append(chat, user(`${index}\r\n\u2028\0\ud83d`));
    for (const [index, chat] of pairs.entries()) {
      expect(await store.load(chat)).toEqual([user(`${index}\r\n\u2028\0\ud83d`)]);
    }
  });

  it("has nothing of a new chat", async () => {
    expect(await (await makeStore()).load({ userId: "u", chatId: "new" })).toEqual([]);
  });

  it("gives a history that a crash has cut, and the agent repairs it", async () => {
    const store = await makeStore();
    const ids = { userId: "u", chatId: "c" };
    await store.append(ids, user("Look it up."));
    const call = { type: "tool-call", callId: "1", name: "look", args: {} } as const;
    await store.append(ids, { role: "assistant", content: [call] });
    const agent = new Agent({ name: "a", model: scriptedModel(["Done."]) });
    const { history } = await agent.chat({ ...ids, store }).sendMessage("And?");
    expect(checkHistory(history.messages)).toEqual([]);
    expect(history.messages[2]).toMatchObject({ role: "tool", callId: "1", isError: true });
  });
});

describe("JSONL files", () => {
  it("stay inside their folder", async () => {
    const path = await folder();
    const store = jsonlChatStore(join(path, "chats"));
    for (const id of strange) await store.append({ userId: id, chatId: id }, user("x"));
    expect(await readdir(path)).toEqual(["chats"]);
    const names = await readdir(join(path, "chats"));
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(strange.length);
    for (const name of names) expect(name).toMatch(/^[a-z0-9_-]+\.jsonl$/);
  });

  it("survive a line that a crash has cut at any byte", async () => {
    const path = await folder();
    const store = jsonlChatStore(path);
    const ids = { userId: "u", chatId: "c" };
    await store.append(ids, user("first"));
    const [name = ""] = await readdir(path);
    const file = join(path, name);
    const first = await readFile(file);
    const torn = Buffer.from(`${JSON.stringify(user("é\u{1f600}"))}\n`);
    for (let at = 0; at < torn.length; at++) {
      await writeFile(file, first);
      await appendFile(file, torn.subarray(0, at));
      const isWhole = at === torn.length - 1;
      const kept = isWhole ? [user("first"), user("é\u{1f600}")] : [user("first")];
      expect(await store.load(ids)).toEqual(kept);
      await store.append(ids, user("after"));
      expect(await store.load(ids)).toEqual([...kept, user("after")]);
    }
  });
});

describe("memory", () => {
  it("forgets the chats that were not used for longest", async () => {
    const store = memoryChatStore({ maxChats: 2 });
    for (const chatId of ["a", "b", "a", "c"]) await store.append({ userId: "u", chatId }, user(chatId));
    expect(await store.load({ userId: "u", chatId: "b" })).toEqual([]);
    expect(await store.load({ userId: "u", chatId: "c" })).toHaveLength(1);
  });
});

describe("SQLite", () => {
  it("is there after a restart", async () => {
    const file = join(await folder(), "chats.db");
    const ids = { userId: "u", chatId: "c" };
    {
      using store = sqliteChatStore(file);
      await store.append(ids, user("kept"));
    }
    using store = sqliteChatStore(file);
    expect(await store.load(ids)).toEqual([user("kept")]);
  });
});

it("an SQLite file is waited for while another process has it to itself", async () => {
  const file = join(await folder(), "chats.db");
  const holding = new Worker(
    `const { DatabaseSync } = require("node:sqlite");
    const { parentPort, workerData } = require("node:worker_threads");
    const database = new DatabaseSync(workerData);
    database.exec("BEGIN EXCLUSIVE; CREATE TABLE other (id INTEGER)");
    parentPort.postMessage("held");
    setTimeout(() => database.exec("COMMIT"), 200);`,
    { eval: true, workerData: file },
  );
  await once(holding, "message");
  using store = sqliteChatStore(file);
  await store.append({ userId: "u", chatId: "c" }, user("Hi"));
  expect(store.load({ userId: "u", chatId: "c" })).toHaveLength(1);
  await once(holding, "exit");
});
