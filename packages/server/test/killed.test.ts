import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Agent, type AgentEvent } from "millrace";
import { checkHistory, scriptedModel } from "millrace/testing";
import { expect, it } from "vitest";
import { attach, detach } from "../src/index.ts";
import { fileEventLog, jsonlChatStore } from "../src/node.ts";
import { textIn } from "./serve.ts";

it("keeps what a process had made that is killed in a tool, frees its chat, and answers on", {
  timeout: 30_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "millrace-killed-"));
  const script = fileURLToPath(new URL("children/endless-run.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=@millrace/source", script, folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const runId = String((await once(child.stdout, "data"))[0]).trim();
    const log = fileEventLog(`${folder}/log`, { lostMs: 2000 });
    const seen: AgentEvent[] = [];
    const reading = (async () => {
      for await (const event of attach(log, runId)) {
        seen.push(event);
        if (event.type === "tool-call-start") child.kill("SIGKILL");
      }
    })();
    await expect(reading).rejects.toMatchObject({ kind: "lost" });
    expect(textIn(seen)).toBe("One moment.");

    const store = jsonlChatStore(`${folder}/chats`);
    const agent = new Agent({ name: "a", model: scriptedModel(["Here again."]) });
    const run = agent.chat({ userId: "u", chatId: "c", store }).respond("Still there?");
    await (await detach(run, log)).done;
    expect(run.final?.output).toBe("Here again.");
    expect(checkHistory(run.final?.history.messages ?? [])).toEqual([]);
    expect(run.final?.history.messages.map(({ role }) => role)).toEqual([
      "user",
      "assistant",
      "tool",
      "user",
      "assistant",
    ]);
  } finally {
    child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});
