import { ConfigError } from "millrace";
import { type Check, fields, flag, text } from "millrace/runs";
import { isTrue } from "./condition.ts";
import { checkDecisions, type Decision, type Module, type ModuleContext, type Outcome, outcome } from "./module.ts";

/** Options of {@link flowControl}. */
export interface FlowControlOptions {
  /** Default: `flow-control`. */
  name?: string;
  /** Asked in this order; the first one whose condition is true, or that has none, is taken. */
  decisions: readonly Decision[];
  /** The node to go to when none is taken. Default: the plan goes on, as if there were no flow control. */
  default?: string;
  /** Whether to clean up when none is taken; without a `default` that means all nodes. Default: true. */
  cleanupOnDefault?: boolean;
}

const checkOptions = fields({
  name: text,
  decisions: checkDecisions,
  default: text,
  cleanupOnDefault: flag,
} satisfies Record<keyof FlowControlOptions, Check>);

/**
 * A module that decides where the graph goes on, from the values of the task's cache. A jump goes back or forth, to any
 * node of the graph, when all nodes of the step are done; from there on that node and all that depends on it run.
 *
 * @example
 * ```ts
 * import { flowControl, node } from "@millrace/graph";
 *
 * const check = node({
 *   name: "check",
 *   dependencies: ["write"],
 *   modules: [
 *     flowControl({
 *       decisions: [{ next: "write", condition: ({ score }) => Number(score) < 8, cleanup: true }],
 *       cleanupOnDefault: false,
 *     }),
 *   ],
 * });
 * ```
 *
 * @throws {@link ConfigError} naming the option that cannot work
 */
export function flowControl(options: FlowControlOptions): Module {
  checkOptions(options, "flowControl");
  const { name = "flow-control", decisions, default: otherwise } = options;
  if (!decisions) throw new ConfigError("flowControl.decisions", "is required");
  return {
    name,
    kind: "flow-control",
    decisions,
    ...(otherwise !== undefined && { default: otherwise }),
    run: (context) => decide(options, context),
  };
}

async function decide(options: FlowControlOptions, { cache, signal }: ModuleContext): Promise<Outcome> {
  const { decisions, default: otherwise, cleanupOnDefault = true } = options;
  for (const { next, condition, metadata, conditionVariables = [], cleanup = false } of decisions) {
    if (condition) {
      if (!(await isTrue(condition, cache, signal))) continue;
      for (const key of conditionVariables) await cache.delete(key);
    }
    return outcome({ result: next, next, cleanup, ...(metadata && { metadata }) });
  }
  const next = otherwise === undefined ? {} : { next: otherwise };
  return outcome({ result: otherwise ?? null, ...next, cleanup: cleanupOnDefault });
}
