import type { Model, ModelEvent, ModelRequest } from "./model.ts";
import type { RunState } from "./run-state.ts";

/**
 * One request to a model while it streams: opened lazily, cut at once by a stop, and closed whatever happens. The model
 * must react to its signal at once, as one with a `timeout()` around it does.
 */
export class OpenRequest {
  readonly #run: RunState;
  readonly #controller = new AbortController();
  readonly #events: AsyncIterator<ModelEvent>;
  readonly #leave: () => void;

  constructor(run: RunState, model: Model, request: ModelRequest) {
    this.#run = run;
    const { signal } = this.#controller;
    this.#events = run.bound(() => model.stream(request, { signal })[Symbol.asyncIterator]());
    this.#leave = run.control.onStop(() => this.#controller.abort(stopped()));
  }

  /**
   * The next event.
   *
   * @param hasBegun whether something of the answer has come: until then the model is called in the caller's context
   */
  next(hasBegun: boolean): Promise<IteratorResult<ModelEvent>> {
    return hasBegun ? this.#events.next() : this.#run.bound(() => this.#events.next());
  }

  /** Releases the connection. Not awaited: a stream that hangs must not hold the run. */
  close(isComplete: boolean): void {
    this.#leave();
    // A generator that waits for its source cannot be left; only its signal frees it at once.
    if (!isComplete) this.#controller.abort(stopped());
    (async () => this.#events.return?.())().catch(() => {});
  }
}

function stopped(): DOMException {
  return new DOMException("The request was stopped", "AbortError");
}
