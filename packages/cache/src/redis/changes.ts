import { createHash } from "node:crypto";
import { CacheError } from "../cache-error.ts";
import type { Connection } from "./connection.ts";
import { Away, closed } from "./connection.ts";
import { script } from "./script.ts";

/** Options of {@link Changes.make}. */
export interface ChangeOptions {
  /** Told of the reply that comes after the change was given up: what it has taken must not be lost. */
  readonly onLate?: (reply: unknown) => void;
  /** It is made however long it takes. Default: false. */
  readonly isPatient?: boolean;
}

interface Change {
  readonly args: readonly string[];
  readonly onLate: ((reply: unknown) => void) | undefined;
  /** When it is given up, in milliseconds of `performance.now()`: of a clock that nobody sets. */
  readonly deadline: number;
  isGivenUp: boolean;
  resolve(reply: unknown): void;
  reject(error: unknown): void;
}

const sha = createHash("sha1").update(script).digest("hex");

/** A batch holds so many changes, and about so many characters. */
const maxChanges = 500;
const maxCharacters = 1024 * 1024;

/** So long Redis remembers the last batch of a session, in milliseconds: an hour. */
const sessionMs = "3600000";

/** So long what must not be lost may hold up `close()`, in milliseconds. */
const maxFarewellMs = 1000;

/**
 * All that is changed in Redis goes through here, in numbered batches, one at a time: what is asked for while one is on its
 * way is the next one. A batch whose answer was lost is sent again, and carried out once.
 */
export class Changes {
  readonly #connection: Connection;
  readonly #session: string;
  readonly #maxWaitMs: number;
  readonly #waiting: Change[] = [];
  #sent: Change[] = [];
  #number = 0;
  #working: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosing = false;

  constructor(connection: Connection, session: string, maxWaitMs: number) {
    this.#connection = connection;
    this.#session = session;
    this.#maxWaitMs = maxWaitMs;
  }

  /** Makes a change. Throws a CacheError: `unavailable` when the time is over, `refused` where Redis says so. */
  make(args: readonly string[], { onLate, isPatient = false }: ChangeOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#isClosing && !isPatient) return reject(closed());
      const deadline = isPatient ? Number.POSITIVE_INFINITY : performance.now() + this.#maxWaitMs;
      this.#waiting.push({ args, onLate, deadline, isGivenUp: false, resolve, reject });
      this.#timer ??= setTimeout(() => this.#giveUpLate(), this.#maxWaitMs);
      this.#working ??= this.#work();
    });
  }

  /** Lets go of what waits, and gives what must not be lost a moment. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#giveUp((change) => Number.isFinite(change.deadline), closed);
    if (!this.#connection.isReady || !this.#working) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, maxFarewellMs);
    });
    await Promise.race([this.#working, late]);
    clearTimeout(timer);
  }

  async #work(): Promise<void> {
    // What is asked for in the same moment goes with the first batch.
    await undefined;
    while (this.#waiting.length > 0) {
      this.#sent = this.#nextBatch();
      this.#number++;
      try {
        const replies = await this.#carryOut();
        for (const [index, change] of this.#sent.entries()) settle(change, replies[index]);
      } catch (error) {
        for (const { reject } of this.#sent) reject(error);
      }
      this.#sent = [];
    }
    this.#working = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #nextBatch(): Change[] {
    let characters = 0;
    let count = 0;
    for (const { args } of this.#waiting.slice(0, maxChanges)) {
      for (const { length } of args) characters += length;
      if (count > 0 && characters > maxCharacters) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #carryOut(): Promise<unknown[]> {
    for (;;) {
      try {
        const replies = await this.#evaluate();
        if (Array.isArray(replies)) return replies;
        throw new CacheError("Redis gave no replies to a batch", { kind: "refused" });
      } catch (error) {
        if (!(error instanceof Away)) throw error;
      }
    }
  }

  async #evaluate(): Promise<unknown> {
    const changes = this.#sent.flatMap(({ args, isGivenUp }) => {
      const [name = "", ...rest] = isGivenUp ? ["skip"] : args;
      return [name, String(rest.length), ...rest];
    });
    const args = ["1", this.#session, String(this.#number), sessionMs, ...changes];
    try {
      return await this.#connection.send(["EVALSHA", sha, ...args]);
    } catch (error) {
      if (!(error instanceof CacheError && error.message.includes("NOSCRIPT"))) throw error;
      return await this.#connection.send(["EVAL", script, ...args]);
    }
  }

  #giveUpLate(): void {
    const now = performance.now();
    this.#giveUp(
      ({ deadline }) => deadline <= now,
      () => this.#connection.tooLate(),
    );
    const deadlines = [...this.#sent, ...this.#waiting].filter(isOpen).map(({ deadline }) => deadline);
    const next = Math.min(...deadlines.filter(Number.isFinite));
    this.#timer = setTimeout(() => this.#giveUpLate(), Math.min(next - now, this.#maxWaitMs));
  }

  #giveUp(isDue: (change: Change) => boolean, why: () => CacheError): void {
    const due = [...this.#sent, ...this.#waiting].filter((change) => isOpen(change) && isDue(change));
    for (const change of due) {
      change.isGivenUp = true;
      change.reject(why());
    }
    const left = this.#waiting.filter(isOpen);
    this.#waiting.splice(0, this.#waiting.length, ...left);
  }
}

function isOpen({ isGivenUp }: Change): boolean {
  return !isGivenUp;
}

function settle({ resolve, reject, isGivenUp, onLate }: Change, reply: unknown): void {
  const [value, error] = Array.isArray(reply) ? reply : [];
  if (typeof error === "string") reject(new CacheError(`Redis refused: ${error}`, { kind: "refused" }));
  else if (isGivenUp) onLate?.(value);
  else resolve(value);
}
