import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AssistantMessage, agentChain, Ensemble, llmAgent, TextMessage, UserMessage } from "../index.ts";
import { fileOutput, markdownHistory, markdownLlmLogger } from "../node.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-ensemble-"));
});
afterAll(() => rm(folder, { recursive: true }));

const heading = "=".repeat(40);

test("a history in Markdown keeps what it gets, in folders that it makes, and passes it on", async () => {
  const file = join(folder, "deep/er/CHAT.md");
  const history = markdownHistory({ file });
  await new Ensemble().run(async () => {
    const passed = await history.trigger([
      new UserMessage("Hä?"),
      new AssistantMessage("Ja: 🦀", { model: "m 1" }),
      "  \n",
      new TextMessage("secret", { no_history: true }),
      new TextMessage("other", { role: "critic" }),
    ]);
    expect(passed.map(String)).toEqual(["Hä?", "Ja: 🦀", "  \n", "secret", "other"]);
  });
  expect(await readFile(file, "utf8")).toBe(
    `\nuser\n${heading}\nHä?\n\nassistant / m-1\n${heading}\nJa: 🦀\n\nassistant\n${heading}\nother\n`,
  );
  await new Ensemble().run(async () => {
    const all = await history.trigger("more", { returnFullHistory: true });
    expect(all.map((message) => [message.get("role"), message.get("model"), String(message)])).toEqual([
      ["user", undefined, "Hä?"],
      ["assistant", "m-1", "Ja: 🦀"],
      ["assistant", undefined, "other"],
      ["assistant", undefined, "more"],
    ]);
    expect(all[0]?.class_).toBe("TextMessage");
  });
});

test("a history can begin anew, keep everything, and make other messages", async () => {
  const file = join(folder, "all.md");
  await writeFile(file, "user\n====\nwithout an end of line");
  const options = {
    file,
    ignoreNoHistory: true,
    skipEmpty: false,
    defaultRole: "user",
    messageClass: UserMessage,
  } as const;
  await new Ensemble().run(async () => {
    const all = await markdownHistory(options).trigger(["", new TextMessage("secret", { no_history: true })], {
      returnFullHistory: true,
    });
    expect(all.map(String)).toEqual(["without an end of line", "", "secret"]);
    expect(all.every((message) => message instanceof UserMessage)).toBe(true);
    const last = await markdownHistory({ ...options, append: false }).trigger("new", { returnFullHistory: true });
    expect(last.map(String)).toEqual(["new"]);
  });
});

test("the text of all messages goes into a file, and on", async () => {
  const file = join(folder, "out/put.txt");
  const passed = await new Ensemble().run(async () => agentChain([fileOutput(file)]).trigger(["ä", "b"]));
  expect(passed.map(String)).toEqual(["ä", "b"]);
  expect(await readFile(file, "utf8")).toBe("ä\n\nb");
  await new Ensemble().run(async () => fileOutput(file, { delimiter: "-" }).trigger(["c", "d"]));
  expect(await readFile(file, "utf8")).toBe("c-d");
});

test("a log tells which agents asked, what, and what was answered with which tools", async () => {
  const logs = join(folder, "logs");
  const add = tool({ name: "add", description: "Add", execute: () => 4 });
  const model = scriptedModel([{ toolCalls: [{ name: "add" }] }, "Four."], { id: "gpt/5" });
  const agent = new Agent({ name: "adder", model, tools: [add] });
  const llmLogger = markdownLlmLogger({ folder: logs, requestMetadata: { tag: "sums" } });
  await new Ensemble({ userId: "u1", chatId: "c1", llmLogger }).run(async () => {
    await agentChain([llmAgent(agent)], { alias: "OUTER" }).trigger("2 + 2?");
  });
  const names = await readdir(logs);
  expect(names).toEqual([expect.stringMatching(/^\d{8}_\d{6}__\d{6}__gpt_5__[0-9a-f]{3}\.md$/)]);
  const log = await readFile(join(logs, names[0] ?? ""), "utf8");
  expect(log).toContain("`ADDER <- OUTER`");
  expect(log).toContain('"tag": "sums"');
  expect(log).toContain(`\nuser\n${heading}\n2 + 2?\n`);
  expect(log).toContain(`\nassistant / gpt/5\n${heading}\n`);
  expect(log).toContain("[add is called with {}]");
  expect(log).toContain("[add gives 4]");
  expect(log).toContain("Four.");
  expect(log).toContain('"stopReason": "completed"');
});

test("a log tells what failed", async () => {
  const logs = join(folder, "failures");
  const agent = new Agent({ name: "a", model: scriptedModel([{ text: "So far", error: new Error("no more") }]) });
  const logger = markdownLlmLogger({ folder: logs, showResponseMetadata: false });
  const ensemble = new Ensemble({ userId: "u1", chatId: "c1", logger: { error: () => {} } });
  await expect(ensemble.run(() => llmAgent(agent, { logger }).trigger("Hi"))).rejects.toThrow("no more");
  const [name = ""] = await readdir(logs);
  expect(await readFile(join(logs, name), "utf8")).toMatch(/So far\n\n\[It failed: .*no more/);
});
