// A chat that survives the process: a store gets every message as it joins the history.
import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, type ChatStore, type Message } from "millrace";
import { scriptedModel } from "millrace/testing";

/** Keeps each chat in a file of its own, one message a line. */
function fileStore(folder: string): ChatStore {
  const pathOf = ({ userId, chatId }: { userId: string; chatId: string }): string =>
    join(folder, `${encodeURIComponent(userId)}--${encodeURIComponent(chatId)}.jsonl`);
  return {
    async load(chat) {
      const lines = await readFile(pathOf(chat), "utf8").catch(() => "");
      return lines.split("\n").filter(Boolean).map(toMessage);
    },
    append: (chat, message) => appendFile(pathOf(chat), `${JSON.stringify(message)}\n`),
  };
}

function toMessage(line: string): Message {
  return JSON.parse(line);
}

const folder = await mkdtemp(join(tmpdir(), "millrace-chats-"));
try {
  const ids = { userId: "u1", chatId: "c1" };
  const agent = new Agent({
    name: "friend",
    model: scriptedModel([
      "Nice to meet you, Ada.",
      ({ messages }) => `This is message ${messages.length} of our chat; the first was "${messages[0]?.content}".`,
    ]),
  });

  // One chat object serves a conversation …
  const today = agent.chat({ ...ids, store: fileStore(folder) });
  console.log((await today.sendMessage("I am Ada.")).output);

  // … and another one goes on where it ended, as another process would.
  const tomorrow = agent.chat({ ...ids, store: fileStore(folder) });
  console.log((await tomorrow.sendMessage("Do you remember me?")).output);
  console.log(`${tomorrow.history.length} messages are kept`);
} finally {
  await rm(folder, { recursive: true });
}
