import { type Agent, MillraceError } from "millrace";
import { isObject } from "millrace/runs";
import type { Module, ModuleContext } from "./module.ts";

/** Options of {@link agentModule}; all but the first two are those of a {@link Module}. */
export interface AgentModuleOptions extends Omit<Module, "name" | "run" | "kind" | "agent" | "decisions" | "default"> {
  /** Default: the agent's name. */
  name?: string;
  /**
   * What the agent is asked. Default: the task's objective, and below it what the node's dependencies gave, as
   * JSON.
   */
  prompt?: (context: ModuleContext) => string | Promise<string>;
  /** Whether it remembers what was said in earlier visits of its node in the run. Default: true. */
  remembers?: boolean;
}

/**
 * An agent as a module: its events arrive as `sub-agent` events, its usage counts in the graph's, and its last text (with
 * an `output` schema its object) is the result. An agent in a node's list of modules is the same with all defaults.
 *
 * @example
 * ```ts
 * import { agentModule, node } from "@millrace/graph";
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 *
 * const writer = new Agent({ name: "writer", model: echoModel() });
 * const draft = node({
 *   name: "draft",
 *   modules: [agentModule(writer, { prompt: ({ task }) => `Write: ${task.objective}` })],
 * });
 * ```
 */
export function agentModule(agent: Agent, options: AgentModuleOptions = {}): Module {
  const { name = agent.name.replaceAll("/", "_"), prompt = describeTask, remembers = true, ...rest } = options;
  return {
    ...rest,
    name,
    kind: "agent",
    agent: { agent, prompt, remembers },
    run() {
      throw new MillraceError("an agent in a node is run by the graph");
    },
  };
}

/** By its shape: there may be another copy of the core. */
export function isAgent(part: unknown): part is Agent {
  return isObject(part) && typeof part["respond"] === "function" && typeof part["asTool"] === "function";
}

function describeTask({ task, input }: ModuleContext): string {
  const isEmpty = input === undefined || (isObject(input) && Object.keys(input).length === 0);
  return isEmpty ? task.objective : `${task.objective}\n\n${typeof input === "string" ? input : JSON.stringify(input)}`;
}
