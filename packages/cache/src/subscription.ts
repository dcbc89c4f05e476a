import type { Subscription } from "./cache.ts";
import { deserialize } from "./serialize.ts";
import type { Listener } from "./storage.ts";

/** Keeps what comes until it is read. By hand: a generator's `return()` would wait behind a pending `next()`. */
export class BufferedSubscription<V> implements Subscription<V>, Listener {
  readonly #channel: string;
  readonly #maxBuffered: number;
  readonly #buffered: string[] = [];
  /** Those who wait for a message; there are none while one is buffered. */
  readonly #waiting: ((text: string | undefined) => void)[] = [];
  #leave: (() => void) | undefined;
  #isOver = false;
  #dropped = 0;

  constructor(channel: string, maxBuffered: number) {
    this.#channel = channel;
    this.#maxBuffered = maxBuffered;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** Told once how to leave the channel. */
  endBy(leave: () => void, signal: AbortSignal | undefined): void {
    const onAbort = (): void => this.end();
    this.#leave = () => {
      signal?.removeEventListener("abort", onAbort);
      leave();
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    if (this.#isOver) this.#leave();
    else if (signal?.aborted) this.end();
  }

  hear(text: string): void {
    if (this.#isOver) return;
    const reader = this.#waiting.shift();
    if (reader) reader(text);
    else this.#keep(text);
  }

  /** No more will come; what is buffered can still be read. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#leave?.();
    for (const reader of this.#waiting.splice(0)) reader(undefined);
  }

  async next(): Promise<IteratorResult<V, undefined>> {
    let text = this.#buffered.shift();
    if (text === undefined && !this.#isOver) text = await new Promise((resolve) => this.#waiting.push(resolve));
    return text === undefined
      ? { done: true, value: undefined }
      : { done: false, value: deserialize(text, this.#channel) };
  }

  async return(): Promise<IteratorResult<V, undefined>> {
    this.end();
    this.#buffered.length = 0;
    return { done: true, value: undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #keep(text: string): void {
    this.#buffered.push(text);
    if (this.#buffered.length <= this.#maxBuffered) return;
    this.#buffered.shift();
    this.#dropped++;
  }
}
