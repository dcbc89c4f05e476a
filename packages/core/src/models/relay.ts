import type { ModelEvent, ModelRetry, ModelSwitch } from "../model.ts";

/** How a stream begins: with an event that says why, and a wait, if there are any. */
export interface Start {
  readonly event?: ModelRetry | ModelSwitch;
  readonly wait?: () => Promise<void>;
  readonly open: () => AsyncIterable<ModelEvent>;
}

/** Told what went wrong, and whether something of the answer had arrived. Throws where nothing follows. */
export type Relieve = (error: unknown, hasBegun: boolean) => Start;

/**
 * A stream whose failure is not its end: `relieve` says what takes its place. A failure after `finish` is thrown as it
 * is: a complete answer is never asked for again. Nothing is opened before the first `next()`.
 *
 * Written by hand where a generator would do: this is in the path of every event, which it only passes on.
 */
export function relay(start: Start, relieve: Relieve): AsyncIterable<ModelEvent> {
  return new Relay(start, relieve);
}

type Step = IteratorResult<ModelEvent, undefined>;

const over: Step = { done: true, value: undefined };

class Relay implements AsyncIterableIterator<ModelEvent, undefined> {
  readonly #relieve: Relieve;
  /** What begins at the next `next()`; none while a stream is open. */
  #start: Start | undefined;
  #events: AsyncIterator<ModelEvent> | undefined;
  #hasBegun = false;
  #isFinished = false;
  #isLeft = false;

  constructor(start: Start, relieve: Relieve) {
    this.#start = start;
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
    this.#events = undefined;
    this.#start = undefined;
    await events?.return?.();
    return over;
  }

  /** Without a wait, the request is on its way when this returns. */
  async #begin(): Promise<Step> {
    const start = this.#start;
    if (!start) return over;
    const { event, ...rest } = start;
    this.#start = event && rest;
    if (event) return { done: false, value: event };
    try {
      if (start.wait) await start.wait();
      if (this.#isLeft) return over;
      this.#events = start.open()[Symbol.asyncIterator]();
      this.#hasBegun = false;
    } catch (error) {
      return this.#fail(error);
    }
    return this.next();
  }

  readonly #pass = (step: IteratorResult<ModelEvent>): Step => {
    if (step.done) {
      this.#events = undefined;
      return over;
    }
    this.#hasBegun = true;
    if (step.value.type === "finish") this.#isFinished = true;
    return step;
  };

  readonly #fail = (error: unknown): Step | Promise<Step> => {
    this.#events = undefined;
    if (this.#isFinished || this.#isLeft) throw error;
    this.#start = this.#relieve(error, this.#hasBegun);
    return this.#begin();
  };
}
