import { ConfigError } from "millrace";
import type { ScopePath } from "./scope-path.ts";

/** The scope of a cache in the current async context. */
export interface ScopeContext {
  current(): ScopePath | undefined;
  run<T>(path: ScopePath, callback: () => T): T;
}

/** @throws ConfigError where the runtime has no `node:async_hooks` */
export function scopeContext(): ScopeContext {
  // Asked for when it is needed: everything else works in a browser too.
  const hooks = globalThis.process?.getBuiltinModule?.("node:async_hooks");
  if (!hooks) {
    throw new ConfigError("inScope", "needs node:async_hooks, which this runtime does not have; use scoped() instead");
  }
  const storage = new hooks.AsyncLocalStorage<ScopePath>();
  return { current: () => storage.getStore(), run: (path, callback) => storage.run(path, callback) };
}
