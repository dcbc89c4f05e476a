/** The little that the core asks of its runtime beyond web APIs, each with a fallback. */

interface Runtime {
  setImmediate?: (callback: () => void) => unknown;
  process?: {
    env?: Record<string, string | undefined>;
    getBuiltinModule?: (name: string) => { AsyncResource?: new (type: string) => AsyncScope } | undefined;
  };
}

interface AsyncScope {
  runInAsyncScope: Bound;
}

/** Calls a function in the async context in which the binding was made. */
export type Bound = <T>(callback: () => T) => T;

const runtime: typeof globalThis & Runtime = globalThis;

/** After so long without a pause timers and signals are served, in milliseconds. */
const breathMs = 8;

/** For a loop that may never wait for anything outside: it takes breath, so that timers and signals are served. */
export class Breath {
  #since = Date.now();

  /** Whether the loop has gone on for so long that it should {@link take} breath. */
  isDue(now: number = Date.now()): boolean {
    return now - this.#since > breathMs;
  }

  /** Lets timers, sockets and signals be served. */
  async take(): Promise<void> {
    await new Promise<void>((resolve) => (runtime.setImmediate ? runtime.setImmediate(resolve) : setTimeout(resolve)));
    this.#since = Date.now();
  }
}

// Not `AsyncLocalStorage.snapshot()`, which does the same at a hundred times the price.
const AsyncResource = runtime.process?.getBuiltinModule?.("node:async_hooks")?.AsyncResource;

/**
 * Captures the caller's async context (`AsyncLocalStorage`), so that tools and hooks see the request that they work
 * for, whoever reads the stream. Without such a thing in the runtime the callback is called as it is.
 */
export function bindContext(): Bound {
  if (!AsyncResource) return (callback) => callback();
  const scope = new AsyncResource("millrace.run");
  return (callback) => scope.runInAsyncScope(callback);
}

/** An environment variable; undefined also where there are none, or where reading them is not allowed. */
export function environment(name: string): string | undefined {
  try {
    return runtime.process?.env?.[name];
  } catch {
    return undefined;
  }
}

/** The longest delay that a timer can hold, in milliseconds. */
export const maxTimerMs: number = 2 ** 31 - 1;

/**
 * Calls back after `ms`. Gives the function that takes the timer away.
 *
 * @param background the timer alone does not keep a process alive, where the runtime can tell (Node)
 */
export function after(ms: number, callback: () => void, background = false): () => void {
  const timer = setTimeout(callback, Math.min(Math.max(ms, 0), maxTimerMs));
  const handle: unknown = timer;
  if (background && typeof handle === "object" && handle !== null && "unref" in handle) {
    if (typeof handle.unref === "function") handle.unref();
  }
  return () => clearTimeout(timer);
}
