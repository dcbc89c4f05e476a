import { ConfigError } from "./errors.ts";
import type { AgentEvent, Final, RunInfo } from "./events.ts";
import { toMessages } from "./history.ts";
import type { Input, Message } from "./messages.ts";
import type { RunState } from "./run-state.ts";

type Events = AsyncGenerator<AgentEvent, Final, undefined>;
type Step = IteratorResult<AgentEvent, Final>;

/**
 * One run of an agent: the stream of its events. Nothing happens before the first `next()`; it is read once, by one
 * reader ({@link broadcast} serves several).
 *
 * Leaving it (`break`, `return()`, a throw in the loop) stops the run at once, even while an event is awaited: the
 * connection is closed, tools are aborted, what had arrived is kept; `final` then tells how it ended.
 */
export class Run implements AsyncGenerator<AgentEvent, Final, undefined> {
  readonly #state: RunState;
  readonly #input: readonly Message[];
  /** The loop's events, once it is loaded. */
  #events: Events | undefined;
  #started: Promise<Events> | undefined;
  #hasReader = false;
  #isOver = false;

  /** Made by `agent.respond()`. */
  constructor(state: RunState, input: readonly Message[]) {
    this.#state = state;
    this.#input = input;
  }

  /** The run's id, also `event.run.id`. */
  get id(): string {
    return this.#state.info.id;
  }

  /** Whose run it is. */
  get info(): RunInfo {
    return this.#state.info;
  }

  /** The run's last event once it has ended, however it ended. */
  get final(): Final | undefined {
    return this.#state.final;
  }

  /** Stops the run at once, at any point. Its events go on to `Stopped` and `Final`; nothing is thrown. */
  stop(reason = "stopped by the caller"): void {
    this.#state.control.stop(reason, "call");
  }

  /**
   * Puts a user message into the live run: it joins before the next turn, and there is a next turn for it.
   * @throws {@link ConfigError} when the run has ended
   */
  send(input: Input): void {
    this.#state.send(toMessages(input));
  }

  /** The next event. The call after `Final` is done, or throws what the run failed with. */
  next(): Promise<Step> {
    if (this.#isOver) return Promise.resolve(this.#done());
    const { hooks } = this.#state;
    if (!hooks) return this.#step();
    const step = hooks.full ? hooks.settled().then(() => this.#step()) : this.#step();
    return step.then(
      (result) => (result.done ? hooks.settled().then(() => result) : result),
      (error: unknown) => hooks.settled().then(() => Promise.reject(error)),
    );
  }

  /** Leaves the run: stops it, and waits until everything is released. Gives the `Final`. */
  async return(): Promise<Step> {
    const state = this.#state;
    if (this.#started && !this.#isOver) {
      state.control.stop("the reader left", "call");
      await drain(await this.#started);
      await state.hooks?.settled();
    }
    this.#isOver = true;
    state.isClosed = true;
    return this.#done();
  }

  /** Leaves the run as {@link return} does, then throws `error`. */
  async throw(error: unknown): Promise<Step> {
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

  #step(): Promise<Step> {
    if (this.#events) return this.#events.next();
    this.#started ??= this.#start();
    return this.#started.then((events) => events.next());
  }

  /** The loop is loaded with the first run: a program that only imports the package does not wait for it. */
  async #start(): Promise<Events> {
    loaded ??= await import("./loop.ts");
    const events = loaded.loop(this.#state, this.#input);
    const { control } = this.#state;
    const end = (): void => {
      control.stop("the run was abandoned", "call");
      void drain(events);
    };
    abandoned.register(this, end, control);
    control.atEnd(() => abandoned.unregister(control));
    this.#events = events;
    return events;
  }

  #done(): Step {
    // A generator that is left before its start returns nothing; the interface of generators cannot say so.
    return { done: true, value: this.final as Final };
  }
}

/** Kept here: asking the runtime for a loaded module costs more than all else that starts a run. */
let loaded: typeof import("./loop.ts") | undefined;

/** Reads a run to its end. */
export async function readToEnd(run: Run): Promise<Final> {
  for (;;) {
    const { done, value } = await run.next();
    if (done) return value;
  }
}

/** Reads a stopped run to its end, so that its loop puts everything in order. What it failed with is in its `Final`. */
async function drain(events: Events): Promise<void> {
  try {
    while (!(await events.next()).done);
  } catch {
    // Known to the observers and in `final.error`.
  }
}

/** Ends runs whose reader was dropped without a word: the last net under the socket. */
const abandoned = new FinalizationRegistry<() => void>((end) => end());
