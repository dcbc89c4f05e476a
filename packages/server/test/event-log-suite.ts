import { Agent, type Run } from "millrace";
import { scriptedModel } from "millrace/testing";
import { afterEach, describe, expect, it } from "vitest";
import {
  attach,
  type DetachedRun,
  type DetachOptions,
  type EventLog,
  EventLogError,
  detach as startDetached,
  stopRun,
} from "../src/index.ts";
import { all, textIn } from "./serve.ts";

/** Runs that must not outlive their log. */
const running: Promise<void>[] = [];
export async function detach(run: Run, log: EventLog, options?: DetachOptions): Promise<DetachedRun> {
  const detached = await startDetached(run, log, options);
  running.push(detached.done);
  return detached;
}
afterEach(runsEnd);

/** Waits for the runs of a test. */
export async function runsEnd(): Promise<void> {
  await Promise.all(running.splice(0));
}

export const text = "one two three four five six seven eight nine ten";

export function respond({
  chatId = "c",
  delayMs = 0,
  error,
}: {
  chatId?: string;
  delayMs?: number;
  error?: Error;
} = {}): Run {
  const model = scriptedModel([{ text, ...(error && { error }) }], { delayMs });
  return new Agent({ name: "a", model }).respond("Hi", { userId: "u", chatId });
}

/** What every event log does. */
export function testEventLog(name: string, makeLog: () => Promise<EventLog>): void {
  describe(name, () => {
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
      const run = respond({ delayMs: 30 });
      const { runId, done } = await detach(run, log);
      const reader = attach(log, runId);
      await reader.next();
      const waiting = Promise.all([reader.next(), reader.next(), reader.next(), reader.next(), reader.next()]);
      await reader.return(undefined);
      await waiting;
      expect(run.final).toBeUndefined();
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
}
