import type { ModelEvent } from "../model.ts";
import type { CacheStore } from "./cache.ts";

/** Keeps answers in memory: so many, so long. */
export class MemoryStore implements CacheStore {
  /** In the order in which they were asked for, the latest last. */
  readonly #answers = new Map<string, { events: readonly ModelEvent[]; until: number }>();
  readonly #ttlMs: number;
  readonly #maxEntries: number;

  constructor({ ttlMs = Number.POSITIVE_INFINITY, maxEntries = 1_000 }: { ttlMs?: number; maxEntries?: number }) {
    this.#ttlMs = ttlMs;
    this.#maxEntries = maxEntries;
  }

  get(key: string): readonly ModelEvent[] | undefined {
    const answer = this.#answers.get(key);
    if (!answer) return undefined;
    this.#answers.delete(key);
    if (answer.until <= Date.now()) return undefined;
    this.#answers.set(key, answer);
    return answer.events;
  }

  set(key: string, events: readonly ModelEvent[]): void {
    this.#answers.delete(key);
    this.#answers.set(key, { events, until: Date.now() + this.#ttlMs });
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > this.#maxEntries && oldest !== undefined) this.#answers.delete(oldest);
  }
}
