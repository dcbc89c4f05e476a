import { after } from "../runtime.ts";

/** Options of {@link throttle}: what may go on at a time. */
export interface ThrottleOptions {
  /** Default: any number. */
  requestsPerMinute?: number;
  /** Input and output tokens. Default: any number. */
  tokensPerMinute?: number;
  /** Requests whose answer has not ended. Default: any number. */
  maxConcurrent?: number;
}

/** A request that was let through. */
export interface QueueEntry {
  readonly at: number;
  /** Estimated; whoever knows better sets it. */
  tokens: number;
}

interface Waiting {
  readonly tokens: number;
  admit(entry: QueueEntry): void;
}

const minuteMs = 60_000;

/** Lets requests through in the order in which they came, as the limits allow. Has a timer only while one waits. */
export class RequestQueue {
  readonly #limits: Required<ThrottleOptions>;
  readonly #waiting: Waiting[] = [];
  /** Those of the last minute, oldest first. */
  #entries: QueueEntry[] = [];
  #open = 0;
  #clearTimer = (): void => {};

  constructor(limits: ThrottleOptions) {
    const {
      requestsPerMinute = Number.POSITIVE_INFINITY,
      tokensPerMinute = Number.POSITIVE_INFINITY,
      maxConcurrent = Number.POSITIVE_INFINITY,
    } = limits;
    this.#limits = { requestsPerMinute, tokensPerMinute, maxConcurrent };
  }

  /** Waits for this request's turn. Throws `signal.reason` as soon as it is aborted. Ends with {@link leave}. */
  enter(tokens: number, signal: AbortSignal): Promise<QueueEntry> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason);
        this.#admit();
      };
      const waiting: Waiting = {
        tokens,
        admit: (entry) => {
          signal.removeEventListener("abort", onAbort);
          resolve(entry);
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(waiting);
      this.#admit();
    });
  }

  /** The answer of a request that was let through has ended, or was left. */
  leave(): void {
    this.#open--;
    this.#admit();
  }

  #admit(): void {
    this.#clearTimer();
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      if (this.#open >= this.#limits.maxConcurrent) return;
      const waitMs = this.#waitMs(next.tokens);
      if (waitMs > 0) {
        this.#clearTimer = after(waitMs, () => this.#admit());
        return;
      }
      this.#waiting.shift();
      this.#open++;
      const entry = { at: Date.now(), tokens: next.tokens };
      this.#entries.push(entry);
      next.admit(entry);
    }
  }

  /** How long until enough of the last minute's requests are older than it. */
  #waitMs(tokens: number): number {
    const now = Date.now();
    this.#entries = this.#entries.filter(({ at }) => at > now - minuteMs);
    const { requestsPerMinute, tokensPerMinute } = this.#limits;
    let requests = this.#entries.length;
    let spent = this.#entries.reduce((sum, entry) => sum + entry.tokens, 0);
    let waitMs = 0;
    for (const entry of this.#entries) {
      if (requests < requestsPerMinute && spent + tokens <= tokensPerMinute) break;
      requests--;
      spent -= entry.tokens;
      waitMs = entry.at + minuteMs - now;
    }
    return waitMs;
  }
}
