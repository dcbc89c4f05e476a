/** Wakes one who waits; rung while nobody waits, it wakes the next one at once. */
export class Bell {
  readonly #signals: readonly AbortSignal[];
  #isRung: boolean;
  #wake: (() => void) | undefined;

  /** @param signals ring it too */
  constructor(signals: readonly AbortSignal[]) {
    this.#signals = signals;
    this.#isRung = signals.some(({ aborted }) => aborted);
    for (const signal of signals) signal.addEventListener("abort", this.ring, { once: true });
  }

  readonly ring = (): void => {
    this.#isRung = true;
    this.#wake?.();
  };

  /** Waits until it is rung, at most `ms`. */
  async wait(ms: number): Promise<void> {
    if (!this.#isRung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#wake = undefined;
    this.#isRung = false;
  }

  /** Lets go of the signals. */
  end(): void {
    for (const signal of this.#signals) signal.removeEventListener("abort", this.ring);
  }
}
