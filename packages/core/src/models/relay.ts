import type { ModelEvent, ModelRetry, ModelSwitch } from "../model.ts";

/** Opens a stream; may wait before. */
export type Opening = () => AsyncIterable<ModelEvent> | Promise<AsyncIterable<ModelEvent>>;

/** What follows a stream that failed: an event that says so, and the stream that takes its place. */
export interface Relief {
  readonly event: ModelRetry | ModelSwitch;
  readonly open: Opening;
}

/**
 * A stream whose failure is not its end: `relieve` says what follows, or throws. A failure after `finish` is thrown as
 * it is: a complete answer is never asked for again. Nothing is opened before the first `next()`.
 *
 * Written by hand where a generator would do: this is in the path of every event, which it only passes on.
 *
 * @param relieve told what went wrong, and whether something of the answer had arrived
 */
export function relay(
  open: Opening,
  relieve: (error: unknown, hasBegun: boolean) => Relief,
): AsyncIterable<ModelEvent> {
  return new Relay(open, relieve);
}

type Step = IteratorResult<ModelEvent, undefined>;

const over: Step = { done: true, value: undefined };

class Relay implements AsyncIterableIterator<ModelEvent, undefined> {
  readonly #relieve: (error: unknown, hasBegun: boolean) => Relief;
  /** What to open at the next `next()`. */
  #open: Opening | undefined;
  #events: AsyncIterator<ModelEvent> | undefined;
  #hasBegun = false;
  #isFinished = false;
  #isLeft = false;

  constructor(open: Opening, relieve: (error: unknown, hasBegun: boolean) => Relief) {
    this.#open = open;
    this.#relieve = relieve;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    return this.#events ? this.#events.next().then(this.#pass, this.#fail) : this.#begin();
  }

  async return(): Promise<Step> {
    const events = this.#events;
    this.#isLeft = true;
    this.#end();
    await events?.return?.();
    return over;
  }

  async #begin(): Promise<Step> {
    const open = this.#open;
    if (!open) return over;
    this.#open = undefined;
    try {
      const stream = await open();
      if (this.#isLeft) return over;
      this.#events = stream[Symbol.asyncIterator]();
    } catch (error) {
      return this.#fail(error);
    }
    return this.next();
  }

  readonly #pass = (step: IteratorResult<ModelEvent>): Step => {
    if (step.done) {
      this.#end();
      return over;
    }
    this.#hasBegun = true;
    if (step.value.type === "finish") this.#isFinished = true;
    return step;
  };

  readonly #fail = (error: unknown): Step => {
    const hasBegun = this.#hasBegun;
    this.#end();
    if (this.#isFinished) throw error;
    const { event, open } = this.#relieve(error, hasBegun);
    this.#open = open;
    return { done: false, value: event };
  };

  #end(): void {
    this.#events = undefined;
    this.#open = undefined;
    this.#hasBegun = false;
  }
}
