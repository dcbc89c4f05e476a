import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { attach, type EventLog, memoryEventLog } from "../src/index.ts";
import { fileEventLog, jsonlChatStore } from "../src/node.ts";
import { detach, respond, runsEnd, testEventLog, text } from "./event-log-suite.ts";
import { all, pause, textIn } from "./serve.ts";

const folders: string[] = [];
async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "millrace-log-"));
  folders.push(path);
  return path;
}
afterEach(async () => {
  await runsEnd();
  for (const path of folders.splice(0)) await rm(path, { recursive: true, force: true, maxRetries: 5 });
});

testEventLog("an event log in memory", async () => memoryEventLog());
testEventLog("an event log in files", async () => fileEventLog(await folder()));

describe("a run whose log fails", () => {
  it("is stopped, and reported", async () => {
    const log = memoryEventLog();
    const errors: unknown[] = [];
    const run = respond({ delayMs: 5 });
    const failing: EventLog = { ...log, append: async () => Promise.reject(new Error("disk full at /var/secret")) };
    const { runId, done } = await detach(run, failing, { onError: (error) => errors.push(error) });
    await done;
    expect(errors).toMatchObject([{ message: "disk full at /var/secret" }]);
    expect(run.final?.stopReason).toBe("stopped");
    await expect(all(attach(log, runId))).rejects.toMatchObject({ message: expect.stringContaining("was lost") });
  });
});

it("no log is made with options that cannot work", () => {
  expect(() => memoryEventLog({ ttlMs: Number.NaN })).toThrow("ttlMs: expected milliseconds from 0, got NaN");
  expect(() => memoryEventLog({ maxCharacters: 0 })).toThrow("maxCharacters");
  expect(() => fileEventLog("none", { lostMs: -1 })).toThrow("lostMs");
});

describe("a run whose log does not say what it is asked", () => {
  it("goes on", async () => {
    const errors: unknown[] = [];
    const beat = (): never => expect.fail("no beat");
    const onError = (error: unknown): void => void errors.push(error);
    const { runId, done } = await detach(
      respond({ delayMs: 5 }),
      { ...memoryEventLog(), beat },
      { beatMs: 5, onError },
    );
    await done;
    expect(errors).not.toEqual([]);
    expect(runId).toBeDefined();
  });
});

describe("a log in memory", () => {
  it("forgets runs that ended long ago", async () => {
    const log = memoryEventLog({ ttlMs: 400 });
    const { runId, done } = await detach(respond(), log);
    await done;
    expect(await log.find({ runId })).toMatchObject({ isOver: true });
    await pause(450);
    expect(await log.find({ runId })).toBeUndefined();
    expect(await log.find({ userId: "u", chatId: "c" })).toBeUndefined();
  });

  it("holds no more than it may, and never forgets a run that goes on", async () => {
    const log = memoryEventLog({ maxCharacters: 20_000 });
    const live = await detach(respond({ chatId: "live", delayMs: 30 }), log);
    const ids: string[] = [];
    for (let index = 0; index < 50; index++) {
      const { runId, done } = await detach(respond({ chatId: `c${index}` }), log);
      await done;
      ids.push(runId);
    }
    const kept = await Promise.all(ids.map((runId) => log.find({ runId })));
    expect(kept.filter(Boolean).length).toBeLessThan(15);
    expect(kept.at(-1)).toBeDefined();
    expect(textIn(await all(attach(log, live.runId)))).toBe(text);
  });
});

describe("a log in files", () => {
  it("is read while another process writes it", async () => {
    const path = await folder();
    const { runId } = await detach(respond({ delayMs: 10 }), fileEventLog(path));
    const events = await all(attach(fileEventLog(path, { pollMs: 5 }), runId));
    expect(textIn(events)).toBe(text);
  });

  it("says that a run was lost whose process is gone, and frees its chat", async () => {
    const path = await folder();
    const log = fileEventLog(path, { lostMs: 800, pollMs: 5 });
    const run = respond();
    await log.begin(run.info);
    const [name = ""] = (await readdir(path)).filter((each) => each.endsWith(".jsonl"));
    await appendFile(join(path, name), '{"type":"run-start","seq":0');
    expect(await log.begin(respond().info)).toBe(false);
    await expect(all(attach(log, run.id))).rejects.toMatchObject({ message: expect.stringContaining("was lost") });
    expect(await log.begin(respond().info)).toBe(true);
  });

  it("lets readers go at any moment", async () => {
    const log = fileEventLog(await folder());
    const run = respond();
    await log.begin(run.info);
    await log.append(run.id, ['{"type":"a"}']);
    for (let turns = 0; turns < 40; turns++) {
      const leaving = new AbortController();
      const lines = log.read(run.id, { from: 0, signal: leaving.signal })[Symbol.asyncIterator]();
      expect(await lines.next()).toMatchObject({ done: false });
      const waiting = lines.next();
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      leaving.abort();
      expect(await waiting).toMatchObject({ done: true });
    }
    await log.end(run.id, []);
  });

  it("removes what is old, and nothing that is not its own", async () => {
    const path = await folder();
    const run = respond();
    const log = fileEventLog(path);
    await (await detach(run, log)).done;
    await log.requestStop(run.id, "too late");
    const store = jsonlChatStore(path);
    await store.append({ userId: "u", chatId: "c" }, { role: "user", content: "Hi" });
    await mkdir(join(path, "notes"));
    const long = new Date(Date.now() - 61_000);
    for (const name of await readdir(path)) await utimes(join(path, name), long, long);
    await (await detach(respond({ chatId: "other" }), fileEventLog(path, { ttlMs: 60_000 }))).done;
    expect(await log.find({ runId: run.id })).toBeUndefined();
    expect(await readdir(path)).toHaveLength(4);
    expect(await store.load({ userId: "u", chatId: "c" })).toHaveLength(1);
  });

  it("takes no id out of its folder, and a lock that a dead process left", async () => {
    const path = await folder();
    const log = fileEventLog(join(path, "inside"));
    const info = { id: "../../escaped", agentName: "a", userId: "../u", chatId: "..\\c\0" };
    expect(await log.begin(info)).toBe(true);
    await log.end(info.id, []);
    expect(await readdir(path)).toEqual(["inside"]);
    const names = await readdir(join(path, "inside"));
    expect(names.join()).toMatch(/^[a-z0-9_.,-]+$/);
    const chat = names.find((name) => name.endsWith(".chat")) ?? "";
    expect(await readFile(join(path, "inside", chat), "utf8")).toBe(info.id);
    const lock = join(path, "inside", `${chat}.lock`);
    await appendFile(lock, "");
    expect(await log.begin({ ...info, id: "2" })).toBe(false);
    const long = new Date(Date.now() - 11_000);
    await utimes(lock, long, long);
    expect(await log.begin({ ...info, id: "3" })).toBe(true);
  });
});
