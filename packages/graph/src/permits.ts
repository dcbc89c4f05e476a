/**
 * The places for modules that run at the same time. Only a module takes one, never a node that holds others: so one that
 * waits for a place never holds the place that it waits for.
 */
export class Permits {
  #free: number;
  #waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  /** The first one that waits. Not `shift()`, whose price grows with the queue. */
  #first = 0;
  #closed: { readonly error: unknown } | undefined;

  constructor(places: number) {
    this.#free = places;
  }

  /** Takes a place, or waits for one. Throws what the places were closed with. */
  take(): Promise<void> | undefined {
    if (this.#closed) return Promise.reject(this.#closed.error);
    if (this.#free > 0) {
      this.#free--;
      return undefined;
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Gives a place back: to the one that has waited longest. */
  release(): void {
    const next = this.#waiting[this.#first];
    if (!next) {
      this.#free++;
      return;
    }
    if (++this.#first === this.#waiting.length) {
      this.#waiting = [];
      this.#first = 0;
    }
    next.resolve();
  }

  /** Nobody gets a place any more; who waits hears `error`. */
  close(error: unknown): void {
    this.#closed ??= { error };
    for (const { reject } of this.#waiting.splice(0).slice(this.#first)) reject(this.#closed.error);
    this.#first = 0;
  }
}
