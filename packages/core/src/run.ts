import { EventRun } from "./event-run.ts";
import type { AgentEvent, Final, RunInfo } from "./events.ts";
import { toMessages } from "./history.ts";
import type { Input, Message } from "./messages.ts";
import type { RunState } from "./run-state.ts";

/**
 * One run of an agent: the stream of its events. Nothing happens before the first `next()`; it is read once, by one
 * reader ({@link broadcast} serves several).
 *
 * Leaving it (`break`, `return()`, a throw in the loop) stops the run at once, even while an event is awaited: the
 * connection is closed, tools are aborted, what had arrived is kept; `final` then tells how it ended.
 */
export class Run extends EventRun<AgentEvent, Final> {
  readonly #state: RunState;

  /** Made by `agent.respond()`. */
  constructor(state: RunState, input: readonly Message[]) {
    super({
      control: state.control,
      get hooks() {
        return state.hooks;
      },
      get final() {
        return state.final;
      },
      async open() {
        // With the first run: a program that only imports the package does not wait for it.
        loaded ??= await import("./loop.ts");
        return loaded.loop(state, input);
      },
      close() {
        state.isClosed = true;
      },
    });
    this.#state = state;
  }

  /** The run's id, also `event.run.id`. */
  get id(): string {
    return this.#state.info.id;
  }

  /** Whose run it is. */
  get info(): RunInfo {
    return this.#state.info;
  }

  /**
   * Puts a user message into the live run: it joins before the next turn, and there is a next turn for it.
   * @throws {@link ConfigError} when the run has ended
   */
  send(input: Input): void {
    this.#state.send(toMessages(input));
  }
}

/** Kept here: asking the runtime for a loaded module costs more than all else that starts a run. */
let loaded: typeof import("./loop.ts") | undefined;
