import { type GraphEvent, type GraphView, initialGraphState, type NodeOutline, reduceGraph } from "@millrace/graph";
import type { Row } from "../inspect/rows.ts";
import type { RunModel } from "./run-model.ts";

/** What a page shows of a graph's run. Grows as its rows come. */
export interface GraphModel {
  view: GraphView;
  /** The rows that tell of a node, by its name. */
  readonly rows: Map<string, Row[]>;
  /** Whether there are more nodes than the row of the start holds. */
  readonly isCut: boolean;
}

/** Folds a row into the graph of its run, where it is one of a graph. */
export function readGraphRow(run: RunModel, row: Row): void {
  if (row.type === "graph-start") run.graph = { view: initialGraphState, rows: new Map(), isCut: row.isCut ?? false };
  const { graph } = run;
  if (!graph) return;
  const { node } = row.event;
  if (typeof node === "string") {
    const rows = graph.rows.get(node);
    if (rows) rows.push(row);
    else graph.rows.set(node, [row]);
  }
  const event: object = { ...row.event, type: row.type, run: run.facts };
  if (isGraphEvent(event)) graph.view = reduceGraph(graph.view, event);
}

/** Whether it has what the reducer reads; what is long was cut. */
function isGraphEvent(event: object & { type?: unknown; nodes?: unknown }): event is GraphEvent {
  switch (event.type) {
    case "graph-start":
    case "nodes-added":
      return Array.isArray(event.nodes) && event.nodes.every(isOutline);
    case "final":
      return typeof event.nodes === "object" && event.nodes !== null;
    default:
      return typeof event.type === "string" && event.type.startsWith("node-");
  }
}

function isOutline(value: unknown): value is NodeOutline {
  const { name, dependencies, decisions = [] } = Object(value);
  return (
    typeof name === "string" && [dependencies, decisions].every((list) => Array.isArray(list) && !list.includes("…"))
  );
}
