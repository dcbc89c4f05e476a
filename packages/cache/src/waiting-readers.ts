/** One who waits for the next text of a mailbox. */
export interface Reader {
  /** False once it has got a text, or has gone. */
  readonly isWaiting: boolean;
  /** Whether it will not wait for what comes: its time is 0. */
  readonly asksOnce: boolean;
  /** Leaves without a text. */
  leave(): void;
}

/** Those who wait for the texts of a mailbox; who waits longest is served first. */
export class WaitingReaders {
  readonly #readers = new Set<WaitingReader>();

  get size(): number {
    return this.#readers.size;
  }

  /** Those who wait now. */
  all(): readonly Reader[] {
    return [...this.#readers];
  }

  /**
   * Waits for a text; undefined when the time is over, or for one who was told to leave. Who {@link Reader.asksOnce} is
   * told so.
   */
  wait(timeoutMs: number | undefined, signal: AbortSignal | undefined): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      this.#readers.add(new WaitingReader(this.#readers, { resolve, reject }, timeoutMs, signal));
    });
  }

  /** False where nobody waits. */
  give(text: string): boolean {
    const [reader] = this.#readers;
    reader?.take(text);
    return reader !== undefined;
  }

  fail(error: unknown): void {
    for (const reader of [...this.#readers]) reader.fail(error);
  }
}

interface Outcome {
  resolve(text: string | undefined): void;
  reject(error: unknown): void;
}

class WaitingReader implements Reader {
  readonly asksOnce: boolean;
  readonly #readers: Set<WaitingReader>;
  readonly #outcome: Outcome;
  readonly #signal: AbortSignal | undefined;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #onAbort = (): void => this.fail(this.#signal?.reason);

  constructor(
    readers: Set<WaitingReader>,
    outcome: Outcome,
    timeoutMs: number | undefined,
    signal: AbortSignal | undefined,
  ) {
    this.#readers = readers;
    this.#outcome = outcome;
    this.#signal = signal;
    this.asksOnce = timeoutMs === 0;
    if (timeoutMs) this.#timer = setTimeout(() => this.leave(), Math.min(timeoutMs, maxTimerMs));
    signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get isWaiting(): boolean {
    return this.#readers.has(this);
  }

  take(text: string): void {
    this.#end();
    this.#outcome.resolve(text);
  }

  leave(): void {
    this.#end();
    this.#outcome.resolve(undefined);
  }

  fail(error: unknown): void {
    this.#end();
    this.#outcome.reject(error);
  }

  #end(): void {
    this.#readers.delete(this);
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }
}

/** The longest delay that a timer can hold, in milliseconds. */
const maxTimerMs = 2 ** 31 - 1;
