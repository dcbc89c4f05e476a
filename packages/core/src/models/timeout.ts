import { ModelError } from "../errors.ts";
import type { Model, ModelEvent, ModelRequest } from "../model.ts";
import { fields, milliseconds } from "../option-checks.ts";
import { after } from "../runtime.ts";

/** Limits of one request, in milliseconds. Only the time that a reader waits for the model counts. */
export interface TimeoutOptions {
  /** Until the first event of a request. Default: 600,000 (ten minutes). */
  firstEventMs?: number;
  /** Between two events of a request; what only keeps its connection alive is none. Default: 300,000. */
  idleMs?: number;
  /** For one whole request. Default: no limit. */
  requestMs?: number;
}

type Step = IteratorResult<ModelEvent, undefined>;

/**
 * Gives up on a model that is silent or slow: the request is aborted and throws a `ModelError` of kind `timeout`. It
 * ends at once, also where the model does not react to its signal; the same holds for an abort.
 *
 * Every agent has these limits around its model (`timeouts`); this wrapper is for a model of its own within
 * {@link fallback} or {@link retry}. Where the model within repeats a request or switches to another one, the limits
 * begin anew, and the announced wait does not count.
 *
 * @throws {@link ConfigError} when a limit is not above 0
 */
export function timeout(model: Model, options: TimeoutOptions = {}): Model {
  const { firstEventMs = 600_000, idleMs = 300_000, requestMs = Number.POSITIVE_INFINITY } = options;
  const limits = { firstEventMs, idleMs, requestMs };
  fields({ firstEventMs: milliseconds, idleMs: milliseconds, requestMs: milliseconds })(limits, "timeout");
  const { provider, id } = model;
  return { provider, id, stream: (request, { signal }) => new TimedStream(model, request, signal, limits) };
}

const over: Step = { done: true, value: undefined };

type Limits = { readonly [option in "firstEventMs" | "idleMs" | "requestMs"]: number };

/** One request of one reader: timed only while it is waited for, cut at once, closed whatever happens. */
class TimedStream implements AsyncIterableIterator<ModelEvent, undefined> {
  readonly #model: Model;
  readonly #request: ModelRequest;
  readonly #signal: AbortSignal;
  readonly #limits: Limits;
  readonly #controller = new AbortController();
  #events: AsyncIterator<ModelEvent> | undefined;
  #isOver = false;
  #isFinished = false;
  /** A cut that came while nobody waited: the next wait is told. */
  #late: { readonly error: unknown } | undefined;
  /** Of the present wait, or of the last one. */
  #resolve: (step: Step) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #clearTimer = (): void => {};
  #hasEvents = false;
  #isWaiting = false;
  #waitingSince = 0;
  /** Waited for this request before the present wait. */
  #waitedMs = 0;
  /** Announced by a retry: the next wait is that much longer. */
  #pauseMs = 0;

  constructor(model: Model, request: ModelRequest, signal: AbortSignal, limits: Limits) {
    this.#model = model;
    this.#request = request;
    this.#signal = signal;
    this.#limits = limits;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    return new Promise((resolve, reject) => {
      if (this.#isOver) return this.#late ? reject(this.#takeLate()) : resolve(over);
      this.#isWaiting = true;
      this.#waitingSince = Date.now() + this.#pauseMs;
      this.#pauseMs = 0;
      this.#resolve = resolve;
      this.#reject = reject;
      try {
        const events = this.#events ?? this.#open();
        events.next().then(this.#take, this.#fail);
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  /** Not awaited: a stream that hangs must not hold its reader. */
  return(): Promise<Step> {
    if (!this.#isOver) {
      this.#close();
      // A generator that waits for its source cannot be left; only its signal frees it at once.
      if (!this.#isFinished) this.#controller.abort(new DOMException("The request was left", "AbortError"));
      this.#release();
    }
    return Promise.resolve(over);
  }

  #open(): AsyncIterator<ModelEvent> {
    this.#signal.throwIfAborted();
    this.#signal.addEventListener("abort", this.#abort, { once: true });
    this.#events = this.#model.stream(this.#request, { signal: this.#controller.signal })[Symbol.asyncIterator]();
    this.#watch();
    return this.#events;
  }

  readonly #take = (step: IteratorResult<ModelEvent>): void => {
    try {
      this.#pass(step);
    } catch (error) {
      // A model written by hand may yield what is no event: that is its failure.
      this.#fail(error);
    }
  };

  #pass(step: IteratorResult<ModelEvent>): void {
    this.#isWaiting = false;
    if (step.done || this.#isOver) {
      this.#close();
      this.#resolve(over);
      return;
    }
    const { value } = step;
    if (this.#limits.requestMs < Number.POSITIVE_INFINITY) this.#waitedMs += Date.now() - this.#waitingSince;
    if (value.type === "retry" || value.type === "model-switched") {
      this.#hasEvents = false;
      this.#waitedMs = 0;
      this.#pauseMs = value.type === "retry" ? value.delayMs : 0;
    } else if (!this.#hasEvents) {
      this.#hasEvents = true;
      // Until now the limit was another one, which may be far longer.
      this.#clearTimer();
      this.#watch();
    }
    if (value.type === "finish") {
      this.#isFinished = true;
      this.#clearTimer();
    }
    this.#resolve(step);
  }

  readonly #abort = (): void => this.#cut(this.#signal.reason);

  /** Ends the present wait and the request. */
  #cut(error: unknown): void {
    if (!this.#isWaiting) this.#late = { error };
    this.#fail(error);
    this.#controller.abort(error);
    this.#release();
  }

  readonly #fail = (error: unknown): void => {
    this.#close();
    this.#reject(error);
  };

  #takeLate(): unknown {
    const late = this.#late;
    this.#late = undefined;
    return late?.error;
  }

  #release(): void {
    (async () => this.#events?.return?.())().catch(() => {});
  }

  #close(): void {
    this.#isOver = true;
    this.#clearTimer();
    this.#signal.removeEventListener("abort", this.#abort);
  }

  /** One timer that looks again when the nearest limit could have passed: none is set or cleared per event. */
  #watch(): void {
    const option = this.#hasEvents ? "idleMs" : "firstEventMs";
    const { [option]: silenceMs, requestMs } = this.#limits;
    const waiting = this.#isWaiting ? Date.now() - this.#waitingSince : 0;
    const requestLeft = requestMs - this.#waitedMs - waiting;
    const left = Math.min(silenceMs - waiting, requestLeft);
    if (left > 0) {
      this.#clearTimer = after(left, () => this.#watch());
      return;
    }
    const { provider, id } = this.#model;
    const what =
      requestLeft <= 0
        ? `took longer than ${requestMs} ms (timeouts.requestMs)`
        : `sent nothing for ${silenceMs} ms (timeouts.${option})`;
    this.#cut(new ModelError(`${provider}: ${id} ${what}`, { kind: "timeout", provider }));
  }
}
