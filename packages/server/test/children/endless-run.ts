// A process that makes a run whose tool never ends, and waits to be killed. Its first line says which run.
import { Agent, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { detach } from "../../src/index.ts";
import { fileEventLog, jsonlChatStore } from "../../src/node.ts";

const [, , folder = ""] = process.argv;
const wait = tool({
  name: "wait",
  description: "Wait",
  execute: () => new Promise<string>((resolve) => setTimeout(resolve, 600_000, "late")),
});
const model = scriptedModel([{ text: "One moment.", toolCalls: [{ name: "wait", args: {} }] }]);
const chat = new Agent({ name: "a", model, tools: [wait] }).chat({
  userId: "u",
  chatId: "c",
  store: jsonlChatStore(`${folder}/chats`),
});
const { runId } = await detach(chat.respond("Hi"), fileEventLog(`${folder}/log`), { beatMs: 100 });
console.log(runId);
