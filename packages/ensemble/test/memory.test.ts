import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { Ensemble, MessagePromise, miniagent, StreamAppender, StreamedPromise, TextToken } from "../src/index.ts";

setFlagsFromString("--expose-gc");
const gc: () => void = runInNewContext("gc");

/** How many of the objects are still there. */
async function alive(refs: readonly WeakRef<object>[]): Promise<number> {
  for (let round = 0; round < 5; round++) {
    await turn();
    gc();
  }
  return refs.filter((ref) => ref.deref() !== undefined).length;
}

const count = 200;

test("a reader that is alone with a stream keeps only what it has not read", async () => {
  const refs: WeakRef<object>[] = [];
  const appender = new StreamAppender<object>().open();
  const add = (): void => {
    const piece = {};
    refs.push(new WeakRef(piece));
    appender.append(piece);
  };
  const reader = new StreamedPromise<object, never>({ streamer: appender })[Symbol.asyncIterator]();
  for (let n = 0; n < count; n++) add();
  expect(await alive(refs)).toBe(count);
  for (let n = 0; n < count - 10; n++) await reader.next();
  expect(await alive(refs)).toBeLessThanOrEqual(12);
  await reader.next();
});

test("the promise keeps all for those who come later, or as much as it is told to", async () => {
  const fill = (maxPieces: number | undefined): [object, WeakRef<object>[]] => {
    const pieces = Array.from({ length: count }, () => ({}));
    const refs = pieces.map((piece) => new WeakRef(piece));
    const appender = new StreamAppender<object>().open();
    const promise = new StreamedPromise<object, never>({ streamer: appender, ...(maxPieces && { maxPieces }) });
    for (const piece of pieces) appender.append(piece);
    appender.close();
    return [promise, refs];
  };
  const [all, allRefs] = fill(undefined);
  expect(await alive(allRefs)).toBe(count);
  expect(all).toBeDefined();
});

test("a limit holds while one end is open", async () => {
  const refs: WeakRef<object>[] = [];
  const appender = new StreamAppender<object>().open();
  await new Ensemble({ maxPieces: 5 }).run(async () => {
    const bounded = new StreamAppender<object>().open();
    const promise = new StreamedPromise<object, never>({ streamer: bounded });
    const slow = promise[Symbol.asyncIterator]();
    const add = (): void => {
      const piece = {};
      refs.push(new WeakRef(piece));
      bounded.append(piece);
    };
    add();
    await slow.next();
    for (let n = 0; n < count; n++) add();
    expect(await alive(refs)).toBeLessThanOrEqual(7);
    bounded.close();
    await expect(slow.next()).rejects.toThrow("no longer kept");
    expect(promise).toBeDefined();
  });
  appender.close();
});

test("the replies of an agent that goes on are freed as they are read", async () => {
  const refs: WeakRef<object>[] = [];
  const agent = miniagent(
    async (ctx) => {
      for (let n = 0; n < count; n++) {
        const reply = new MessagePromise({ streamer: [String(n)] });
        refs.push(new WeakRef(reply));
        ctx.reply(reply);
        await turn();
      }
      leftover = await alive(refs);
    },
    { alias: "BUSY" },
  );
  let leftover = count;
  await new Ensemble().run(async () => {
    for await (const message of agent.trigger()) await message;
  });
  expect(leftover).toBeLessThanOrEqual(10);
});

test("a reader that is alone with what a generator makes keeps only what it has not read", async () => {
  let goOn = (): void => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const refs: WeakRef<object>[] = [];
  const reader = new StreamedPromise<object, never>({
    streamer: async function* () {
      for (let n = 0; n < count; n++) {
        const piece = {};
        refs.push(new WeakRef(piece));
        yield piece;
      }
      await held;
    },
  })[Symbol.asyncIterator]();
  for (let n = 0; n < count; n++) await reader.next();
  expect(await alive(refs)).toBeLessThanOrEqual(2);
  goOn();
  await reader.next();
});

test("what an agent passes on is freed as it is read", async () => {
  const refs: WeakRef<object>[] = [];
  let leftover = count;
  const agent = miniagent(
    async (ctx) => {
      for (let n = 0; n < count; n++) {
        const reply = new MessagePromise({ streamer: [String(n)] });
        refs.push(new WeakRef(reply));
        ctx.reply(reply);
        await turn();
      }
      leftover = await alive(refs);
    },
    { alias: "BUSY" },
  );
  const pass = miniagent((ctx) => ctx.reply([[agent.trigger()]]), { alias: "PASS" });
  await new Ensemble().run(async () => {
    for await (const message of pass.trigger()) await message;
  });
  expect(leftover).toBeLessThanOrEqual(10);
});

test("the tokens of a message that is not complete are freed as they are read", async () => {
  const refs: WeakRef<object>[] = [];
  let goOn = (): void => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const message = (): MessagePromise =>
    new MessagePromise({
      streamer: async function* () {
        for (let n = 0; n < count; n++) {
          const token = new TextToken("x");
          refs.push(new WeakRef(token));
          yield token;
        }
        await held;
      },
    });
  const reader = message()[Symbol.asyncIterator]();
  for (let n = 0; n < count; n++) await reader.next();
  expect(await alive(refs)).toBeLessThanOrEqual(2);
  goOn();
  await reader.next();
});
