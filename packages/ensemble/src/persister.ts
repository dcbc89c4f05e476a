import type { Message } from "./message.ts";

/** Stores messages: those that a batch refers to come before it. What it throws is tried again with the next batch. */
export type PersistHandler = (messages: readonly Message[]) => unknown;

/** Gives each message to one handler, once; one batch after the other. */
export class Persister {
  readonly #handler: PersistHandler;
  readonly #isDone: WeakSet<Message> = new WeakSet();
  readonly #pending: Set<Message> = new Set();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(handler: PersistHandler) {
    this.#handler = handler;
  }

  get hasPending(): boolean {
    return this.#pending.size > 0;
  }

  /** Adds a message and those in it. */
  add(message: Message): void {
    for (const each of [...message.subMessages(), message]) if (!this.#isDone.has(each)) this.#pending.add(each);
  }

  /** There is no need to store this message. */
  skip(message: Message): void {
    this.#isDone.add(message);
    this.#pending.delete(message);
  }

  /** Gives all that is pending to the handler. Resolves with what it has stored; rejects with what it has thrown. */
  flush(): Promise<readonly Message[]> {
    const stored = this.#turn.then(() => this.#store());
    this.#turn = stored.catch(() => {});
    return stored;
  }

  async #store(): Promise<readonly Message[]> {
    const batch = [...this.#pending];
    if (batch.length === 0) return batch;
    // Marked before it is stored: the handler may wait for the same message.
    for (const message of batch) this.skip(message);
    try {
      await this.#handler(batch);
    } catch (error) {
      const later = [...this.#pending];
      this.#pending.clear();
      for (const message of [...batch, ...later]) {
        this.#isDone.delete(message);
        this.#pending.add(message);
      }
      throw error;
    }
    return batch;
  }
}
