import { appendFile, mkdtemp, readdir, readFile, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, type Run } from "millrace";
import { scriptedModel } from "millrace/testing";
import { afterEach, describe, expect, it } from "vitest";
import {
  attach,
  type DetachedRun,
  type DetachOptions,
  type EventLog,
  EventLogError,
  memoryEventLog,
  detach as startDetached,
  stopRun,
} from "../src/index.ts";
import { fileEventLog } from "../src/node.ts";
import { all, pause, textIn } from "./serve.ts";

const folders: string[] = [];
async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "millrace-log-"));
  folders.push(path);
  return path;
}
/** Runs that must not outlive their folder. */
const running: Promise<void>[] = [];
async function detach(run: Run, log: EventLog, options?: DetachOptions): Promise<DetachedRun> {
  const detached = await startDetached(run, log, options);
  running.push(detached.done);
  return detached;
}
afterEach(async () => {
  await Promise.all(running.splice(0));
  for (const path of folders.splice(0)) await rm(path, { recursive: true, force: true, maxRetries: 5 });
});

const text = "one two three four five six seven eight nine ten";

function respond({ chatId = "c", delayMs = 0, error }: { chatId?: string; delayMs?: number; error?: Error } = {}): Run {
  const model = scriptedModel([{ text, ...(error && { error }) }], { delayMs });
  return new Agent({ name: "a", model }).respond("Hi", { userId: "u", chatId });
}

describe.each<[string, () => Promise<EventLog>]>([
  ["memory", async () => memoryEventLog()],
  ["files", async () => fileEventLog(await folder())],
])("an event log in %s", (_, makeLog) => {
  it("lets a run go on without a reader, and gives it to any number of readers, early and late", async () => {
    const log = await makeLog();
    const run = respond({ delayMs: 2 });
    const { runId, done } = await detach(run, log);
    const early = all(attach(log, runId));
    const middle = all(attach(log, runId, { from: 4 }));
    await done;
    const late = await all(attach(log, runId));
    expect(late.map(({ seq }) => seq)).toEqual(late.map((_event, index) => index));
    expect(textIn(late)).toBe(text);
    expect(JSON.parse(JSON.stringify(late.at(-1)))).toEqual(JSON.parse(JSON.stringify(run.final)));
    expect(JSON.stringify(await early)).toBe(JSON.stringify(late));
    expect(JSON.stringify(await middle)).toBe(JSON.stringify(late.slice(4)));
  });

  it("throws what the run failed with, after its final", async () => {
    const log = await makeLog();
    const { runId } = await detach(respond({ error: new Error("no") }), log);
    const types: string[] = [];
    const reading = (async () => {
      for await (const { type } of attach(log, runId)) types.push(type);
    })();
    await expect(reading).rejects.toThrow("no");
    expect(types.at(-1)).toBe("final");
  });

  it("lets a reader leave while it waits, and goes on", async () => {
    const log = await makeLog();
    const { runId, done } = await detach(respond({ delayMs: 30 }), log);
    const reader = attach(log, runId);
    await reader.next();
    const waiting = Promise.all([reader.next(), reader.next(), reader.next(), reader.next(), reader.next()]);
    const start = performance.now();
    await reader.return(undefined);
    await waiting;
    expect(performance.now() - start).toBeLessThan(250);
    await done;
    expect(textIn(await all(attach(log, runId)))).toBe(text);
  });

  it("stops a run, and says so to every reader", async () => {
    const log = await makeLog();
    const { runId } = await detach(respond({ delayMs: 50 }), log);
    await stopRun(log, runId, "enough");
    const events = await all(attach(log, runId));
    expect(events.at(-2)).toMatchObject({ type: "stopped", reason: "enough" });
    await stopRun(log, runId).catch(() => {});
    expect(events.at(-1)).toMatchObject({ stopReason: "stopped" });
  });

  it("passes on a stop that another process asked for", async () => {
    const log = await makeLog();
    const { runId } = await detach(respond({ delayMs: 50 }), log, { beatMs: 20 });
    await log.requestStop(runId, "from elsewhere");
    expect((await all(attach(log, runId))).at(-2)).toMatchObject({ type: "stopped", reason: "from elsewhere" });
  });

  it("has one run of a chat at a time, and frees the chat with the final", async () => {
    const log = await makeLog();
    const first = await detach(respond({ delayMs: 5 }), log);
    const second = respond();
    await expect(detach(second, log)).rejects.toMatchObject({ kind: "chat-busy" });
    expect(second.final).toBeUndefined();
    await detach(respond({ chatId: "other" }), log);
    for await (const { type } of attach(log, first.runId)) {
      if (type === "final") await detach(respond(), log);
    }
    expect((await log.find({ userId: "u", chatId: "c" }))?.run.id).not.toBe(first.runId);
  });

  it("gives a chat to one of many who ask at once", async () => {
    const log = await makeLog();
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => detach(respond({ delayMs: 20 }), log)));
    expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it("says of an unknown run that there is none", async () => {
    const log = await makeLog();
    await expect(attach(log, "../../etc/passwd").next()).rejects.toThrow(EventLogError);
    await expect(stopRun(log, "nothing")).rejects.toMatchObject({ kind: "not-found" });
    expect(await log.find({ runId: "nothing" })).toBeUndefined();
    expect(await log.find({ userId: "u", chatId: "nothing" })).toBeUndefined();
  });
});

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

  it("removes what is old", async () => {
    const path = await folder();
    const log = fileEventLog(path, { ttlMs: 60_000 });
    await (await detach(respond(), log)).done;
    const long = new Date(Date.now() - 61_000);
    for (const name of await readdir(path)) await utimes(join(path, name), long, long);
    await (await detach(respond({ chatId: "other" }), log)).done;
    expect(await readdir(path)).toHaveLength(2);
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
