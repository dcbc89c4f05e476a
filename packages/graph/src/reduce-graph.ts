import type { GraphEvent, GraphStopReason, NodeOutline, NodeStatus } from "./events.ts";

/** What can be shown of a graph: drawn by `toMermaid()` and `toDot()`, or by a page. Plain data. */
export interface GraphView {
  /** The graph's name. */
  readonly name: string;
  readonly status: "waiting" | "running" | GraphStopReason;
  /** In the order in which the graph has them. */
  readonly nodes: readonly NodeView[];
}

/** What can be shown of a node. */
export interface NodeView extends NodeOutline {
  readonly status: NodeStatus;
  /** How often it has been visited in this run. */
  readonly visits: number;
}

/** Nothing has happened yet. */
export const initialGraphState: GraphView = { name: "", status: "waiting", nodes: [] };

/**
 * Folds the events of a graph's run into what can be shown. Pure; events of other kinds change nothing.
 *
 * @example
 * ```ts
 * import { type GraphRun, initialGraphState, reduceGraph, toMermaid } from "@millrace/graph";
 *
 * async function show(run: GraphRun): Promise<void> {
 *   let view = initialGraphState;
 *   for await (const event of run) view = reduceGraph(view, event);
 *   console.log(toMermaid(view));
 * }
 * ```
 */
export function reduceGraph(state: GraphView, event: GraphEvent): GraphView {
  switch (event.type) {
    case "graph-start":
      return { name: event.run.agentName, status: "running", nodes: event.nodes.map(viewOf) };
    case "node-start":
      return withNode(state, event.node, { status: "running", visits: event.visit });
    case "node-result":
      return withNode(state, event.node, { status: "complete" });
    case "node-failed":
      return withNode(state, event.node, { status: isStop(event.error) ? "stopped" : "failed" });
    case "node-skipped":
      return withNode(state, event.node, { status: "skipped" });
    case "node-blocked":
      return withNode(state, event.node, { status: "blocked" });
    case "nodes-added":
      return withAdded(state, event.node, event.nodes);
    case "final":
      return {
        ...state,
        status: event.stopReason,
        nodes: state.nodes.map((node) => ({ ...node, status: event.nodes[node.name]?.status ?? node.status })),
      };
    default:
      return state;
  }
}

function viewOf(outline: NodeOutline): NodeView {
  return { ...outline, status: outline.status ?? "waiting", visits: 0 };
}

function withNode(state: GraphView, name: string, change: Partial<NodeView>): GraphView {
  const at = state.nodes.findIndex((node) => node.name === name);
  const node = state.nodes[at];
  return node ? { ...state, nodes: state.nodes.with(at, { ...node, ...change }) } : state;
}

/** New nodes stand between the one that added them and those that depend on it. */
function withAdded(state: GraphView, creator: string, added: readonly NodeOutline[]): GraphView {
  const names = added.map(({ name }) => name);
  const nodes = state.nodes.map((node) =>
    node.dependencies.includes(creator) ? { ...node, dependencies: [...node.dependencies, ...names] } : node,
  );
  return { ...state, nodes: [...nodes, ...added.map(viewOf)] };
}

/** Of an error, or of what a wire has left of it. */
function isStop(error: Error): boolean {
  return "kind" in error && error.kind === "stopped";
}
