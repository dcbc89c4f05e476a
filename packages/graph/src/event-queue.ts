import { Breath } from "millrace/runs";

interface Entry<Event> {
  readonly event: Event;
  readonly taken: () => void;
}

/**
 * The events of many who work side by side, for one reader. Who puts one in waits until the reader asks for the one
 * after it: so each has at most one event here that it waits for, and a slow reader slows them all.
 */
export class EventQueue<Event> {
  #entries: Entry<Event>[] = [];
  /** The oldest. Not `shift()`, whose price grows with the queue. */
  #first = 0;
  /** Wakes the reader where it waits; gone once it is awake, for a promise does not like to be resolved twice. */
  #wake: (() => void) | undefined;

  /** Fulfilled when the reader has taken the event and asks for the next one. */
  put(event: Event): Promise<void> {
    return new Promise((taken) => {
      this.#entries.push({ event, taken });
      this.#wake?.();
    });
  }

  /** Gives what is put in until `work` has ended and all is taken; then gives, or throws, its outcome. */
  async *read<Outcome>(work: Promise<Outcome>): AsyncGenerator<Event, Outcome, undefined> {
    let isOver = false;
    const end = (): void => {
      isOver = true;
      this.#wake?.();
    };
    work.then(end, end);
    const breath = new Breath();
    for (;;) {
      const entry = this.#entries[this.#first];
      if (entry) {
        if (++this.#first === this.#entries.length) {
          this.#entries = [];
          this.#first = 0;
        }
        yield entry.event;
        entry.taken();
        if (breath.isDue()) await breath.take();
      } else if (isOver) {
        return await work;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = () => {
            this.#wake = undefined;
            resolve();
          };
        });
      }
    }
  }
}
