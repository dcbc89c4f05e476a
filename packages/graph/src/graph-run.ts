import type { Cache } from "@millrace/cache";
import type { RunInfo } from "millrace";
import { EventRun } from "millrace/runs";
import type { GraphEvent, GraphFinal } from "./events.ts";
import { graphLoop } from "./graph-loop.ts";
import type { RunState } from "./run-state.ts";
import type { Origin } from "./snapshot.ts";
import type { Task } from "./task.ts";

/**
 * One run of a graph: the stream of its events. Nothing happens before the first `next()`; it is read once, by one
 * reader. It is read as it is pulled: each module that runs waits with its next event until the reader has taken the
 * last one, so a slow reader slows what streams, and nothing piles up.
 *
 * Leaving it (`break`, `return()`, a throw in the loop) stops the run at once, even while an event is awaited; `final`
 * then tells how it ended.
 */
export class GraphRun extends EventRun<GraphEvent, GraphFinal> {
  readonly #state: RunState;

  /** Made by a {@link GraphAgent}. */
  constructor(state: RunState, origin: Origin) {
    super({
      control: state.control,
      get hooks() {
        return state.hooks;
      },
      get final() {
        return state.final;
      },
      open: () => state.events.read(graphLoop(state, origin)),
      close() {},
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

  get task(): Task {
    return this.#state.task;
  }

  /** The values and mailboxes of this task: to be filled before it begins, and read when it is over. */
  get cache(): Cache {
    return this.#state.cache;
  }
}
