import { type GraphNode, isNode } from "./graph-node.ts";
import type { Turn } from "./node-state.ts";
import type { RunState } from "./run-state.ts";

/**
 * What the modules of a node gave beside their results: remembers where it leads, and adds its new nodes to the plan.
 * Gives those.
 *
 * @throws {@link ConfigError} for nodes that cannot be added
 */
export function takeOutcomes(run: RunState, name: string): readonly GraphNode[] {
  const node = run.plan.nodes.get(name);
  const state = run.node(name);
  state.outcome = undefined;
  if (!node || !state.modules) return [];
  const added: GraphNode[] = [];
  let turn: Turn | undefined;
  for (const path of pathsOf(node)) {
    const given = state.modules.get(path)?.done?.outcome;
    if (!given) continue;
    const { next, cleanup = false, metadata, newNodes = [] } = given.options;
    added.push(...newNodes);
    // Nodes win over a decision of the same module; of several modules the last one counts.
    if (newNodes.length > 0) turn = { cleanup, added: [] };
    else turn = { cleanup, ...(next !== undefined && { next }), ...(metadata && { metadata }) };
  }
  if (added.length > 0) run.plan = run.plan.with(added, name);
  const names = added.map((one) => one.name);
  state.outcome = turn && (added.length > 0 ? { ...turn, added: names } : turn);
  return added;
}

/** The paths of all modules of a node, in their order. */
export function pathsOf(node: GraphNode, prefix = ""): string[] {
  return node.modules.flatMap((part) => {
    const path = `${prefix}${part.name}`;
    return isNode(part) ? pathsOf(part, `${path}/`) : [path];
  });
}
