import { describe, expect, it } from "vitest";
import { merge } from "./merge.ts";

async function readAll<Value, Result>(
  events: AsyncGenerator<Value, Result>,
): Promise<{ values: Value[]; result: Result }> {
  const values: Value[] = [];
  for (;;) {
    const { done, value } = await events.next();
    if (done) return { values, result: value };
    values.push(value);
  }
}

/** Yields at the given ticks of a clock that only `tick()` moves. */
function clock(): { at: (tick: number) => Promise<void>; tick: () => Promise<void> } {
  const waiting = new Map<number, () => void>();
  let now = 0;
  return {
    at: (tick) => new Promise((resolve) => (tick <= now ? resolve() : waiting.set(tick, resolve))),
    async tick() {
      waiting.get(++now)?.();
      await new Promise((resolve) => setTimeout(resolve));
    },
  };
}

describe("merge", () => {
  it("yields what comes as it comes, and gives the results in the order of the sources", async () => {
    const { at, tick } = clock();
    async function* source(name: string, ticks: number[]): AsyncGenerator<string, string, undefined> {
      for (const each of ticks) {
        await at(each);
        yield `${name}${each}`;
      }
      return name;
    }
    const reading = readAll(merge([source("a", [2, 6]), source("b", [1, 3]), source("c", [])]));
    for (let count = 0; count < 7; count++) await tick();
    expect(await reading).toEqual({ values: ["b1", "a2", "b3", "a6"], result: ["a", "b", "c"] });
  });

  it("asks a source for more only after its last value was taken", async () => {
    let made = 0;
    async function* flood(): AsyncGenerator<number, void, undefined> {
      for (;;) yield made++;
    }
    const events = merge([flood(), flood()]);
    for (let taken = 1; taken <= 10; taken++) {
      await events.next();
      await new Promise((resolve) => setTimeout(resolve));
      expect(made).toBeLessThanOrEqual(taken + 2);
    }
  });

  it("opens no more than the limit at a time", async () => {
    let open = 0;
    let most = 0;
    async function* source(index: number): AsyncGenerator<number, number, undefined> {
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve));
      yield index;
      open--;
      return index;
    }
    const sources = Array.from({ length: 7 }, (_, index) => source(index));
    const { values, result } = await readAll(merge(sources, 2));
    expect(most).toBe(2);
    expect(new Set(values).size).toBe(7);
    expect(result).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it("has nothing to do without sources", async () => {
    expect(await readAll(merge([]))).toEqual({ values: [], result: [] });
  });
});
