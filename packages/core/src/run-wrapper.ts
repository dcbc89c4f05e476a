import type { Hooks } from "./hooks.ts";
import type { Model } from "./model.ts";
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
