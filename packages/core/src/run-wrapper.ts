import type { RunStart } from "./events.ts";
import { HookRunner, type Hooks } from "./hooks.ts";
import type { Model } from "./model.ts";
import { type RunState, runOf } from "./run-state.ts";
import type { Bound } from "./runtime.ts";
import type { Tool } from "./tool.ts";

/** What an agent's `wrap` puts around one run. */
export interface RunWrapper {
  /** Goes around the model of each request, outside of the agent's timeouts and retries. */
  readonly model?: (model: Model) => Model;
  /** Goes around each tool that is on offer in a turn. */
  readonly tool?: (tool: Tool) => Tool;
  /** Calls what the run calls (its model, tools and questions): in an async context of the run's own, for one. */
  readonly call?: Bound;
  /** Told of every event after `run-start`, behind the run's other hooks. */
  readonly hooks?: Hooks;
}

/** Puts around a run what its `wrap` gives, or that of the run above it. */
export function wrapRun(run: RunState, start: RunStart): void {
  const { wrap, signal } = run.options;
  const wrapWith = wrap ?? (signal && runOf.get(signal)?.wrappedBy);
  if (!wrapWith) return;
  const { bound } = run;
  run.wrappedBy = wrapWith;
  run.wrapper = bound(() => wrapWith(start));
  const { call, hooks } = run.wrapper;
  if (call) run.bound = (callback) => bound(() => call(callback));
  if (!hooks) return;
  run.hooks ??= new HookRunner([], bound);
  run.hooks.add(hooks);
}
