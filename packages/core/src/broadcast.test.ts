import { describe, expect, it } from "vitest";
import { Agent } from "./agent.ts";
import { broadcast } from "./broadcast.ts";
import { ConfigError } from "./errors.ts";
import type { AgentEvent } from "./events.ts";
import type { Run } from "./run.ts";
import { scriptedModel } from "./testing.ts";

const ids = { userId: "u", chatId: "c" };
const tick = (ms = 0): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function start(text = "One two three", delayMs = 0): Run {
  return new Agent({ name: "a", model: scriptedModel([text], { delayMs }) }).respond("?", ids);
}

async function seqsOf(events: AsyncIterable<AgentEvent>, pauseMs?: number): Promise<number[]> {
  const seqs: number[] = [];
  for await (const { seq } of events) {
    seqs.push(seq);
    if (pauseMs !== undefined) await tick(pauseMs);
  }
  return seqs;
}

describe("broadcast", () => {
  it("gives every reader all events, also a slow one", async () => {
    const run = start();
    const shared = broadcast(run, { buffer: 2 });
    const all = await Promise.all([
      seqsOf(shared.subscribe()),
      seqsOf(shared.subscribe(), 1),
      seqsOf(shared.subscribe()),
    ]);
    const expected = Array.from({ length: (run.final?.seq ?? 0) + 1 }, (_, index) => index);
    expect(all).toEqual([expected, expected, expected]);
  });

  it("lets a quick reader be ahead of a slow one only so far", async () => {
    const run = start("word ".repeat(200));
    const shared = broadcast(run, { buffer: 10 });
    const slow = shared.subscribe();
    let ahead = 0;
    const reading = (async () => {
      for await (const { seq } of shared.subscribe()) ahead = seq;
    })();
    await tick(20);
    expect(ahead).toBeLessThan(15);
    expect((await seqsOf(slow)).length).toBe((run.final?.seq ?? 0) + 1);
    await reading;
  });

  it("goes on when a reader leaves, and ends the run when the last one does", async () => {
    const run = start("word ".repeat(50));
    const shared = broadcast(run, { buffer: 3 });
    const stays = shared.subscribe();
    for await (const { seq } of shared.subscribe()) if (seq === 2) break;
    expect(run.final).toBeUndefined();
    for await (const { seq } of stays) if (seq === 10) break;
    expect(run.final?.stopReason).toBe("stopped");
  });

  it("is not held up by a reader who left before it began, or while it waited", async () => {
    const run = start("word ".repeat(20), 1);
    const shared = broadcast(run, { buffer: 2 });
    const [unread, waits, reads] = [shared.subscribe(), shared.subscribe(), shared.subscribe()];
    await unread.return();
    const waiting = (async () => {
      while (!(await waits.next()).done);
    })();
    const reading = seqsOf(reads);
    await tick(5);
    await waits.return();
    await waiting;
    expect((await reading).length).toBe((run.final?.seq ?? 0) + 1);
    expect((await unread.next()).done).toBe(true);
  });

  it("stops the run at once when its only reader leaves while it waits", async () => {
    const model = {
      provider: "own",
      id: "silent",
      async *stream(_: unknown, { signal }: { signal: AbortSignal }) {
        await new Promise((_, reject) => signal.addEventListener("abort", reject, { once: true }));
        yield { type: "text-delta", text: "", part: 0 } as const;
      },
    };
    const run = new Agent({ name: "a", model }).respond("?", ids);
    const reader = broadcast(run).subscribe();
    const reading = seqsOf(reader);
    await tick(5);
    await reader.return();
    await reading;
    expect(run.final?.stopReason).toBe("stopped");
  });

  it("throws what the run failed with to everyone, also to who comes later", async () => {
    const run = new Agent({ name: "a", model: scriptedModel([{ text: "Half", error: new Error("no") }]) }).respond(
      "?",
      ids,
    );
    const shared = broadcast(run);
    const outcomes = await Promise.allSettled([seqsOf(shared.subscribe()), seqsOf(shared.subscribe())]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await expect(seqsOf(shared.subscribe())).rejects.toThrow("no");
  });

  it("gives a late reader what is still to come", async () => {
    const run = start();
    const shared = broadcast(run);
    const first = shared.subscribe();
    await first.next();
    await first.next();
    const [rest, late] = await Promise.all([seqsOf(first), seqsOf(shared.subscribe())]);
    expect(late).toEqual(rest);
  });

  it("refuses a buffer that holds nothing", () => {
    for (const buffer of [0, -1, Number.NaN]) expect(() => broadcast(start(), { buffer })).toThrow(ConfigError);
  });
});
