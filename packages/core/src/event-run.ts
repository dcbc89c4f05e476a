import { ConfigError } from "./errors.ts";
import type { RunControl } from "./run-control.ts";

type Events<Event, Last> = AsyncGenerator<Event, Last, undefined>;

/** What the outermost iterator of a run holds on to. It must not hold on to the iterator. */
export interface RunSource<Event, Last> {
  readonly control: RunControl;
  /** The run's observers, which a reader waits for. */
  readonly hooks: { readonly full: boolean; settled(): Promise<void> } | undefined;
  /** The last event, once there is one. */
  readonly final: Last | undefined;
  /** Called by the first `next()`. */
  open(): Events<Event, Last> | Promise<Events<Event, Last>>;
  /** Called when the run was left: nothing can join it any more. */
  close(): void;
}

/**
 * The stream of a run's events, written by hand where a generator cannot do it: leaving it (`break`, `return()`, a throw
 * in the loop) stops the run at once, even while an event is awaited. Nothing happens before the first `next()`; it is
 * read once, by one reader.
 */
export class EventRun<Event, Last> implements AsyncGenerator<Event, Last, undefined> {
  readonly #source: RunSource<Event, Last>;
  /** The run's events, once it has begun. */
  #events: Events<Event, Last> | undefined;
  #started: Promise<Events<Event, Last>> | undefined;
  #hasReader = false;
  #isOver = false;

  constructor(source: RunSource<Event, Last>) {
    this.#source = source;
  }

  /** The run's last event once it has ended, however it ended. */
  get final(): Last | undefined {
    return this.#source.final;
  }

  /** Stops the run at once, at any point. Its events go on to `Stopped` and `Final`; nothing is thrown. */
  stop(reason = "stopped by the caller"): void {
    this.#source.control.stop(reason, "call");
  }

  /** The next event. The call after `Final` is done, or throws what the run failed with. */
  next(): Promise<IteratorResult<Event, Last>> {
    if (this.#isOver) return Promise.resolve(this.#done());
    const { hooks } = this.#source;
    if (!hooks) return this.#step();
    const step = hooks.full ? hooks.settled().then(() => this.#step()) : this.#step();
    return step.then(
      (result) => (result.done ? hooks.settled().then(() => result) : result),
      (error: unknown) => hooks.settled().then(() => Promise.reject(error)),
    );
  }

  /** Leaves the run: stops it, and waits until everything is released. Gives the `Final`. */
  async return(): Promise<IteratorResult<Event, Last>> {
    const source = this.#source;
    if (this.#started && !this.#isOver) {
      source.control.stop("the reader left", "call");
      await drain(await this.#started);
      await source.hooks?.settled();
    }
    this.#isOver = true;
    source.close();
    return this.#done();
  }

  /** Leaves the run as {@link return} does, then throws `error`. */
  async throw(error: unknown): Promise<IteratorResult<Event, Last>> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    if (this.#hasReader) throw new ConfigError("run", "it has a reader already; broadcast(run) serves several");
    this.#hasReader = true;
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #step(): Promise<IteratorResult<Event, Last>> {
    if (this.#events) return this.#events.next();
    this.#started ??= this.#start();
    return this.#started.then((events) => events.next());
  }

  async #start(): Promise<Events<Event, Last>> {
    const { control } = this.#source;
    const events = await this.#source.open();
    const end = (): void => {
      control.stop("the run was abandoned", "call");
      void drain(events);
    };
    abandoned.register(this, end, control);
    control.atEnd(() => abandoned.unregister(control));
    this.#events = events;
    return events;
  }

  #done(): IteratorReturnResult<Last> {
    // A generator that is left before its start returns nothing; the interface of generators cannot say so.
    return { done: true, value: this.final as Last };
  }
}

/** Reads a run to its end. */
export async function readToEnd<Last>(run: AsyncGenerator<unknown, Last, undefined>): Promise<Last> {
  for (;;) {
    const { done, value } = await run.next();
    if (done) return value;
  }
}

/** Reads a stopped run to its end, so that its loop puts everything in order. What it failed with is in its `Final`. */
async function drain(events: AsyncGenerator<unknown, unknown, undefined>): Promise<void> {
  try {
    while (!(await events.next()).done);
  } catch {
    // Known to the observers and in `final.error`.
  }
}

/** Ends runs whose reader was dropped without a word: the last net under the socket. */
const abandoned = new FinalizationRegistry<() => void>((end) => end());
