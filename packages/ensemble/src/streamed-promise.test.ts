import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  AppenderClosedError,
  AppenderNotOpenError,
  Ensemble,
  FunctionNotProvidedError,
  PiecesDroppedError,
  StreamAppender,
  StreamedPromise,
} from "./index.ts";

const unhandled: unknown[] = [];
const note = (reason: unknown): void => {
  unhandled.push(reason);
};
beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", note);
});
afterEach(async () => {
  await sleep(0);
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

/** All that reading gives, errors among it. */
async function readAll(source: AsyncIterable<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  const iterator = source[Symbol.asyncIterator]();
  for (;;) {
    try {
      const result = await iterator.next();
      if (result.done) return seen;
      seen.push(result.value);
    } catch (error) {
      seen.push(error);
    }
  }
}

async function sum(pieces: AsyncIterable<number>): Promise<number> {
  let total = 0;
  for await (const piece of pieces) total += piece;
  return total;
}

describe("pieces", () => {
  test("every reader gets all of them, and the streamer runs once", async () => {
    let calls = 0;
    const promise = new StreamedPromise<number, number>({
      streamer: async function* () {
        calls++;
        for (let n = 1; n <= 3; n++) {
          await undefined;
          yield n;
        }
      },
      resolver: sum,
    });
    const early = Promise.all([readAll(promise), readAll(promise)]);
    expect(await promise).toBe(6);
    expect(await early).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    expect(await readAll(promise)).toEqual([1, 2, 3]);
    expect(calls).toBe(1);
  });

  test("readers at any pace, leaving anywhere, see the same", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer(), { maxLength: 20 }),
        fc.array(fc.record({ delay: fc.nat(5), leavesAfter: fc.nat(25) }), { maxLength: 5 }),
        async (pieces, readers) => {
          const appender = new StreamAppender<number>().open();
          const promise = new StreamedPromise<number, never>({ streamer: appender });
          const reading = readers.map(async ({ delay, leavesAfter }) => {
            const seen: number[] = [];
            if (leavesAfter === 0) return seen;
            for await (const piece of promise) {
              seen.push(piece);
              if (seen.length >= leavesAfter) break;
              for (let turn = 0; turn < delay; turn++) await undefined;
            }
            return seen;
          });
          for (const piece of pieces) {
            appender.append(piece);
            await undefined;
          }
          appender.close();
          const expected = readers.map(({ leavesAfter }) => pieces.slice(0, leavesAfter));
          expect(await Promise.all(reading)).toEqual(expected);
        },
      ),
    );
  });

  test("several next() at once are answered in their order", async () => {
    const appender = new StreamAppender<number>().open();
    const iterator = new StreamedPromise<number, never>({ streamer: appender })[Symbol.asyncIterator]();
    const all = Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()]);
    appender.append(1).append(2).close();
    expect((await all).map(({ value }) => value)).toEqual([1, 2, undefined, undefined]);
  });

  test("who leaves while it waits is let go, and others read on", async () => {
    const appender = new StreamAppender<number>().open();
    const promise = new StreamedPromise<number, never>({ streamer: appender });
    const leaving = promise[Symbol.asyncIterator]();
    const pending = leaving.next();
    await leaving.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });
    const others = readAll(promise);
    appender.append(1).close();
    expect(await others).toEqual([1]);
    expect(await leaving.next()).toEqual({ done: true, value: undefined });
  });

  test("given in advance they are read without a streamer", async () => {
    const promise = new StreamedPromise<string, string>({ pieces: ["a", "b"], whole: "ab" });
    expect([await readAll(promise), await promise]).toEqual([["a", "b"], "ab"]);
  });

  test("one promise is the streamer of another", async () => {
    const first = new StreamedPromise<number, number>({ streamer: [1, 2], resolver: sum });
    const second = new StreamedPromise<number, number>({ streamer: first, resolver: sum });
    const third = new StreamedPromise<number, number>({ streamer: () => second, resolver: sum });
    expect([await readAll(third), await third]).toEqual([[1, 2], 3]);
  });
});

