/** Counts the listeners that are added to one signal and not yet removed or called. */
export class ListenerCount {
  readonly #open = new Set<unknown>();

  constructor(signal: AbortSignal) {
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      this.#open.add(args[1]);
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      this.#open.delete(args[1]);
      remove(...args);
    };
    // Listeners to an abort are done with it.
    add("abort", () => this.#open.clear(), { once: true });
  }

  /** How many are left. */
  get count(): number {
    return this.#open.size;
  }
}
