/** Waits, or throws `signal.reason` as soon as it is aborted. */
export function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  return orAborted(signal, (resolve) => {
    const timer = setTimeout(resolve, delayMs);
    return () => clearTimeout(timer);
  });
}

/** The outcome of `promise`, or `signal.reason` as soon as it is aborted. */
export function abortable<T>(promise: T | PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return orAborted(signal, (resolve, reject) => {
    Promise.resolve(promise).then(resolve, reject);
    return () => {};
  });
}

/** The outcome of `promise`; an error that says `what` did not happen if it takes longer. */
export async function inTime<T>(promise: PromiseLike<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits a real moment, so that whatever was set going by promises has run. */
export function moment(delayMs = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
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
