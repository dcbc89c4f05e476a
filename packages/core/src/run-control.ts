import { errorMessage } from "./errors.ts";
import type { Stopped } from "./events.ts";
import { Gate } from "./gate.ts";
import { after } from "./runtime.ts";

/** Thrown inside the loop where a stop cuts a wait. Never reaches a caller. */
export class RunCut extends Error {
  override name = "RunCut";
}

/** Everything that can stop one run, joined: the caller's signal, `stop.check`, `run.stop()`, a reader who leaves. */
export class RunControl {
  /** Set by the first stop. */
  stopped: Pick<Stopped, "reason" | "by"> | undefined;
  readonly #gate = new Gate();
  readonly #onStop = new Set<() => void>();
  readonly #cleanups: (() => void)[] = [];

  /** Follows the caller's signal until {@link close}. One listener for the whole run. */
  follow(signal: AbortSignal): void {
    const stop = (): void => this.stop(reasonText(signal.reason), "signal");
    if (signal.aborted) {
      stop();
    } else {
      signal.addEventListener("abort", stop, { once: true });
      this.#cleanups.push(() => signal.removeEventListener("abort", stop));
    }
  }

  /** Asks `check` at once and then every `everyMs`, until it says yes or {@link close}. */
  poll(check: () => boolean | Promise<boolean>, everyMs: number, onError: (error: unknown) => void): void {
    let open = true;
    let clear = (): void => {};
    const ask = async (): Promise<void> => {
      try {
        if ((await check()) && open) return this.stop("the stop check said so", "stop-check");
      } catch (error) {
        onError(error);
      }
      if (open) clear = after(everyMs, () => void ask(), true);
    };
    this.#cleanups.push(() => {
      open = false;
      clear();
    });
    void ask();
  }

  /** Stops the run after `ms`. */
  limit(ms: number): void {
    this.#cleanups.push(
      after(ms, () => this.stop(`the run took longer than timeouts.runMs, ${ms} ms`, "timeout"), true),
    );
  }

  /** Stops the run: waits are cut, listeners of {@link onStop} are called. Only the first call counts. */
  stop(reason: string, by: Stopped["by"]): void {
    if (this.stopped) return;
    this.stopped = { reason, by };
    this.#gate.close(new RunCut(reason));
    for (const listener of this.#onStop) listener();
  }

  /** Waits for `promise`; a stop ends the wait at once with {@link RunCut}. One wait at a time. */
  wait<T>(promise: PromiseLike<T>): Promise<T> {
    return this.#gate.wait(promise);
  }

  /** Throws {@link RunCut} if the run was stopped. */
  check(): void {
    if (this.stopped) throw new RunCut(this.stopped.reason);
  }

  /** Calls `listener` at the stop, or at once after it. Gives the function that takes it away. */
  onStop(listener: () => void): () => void {
    if (this.stopped) listener();
    else this.#onStop.add(listener);
    return () => this.#onStop.delete(listener);
  }

  /** Calls `cleanup` when the run has ended. */
  atEnd(cleanup: () => void): void {
    this.#cleanups.push(cleanup);
  }

  /** Removes every listener and timer. */
  close(): void {
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
    this.#onStop.clear();
  }
}

/** An abort reason may be anything. */
function reasonText(reason: unknown): string {
  return reason === undefined || reason === null || reason === "" ? "aborted" : errorMessage(reason);
}
