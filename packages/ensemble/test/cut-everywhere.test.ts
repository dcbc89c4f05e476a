import { afterEach, beforeEach, expect, test } from "vitest";
import {
  Ensemble,
  type InteractionContext,
  MessagePromise,
  type MessageSequencePromise,
  type MiniAgent,
  miniagent,
} from "../src/index.ts";

const unhandled: unknown[] = [];
const note = (reason: unknown): void => {
  unhandled.push(reason);
};
beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", note);
});
afterEach(() => {
  process.off("unhandledRejection", note);
});

const words = ["Round ", "and ", "round ", "it ", "goes."];

async function rounds(count: number): Promise<void> {
  for (let round = 0; round < count; round++) await undefined;
}

/** Three agents that use all there is: streams, generators, tasks, calls, replies out of order. */
function agents(): MiniAgent {
  const speaker = miniagent(
    async (ctx) => {
      for await (const message of ctx.messages) {
        ctx.reply(
          new MessagePromise({
            streamer: async function* () {
              for (const word of words) {
                await rounds(2);
                yield word;
              }
              yield String(await message);
            },
          }),
        );
      }
    },
    { alias: "SPEAKER" },
  );
  const caller = miniagent(
    async (ctx) => {
      const call = speaker.initiateCall();
      ctx.reply(call.replySequence({ finish: false }));
      for await (const message of ctx.messages) call.send(message).sendOutOfOrder("aside");
      ctx.makeSureToWait(async () => {
        await rounds(5);
        ctx.replyOutOfOrder(ctx.messages.asSingleTextPromise());
      });
    },
    { alias: "CALLER" },
  );
  return miniagent(
    (ctx: InteractionContext) => {
      ctx.reply(["first", caller.trigger(["a", Promise.resolve("b")])]).replyOutOfOrder("second");
    },
    { alias: "OUTER" },
  );
}

/** Reads everything to its end; errors as they are. */
async function readAll(replies: MessageSequencePromise): Promise<unknown[]> {
  const seen: unknown[] = [];
  const iterator = replies[Symbol.asyncIterator]();
  for (;;) {
    try {
      const { done, value } = await iterator.next();
      if (done) return seen;
      let text = "";
      for await (const token of value) text += token;
      expect(String(await value)).toBe(text);
      seen.push(text);
    } catch (error) {
      seen.push(error);
    }
  }
}

async function runCutAfter(count: number, reason: Error): Promise<unknown[]> {
  const ensemble = new Ensemble({ logger: { error: () => {} }, onPersistMessages: async () => {} });
  let seen: unknown[] = [];
  await ensemble.run(async () => {
    const replies = agents().trigger();
    const reading = Promise.all([readAll(replies), readAll(replies)]);
    const whole = Promise.allSettled([replies]);
    await rounds(count);
    ensemble.cancel(reason);
    const [first, second] = await reading;
    expect(second).toEqual(first);
    await whole;
    seen = first;
  });
  return seen;
}

const byText = (a: string, b: string): number => a.localeCompare(b);

test("cut after any number of rounds, everything ends, with all or with the reason", async () => {
  const reason = new Error("cut");
  const spoken = words.join("");
  const whole = ["first", "second", `${spoken}a`, `${spoken}aside`, `${spoken}b`, `${spoken}aside`, "a\n\nb"];
  let cuts = 0;
  for (let count = 0; count < 400; count++) {
    const seen = await runCutAfter(count, reason);
    if (seen.includes(reason)) {
      cuts++;
      expect(seen.filter((each) => each !== reason).every((each) => whole.includes(String(each)))).toBe(true);
    } else {
      expect(seen.map(String).sort(byText)).toEqual(whole.toSorted(byText));
    }
  }
  expect(cuts).toBeGreaterThan(20);
  expect(cuts).toBeLessThan(400);
  expect(unhandled).toEqual([]);
});
