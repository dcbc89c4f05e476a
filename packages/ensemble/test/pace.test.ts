import { expect, test } from "vitest";
import {
  Ensemble,
  type InteractionContext,
  MessagePromise,
  MessageTokenAppender,
  type MiniAgent,
  miniagent,
  StreamAppender,
  StreamedPromise,
} from "../src/index.ts";

const depth = 20;

/** How many rounds of microtasks pass until `isDone`. */
async function roundsUntil(isDone: () => boolean): Promise<number> {
  let rounds = 0;
  while (!isDone()) {
    if (rounds++ > 1000) throw new Error("not after 1,000 rounds");
    await new Promise<void>((resolve) => queueMicrotask(resolve));
  }
  return rounds;
}

/** Agents in a chain, and the appender that the innermost writes its reply with. */
function chainOf(pass: (ctx: InteractionContext, inner: MiniAgent) => unknown): [MiniAgent, MessageTokenAppender] {
  const appender = new MessageTokenAppender().open();
  let agent: MiniAgent = miniagent((ctx) => ctx.reply(new MessagePromise({ streamer: appender })), { alias: "0" });
  for (let level = 1; level < depth; level++) {
    const inner = agent;
    agent = miniagent((ctx) => pass(ctx, inner), { alias: String(level) });
  }
  return [agent, appender];
}

/** Each agent writes a message of its own, token by token. */
async function rewrite(ctx: InteractionContext, inner: MiniAgent): Promise<void> {
  for await (const message of inner.trigger()) {
    const own = new MessageTokenAppender().open();
    ctx.reply(new MessagePromise({ streamer: own }));
    for await (const token of message) own.append(token);
    own.close();
  }
}

test.each([
  ["passed on", (ctx: InteractionContext, inner: MiniAgent) => ctx.reply(inner.trigger()), 1],
  [
    "joined to one message",
    (ctx: InteractionContext, inner: MiniAgent) => ctx.reply(inner.trigger().asSingleTextPromise()),
    1,
  ],
  ["written anew", rewrite, depth],
])("a token %s by 20 agents arrives within their number of rounds, without a timer", async (_, pass, atMost) => {
  await new Ensemble().run(async () => {
    const [agent, appender] = chainOf(pass);
    const seen: string[] = [];
    const reading = (async () => {
      for await (const message of agent.trigger()) for await (const token of message) seen.push(String(token));
    })();
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const word of ["one", "two"]) {
      seen.length = 0;
      appender.append(word);
      expect(await roundsUntil(() => seen.length > 0)).toBeLessThanOrEqual(atMost);
      expect(seen).toEqual([word]);
    }
    appender.close();
    await reading;
  });
});

test("a reply of the innermost of 20 agents arrives within 20 rounds", async () => {
  await new Ensemble().run(async () => {
    let reply = (_: string): void => {};
    let agent: MiniAgent = miniagent(
      (ctx) =>
        new Promise<void>((resolve) => {
          reply = (text) => {
            ctx.reply(text);
            resolve();
          };
        }),
      { alias: "0" },
    );
    for (let level = 1; level < depth; level++) {
      const inner = agent;
      agent = miniagent((ctx) => ctx.reply(inner.trigger()), { alias: String(level) });
    }
    const seen: string[] = [];
    const replies = agent.trigger();
    const reading = (async () => {
      for await (const message of replies) seen.push(String(await message));
    })();
    await new Promise((resolve) => setTimeout(resolve, 5));
    reply("now");
    expect(await roundsUntil(() => seen.length > 0)).toBeLessThanOrEqual(depth);
    await reading;
  });
});

test("100,000 promises at once, and a chain of them, need no more stack than one", { timeout: 60_000 }, async () => {
  const many = Array.from(
    { length: 100_000 },
    (_, n) => new StreamedPromise<number, number>({ streamer: [n], resolver: () => n }),
  );
  const wholes = await Promise.all(many);
  expect(wholes[99_999]).toBe(99_999);

  const appender = new StreamAppender<number>().open();
  let last = new StreamedPromise<number, never>({ streamer: appender });
  for (let n = 0; n < 100_000; n++) {
    const before = last;
    last = new StreamedPromise<number, never>({ streamer: () => before });
  }
  const first = last[Symbol.asyncIterator]().next();
  await new Promise((resolve) => setTimeout(resolve, 0));
  appender.append(7).close();
  expect(await first).toEqual({ done: false, value: 7 });
});

test("100,000 nested replies need no more stack than one", { timeout: 60_000 }, async () => {
  await new Ensemble().run(async () => {
    const source = miniagent((ctx) => ctx.reply("x"), { alias: "SOURCE" });
    const all = miniagent(
      async (ctx) => {
        const early = source.trigger();
        await early;
        for (let n = 0; n < 100_000; n++) ctx.reply(early);
      },
      { alias: "ALL" },
    );
    expect(await all.trigger()).toHaveLength(100_000);
  });
});
