import { after } from "./runtime.ts";

/** Waits, or throws `signal.reason` as soon as it is aborted. */
export function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  return orAborted(signal, (resolve) => after(delayMs, () => resolve()));
}

/** The outcome of `promise`, or `signal.reason` as soon as it is aborted. */
export function abortable<T>(promise: T | PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return orAborted(signal, (resolve, reject) => {
    Promise.resolve(promise).then(resolve, reject);
    return () => {};
  });
}

function orAborted<T>(
  signal: AbortSignal,
  start: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      cancel();
      reject(signal.reason);
    };
    const ended =
      <Value>(settle: (value: Value) => void) =>
      (value: Value): void => {
        signal.removeEventListener("abort", onAbort);
        settle(value);
      };
    const cancel = start(ended(resolve), ended(reject));
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
