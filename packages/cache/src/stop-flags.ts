import type { Cache } from "./cache.ts";

/** Options of {@link stopFlags}. */
export interface StopFlagsOptions {
  /** How long a flag stands, in milliseconds: longer than any run. Default: 86,400,000 (a day). */
  ttlMs?: number;
}

/** Flags that ask runs to stop, set and read by any process that shares the cache. */
export interface StopFlags {
  /** Asks a run to stop. */
  stop(runId: string): Promise<void>;
  /** Whether a run shall stop: the `stop.check` of an agent. */
  readonly check: (run: { readonly runId: string }) => Promise<boolean>;
}

/**
 * Flags that stop runs from any process.
 *
 * @example
 * ```ts
 * import { MemoryCache, stopFlags } from "@millrace/cache";
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 *
 * const flags = stopFlags(new MemoryCache());
 * const agent = new Agent({ name: "echo", model: echoModel(), stop: { check: flags.check } });
 * const run = agent.respond("Hi", { userId: "u1", chatId: "c1" });
 * await flags.stop(run.id);
 * ```
 *
 * @param cache the flags are values in its scope with the prefix `stop-flags`
 */
export function stopFlags(cache: Cache, options: StopFlagsOptions = {}): StopFlags {
  const { ttlMs = 86_400_000 } = options;
  const flags = cache.scoped({ prefix: "stop-flags" });
  return {
    stop: (runId) => flags.set(runId, true, { ttlMs }),
    check: async ({ runId }) => (await flags.get(runId)) === true,
  };
}