describe("errors", () => {
  test("stand at their place, the same for each reader, and one can read on", async () => {
    const error = new Error("in the middle");
    const appender = new StreamAppender<number>().open();
    const promise = new StreamedPromise<number, never>({ streamer: appender });
    appender.append(1).fail(error).append(2).close();
    for (const seen of [await readAll(promise), await readAll(promise)]) {
      expect(seen).toEqual([1, error, 2]);
      expect(seen[1]).toBe(error);
    }
    const seen: number[] = [];
    const reading = (async () => {
      for await (const piece of promise) seen.push(piece);
    })();
    await expect(reading).rejects.toBe(error);
    expect(seen).toEqual([1]);
  });

  test("a streamer that throws ends there", async () => {
    const error = new Error("broken");
    const promise = new StreamedPromise<number, never>({
      streamer: async function* () {
        yield 1;
        throw error;
      },
    });
    expect(await readAll(promise)).toEqual([1, error]);
  });

  test.each([
    ["a streamer that is no iterable", () => Object(42)],
    ["nothing", () => Object(undefined)],
    [
      "a streamer that throws at once",
      () => {
        throw new TypeError("at once");
      },
    ],
  ])("%s is a TypeError and the end", async (_, streamer) => {
    expect(await readAll(new StreamedPromise<number, never>({ streamer }))).toEqual([expect.any(TypeError)]);
  });

  test("a streamer whose iterator gives no results ends there", { timeout: 5000 }, async () => {
    for (const given of [undefined, null, 5]) {
      const broken: AsyncIterable<never> = {
        [Symbol.asyncIterator]: () => ({ next: () => JSON.parse(`${given ?? null}`) }),
      };
      expect(await readAll(new StreamedPromise({ streamer: broken }))).toEqual([expect.any(TypeError)]);
    }
  });

  test("a resolver that throws fails only who awaits, with the same error", async () => {
    const error = new Error("no whole");
    let calls = 0;
    const promise = new StreamedPromise<number, number>({
      streamer: [1],
      resolver: () => {
        calls++;
        throw error;
      },
    });
    expect(await readAll(promise)).toEqual([1]);
    await expect(promise).rejects.toBe(error);
    await expect(promise).rejects.toBe(error);
    expect(calls).toBe(1);
  });

  test("awaiting what has no whole says so", async () => {
    await expect(new StreamedPromise<number, number>({ streamer: [1] })).rejects.toBeInstanceOf(
      FunctionNotProvidedError,
    );
  });

  test("whoever nobody reads is not heard of", async () => {
    const failing = new StreamedPromise<number, number>({
      streamer: async function* () {
        yield 1;
        throw new Error("unread");
      },
      resolver: sum,
    });
    await sleep(1);
    expect(failing).toBeInstanceOf(StreamedPromise);
  });

  test("options that exclude each other are refused", () => {
    expect(() => new StreamedPromise({ whole: 1, resolver: () => 2 })).toThrow("whole");
    expect(() => new StreamedPromise({ pieces: [1], streamer: [2] })).toThrow("pieces");
    expect(() => new StreamedPromise({ maxPieces: 0 })).toThrow("maxPieces");
  });
});

describe("the whole", () => {
  test("is the same instance each time; nothing is a whole too", async () => {
    const whole = { big: true };
    const promise = new StreamedPromise<never, object>({ resolver: () => whole });
    expect(await promise).toBe(whole);
    expect(await promise).toBe(whole);
    expect(await new StreamedPromise<never, undefined>({ whole: undefined })).toBeUndefined();
  });

  test("streamer and resolver are given the promise", async () => {
    const given: unknown[] = [];
    const promise = new StreamedPromise<number, number>({
      streamer: (self) => {
        given.push(self);
        return [1];
      },
      resolver: (self) => {
        given.push(self);
        return 1;
      },
    });
    await promise;
    expect(given).toHaveLength(2);
    expect(given.every((self) => self === promise)).toBe(true);
  });
});

