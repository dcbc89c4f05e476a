import { type Activity, begin, finish, type Scope } from "./scope.ts";
import { beginWait, endWait, type Wait, type Waiter } from "./wait-graph.ts";

type Settled<Whole> = { readonly whole: Whole } | { readonly error: unknown };

/**
 * What a promise resolves to, at most once. There is a promise of the runtime for each that waits, and none where nobody
 * does: so nothing is ever rejected unheard.
 */
export class Outcome<Whole> implements Activity {
  maker: Waiter | undefined = undefined;
  /** Called once, when it has come. */
  onSettled: ((outcome: unknown) => void) | undefined = undefined;
  #settled: Settled<Whole> | undefined = undefined;
  #waiting: ((settled: Settled<Whole>) => void)[] = [];
  #scope: Scope | undefined = undefined;

  get isSettled(): boolean {
    return this.#settled !== undefined;
  }

  resolve(whole: Whole): void {
    this.#settle({ whole });
  }

  reject(error: unknown): void {
    this.#settle({ error });
  }

  /** Its ensemble waits for it from now on, and may cut it. */
  beginIn(scope: Scope): void {
    if (begin(scope, this)) this.#scope = scope;
    else this.abort(scope.domain?.signal.reason);
  }

  abort(reason: unknown): void {
    this.reject(reason);
  }

  /** @param by whose code waits, where that is known */
  wait(by: Waiter | undefined): Promise<Whole> {
    return new Promise((resolve, reject) => {
      const settle = (settled: Settled<Whole>): void => {
        if ("error" in settled) reject(settled.error);
        else resolve(settled.whole);
      };
      if (this.#settled) return settle(this.#settled);
      if (!by) return void this.#waiting.push(settle);
      const wait: Wait = { by, on: () => this.maker, fail: (error) => end({ error }) };
      const end = (settled: Settled<Whole>): void => {
        endWait(wait);
        settle(settled);
      };
      this.#waiting.push(end);
      beginWait(wait);
    });
  }

  #settle(settled: Settled<Whole>): void {
    if (this.#settled) return;
    this.#settled = settled;
    if (this.#scope) finish(this.#scope, this);
    this.#scope = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const settle of waiting) settle(settled);
    this.onSettled?.("error" in settled ? settled.error : settled.whole);
    this.onSettled = undefined;
  }
}
