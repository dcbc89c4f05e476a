/**
 * Waits for a promise or for a cut, whichever comes first. One waiter at a time: no listener and no `Promise.race`
 * per wait, both of which leak or cost when there are many waits and one long-lived signal.
 */
export class Gate {
  #error: { readonly thrown: unknown } | undefined;
  #reject: ((error: unknown) => void) | undefined;

  /** Makes the present wait and all later ones reject with `error`. The first call counts. */
  close(error: unknown): void {
    this.#error ??= { thrown: error };
    this.#reject?.(this.#error.thrown);
  }

  /** The outcome of `promise`, unless the gate is closed first; then its later outcome is ignored. */
  wait<T>(promise: PromiseLike<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#reject = reject;
      promise.then(resolve, reject);
      if (this.#error) reject(this.#error.thrown);
    });
  }
}