describe("when it starts", () => {
  const started = (startSoon?: boolean) => {
    const log: string[] = [];
    const promise = new StreamedPromise<number, number>({
      streamer: () => {
        log.push("streamer");
        return [1];
      },
      resolver: () => {
        log.push("resolver");
        return 1;
      },
      ...(startSoon === undefined ? {} : { startSoon }),
    });
    return { log, promise };
  };

  test("soon, but not inside of the call", async () => {
    const { log } = started();
    expect(log).toEqual([]);
    await undefined;
    expect(log).toEqual(["streamer", "resolver"]);
  });

  test("lazily, by the first reader", async () => {
    const { log, promise } = started(false);
    await sleep(1);
    expect(log).toEqual([]);
    await readAll(promise);
    expect(log).toEqual(["streamer"]);
    await promise;
    expect(log).toEqual(["streamer", "resolver"]);
  });

  test("as the ensemble says", async () => {
    await new Ensemble({ startSoon: false }).run(async () => {
      const { log } = started();
      await sleep(1);
      expect(log).toEqual([]);
    });
  });
});

describe("a limit of the pieces that are kept", () => {
  test("late readers are told what they missed, and go on with the rest", async () => {
    const promise = new StreamedPromise<number, never>({ streamer: [1, 2, 3, 4, 5], maxPieces: 2 });
    await sleep(0);
    const [error, ...rest] = await readAll(promise);
    expect(error).toBeInstanceOf(PiecesDroppedError);
    expect(error).toMatchObject({ dropped: 3 });
    expect(rest).toEqual([4, 5]);
  });

  test("who keeps pace misses nothing; who falls behind is told once", async () => {
    const appender = new StreamAppender<number>().open();
    const promise = new StreamedPromise<number, never>({ streamer: appender, maxPieces: 2 });
    const quick = promise[Symbol.asyncIterator]();
    const slow = promise[Symbol.asyncIterator]();
    appender.append(1);
    expect([(await quick.next()).value, (await slow.next()).value]).toEqual([1, 1]);
    for (const piece of [2, 3, 4, 5]) {
      appender.append(piece);
      expect((await quick.next()).value).toBe(piece);
    }
    appender.close();
    await expect(slow.next()).rejects.toMatchObject({ dropped: 2 });
    expect([(await slow.next()).value, (await slow.next()).value, (await slow.next()).done]).toEqual([4, 5, true]);
  });
});

describe("an appender", () => {
  test("must be open", () => {
    const appender = new StreamAppender<number>();
    expect(() => appender.append(1)).toThrow(AppenderNotOpenError);
    appender.open().append(1);
    appender.close();
    appender.close();
    expect(() => appender.append(2)).toThrow(AppenderClosedError);
    expect(() => appender.open()).toThrow(AppenderClosedError);
  });

  test("is closed by the end of its block", async () => {
    const appender = new StreamAppender<number>();
    const promise = new StreamedPromise<number, never>({ streamer: appender });
    {
      using open = appender.open();
      open.append(1);
    }
    expect(await readAll(promise)).toEqual([1]);
  });

  test("captures errors where it is told to", async () => {
    const error = new Error("while writing");
    const write = (appender: StreamAppender<number>): never => {
      appender.append(1);
      throw error;
    };
    const capturing = new StreamAppender<number>({ captureErrors: true });
    const captured = new StreamedPromise<number, never>({ streamer: capturing });
    await capturing.fill(write);
    expect(await readAll(captured)).toEqual([1, error]);

    const plain = new StreamAppender<number>();
    const cut = new StreamedPromise<number, never>({ streamer: plain });
    await expect(plain.fill(write)).rejects.toBe(error);
    expect(await readAll(cut)).toEqual([1]);
  });

  test("an append after the close escapes also where errors are captured", async () => {
    const appender = new StreamAppender<number>({ captureErrors: true });
    const promise = new StreamedPromise<number, never>({ streamer: appender });
    await expect(
      appender.fill((open) => {
        open.close();
        open.append(1);
      }),
    ).rejects.toBeInstanceOf(AppenderClosedError);
    expect(await readAll(promise)).toEqual([]);
  });
});
