import { ModelError } from "./errors.ts";
import type { Model, ModelEvent, ModelRequest } from "./model.ts";
import type { RunState } from "./run-state.ts";
import { after } from "./runtime.ts";

/**
 * One request to a model while it streams: opened lazily, cut at once by a stop, timed only while it is waited for,
 * and closed whatever happens.
 */
export class OpenRequest {
  readonly #run: RunState;
  readonly #model: Model;
  readonly #controller = new AbortController();
  readonly #events: AsyncIterator<ModelEvent>;
  readonly #leave: () => void;
  #clearTimer: (() => void) | undefined;
  #waitingSince = Date.now();
  #waitedMs = 0;
  #isWaiting = false;
  #hasEvents = false;

  constructor(run: RunState, model: Model, request: ModelRequest) {
    this.#run = run;
    this.#model = model;
    const { signal } = this.#controller;
    this.#events = run.bound(() => model.stream(request, { signal })[Symbol.asyncIterator]());
    this.#leave = run.control.onStop(() => this.#controller.abort(stopped()));
    this.#watch();
  }

  /** The next event. */
  next(): Promise<IteratorResult<ModelEvent>> {
    this.#isWaiting = true;
    this.#waitingSince = Date.now();
    const step = this.#hasEvents ? this.#events.next() : this.#run.bound(() => this.#events.next());
    return this.#run.control.wait(step);
  }

  /** Says that an event has come. */
  arrived(at: number): void {
    this.#isWaiting = false;
    this.#waitedMs += at - this.#waitingSince;
    if (this.#hasEvents) return;
    this.#hasEvents = true;
    // Until now the limit was another one, which may be far longer.
    this.#clearTimer?.();
    this.#watch();
  }

  /** Releases the connection. Not awaited: a stream that hangs must not hold the run. */
  close(isComplete: boolean): void {
    this.#clearTimer?.();
    this.#leave();
    // A generator that waits for its source cannot be left; only its signal frees it at once.
    if (!isComplete) this.#controller.abort(stopped());
    (async () => this.#events.return?.())().catch(() => {});
  }

  /** One timer that looks again when the nearest limit could have passed: none is set or cleared per event. */
  #watch(): void {
    const {
      firstEventMs = 600_000,
      idleMs = 300_000,
      requestMs = Number.POSITIVE_INFINITY,
    } = this.#run.options.timeouts ?? {};
    const limit = this.#hasEvents ? idleMs : firstEventMs;
    const waiting = this.#isWaiting ? Date.now() - this.#waitingSince : 0;
    const left = Math.min(limit - waiting, requestMs - this.#waitedMs - waiting);
    if (left > 0) {
      this.#clearTimer = after(left, () => this.#watch());
      return;
    }
    const option =
      requestMs - this.#waitedMs - waiting <= 0 ? "requestMs" : this.#hasEvents ? "idleMs" : "firstEventMs";
    const said = { requestMs: `took longer than`, idleMs: "sent nothing for", firstEventMs: "sent nothing for" }[
      option
    ];
    const ms = { requestMs, idleMs, firstEventMs }[option];
    const { provider, id } = this.#model;
    const error = new ModelError(`${provider}: ${id} ${said} ${ms} ms (timeouts.${option})`, {
      kind: "timeout",
      provider,
    });
    this.#run.control.interrupt(error);
    this.#controller.abort(error);
  }
}

function stopped(): DOMException {
  return new DOMException("The request was stopped", "AbortError");
}
