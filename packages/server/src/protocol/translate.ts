import { type AgentEvent, MillraceError } from "millrace";

/** Events in, what another protocol has for them out. Without async, so that it is tested without. */
export interface EventEncoder<Out> {
  encode(event: AgentEvent): readonly Out[];
  /** Ends what is open, where the events broke off before their `final`. */
  fail(error: unknown): readonly Out[];
}

/**
 * The events of a run in another protocol, one event asked for at a time. Leaving it leaves the run. Never throws: what a run
 * fails with is in its `final`, what breaks it off is told by the encoder.
 */
export function translate<Out>(
  events: AsyncIterable<AgentEvent>,
  encoder: EventEncoder<Out>,
): AsyncGenerator<Out, void, undefined> {
  let iterator: AsyncIterator<AgentEvent> | undefined;
  let waiting: Out[] = [];
  let isOver = false;
  const step = async (): Promise<readonly Out[]> => {
    iterator ??= events[Symbol.asyncIterator]();
    try {
      const { done, value } = await iterator.next();
      if (isOver) return [];
      isOver = done === true || value.type === "final";
      if (done) return encoder.fail(new MillraceError("The stream broke off before the run's end."));
      // A run is over for its hooks and its store when its reader has asked once more.
      if (isOver) await iterator.next().catch(() => {});
      return encoder.encode(value);
    } catch (error) {
      if (isOver) return [];
      isOver = true;
      // Where it was an event that could not be told, the run would go on without a reader.
      await iterator.return?.().catch(() => {});
      return encoder.fail(error);
    }
  };
  const leave = async (): Promise<IteratorResult<Out, void>> => {
    isOver = true;
    waiting = [];
    iterator ??= events[Symbol.asyncIterator]();
    await iterator.return?.();
    return { done: true, value: undefined };
  };
  // By hand: a generator's return() would wait for the event that its next() waits for.
  return {
    async next() {
      while (waiting.length === 0 && !isOver) waiting = [...(await step())];
      const out = waiting.shift();
      return out === undefined ? { done: true, value: undefined } : { done: false, value: out };
    },
    return: leave,
    async throw(error: unknown) {
      await leave();
      throw error;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await leave();
    },
  };
}

/** An encoder whose output is lines of JSON, and a last line where the protocol has one. */
export function asLines(encoder: EventEncoder<unknown>, last: readonly string[] = []): EventEncoder<string> {
  const lines = (chunks: readonly unknown[]): string[] => chunks.map((chunk) => JSON.stringify(chunk));
  return {
    encode: (event) => [...lines(encoder.encode(event)), ...(event.type === "final" ? last : [])],
    fail: (error) => [...lines(encoder.fail(error)), ...last],
  };
}
