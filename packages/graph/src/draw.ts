import type { DecisionOutline, ModuleOutline, NodeOutline, NodeStatus } from "./events.ts";
import type { GraphAgent } from "./graph-agent.ts";
import { outlineOf } from "./outline.ts";
import type { GraphView } from "./reduce-graph.ts";

/** Fill and line. */
const colours: Readonly<Record<NodeStatus, readonly [fill: string, line: string]>> = {
  waiting: ["#f5f5f5", "#8a8a8a"],
  running: ["#dbeafe", "#2563eb"],
  complete: ["#dcfce7", "#16a34a"],
  failed: ["#fee2e2", "#dc2626"],
  blocked: ["#ffedd5", "#ea580c"],
  skipped: ["#ffffff", "#c4c4c4"],
  stopped: ["#fef9c3", "#ca8a04"],
};

type Drawn = Pick<GraphView, "name"> & { readonly nodes: readonly (NodeOutline & { readonly status?: NodeStatus })[] };

/** A node with its id in the drawing, and the ids of what is in it. */
interface Box {
  readonly id: string;
  readonly label: string;
  readonly boxes: readonly Box[];
  readonly status?: NodeStatus | undefined;
}

interface Edge {
  readonly from: Box;
  readonly to: Box;
  /** Of a way on from a flow control. */
  readonly way?: DecisionOutline;
}

/**
 * A graph as a text in Mermaid's language: boxes for nodes, frames for those of several modules, lines for dependencies,
 * dotted ones for the ways of flow controls with their conditions. Of a view also where each node stands, by colours.
 *
 * @example
 * ```ts
 * import { GraphAgent, node, toMermaid } from "@millrace/graph";
 *
 * const graph = new GraphAgent({ name: "g", nodes: [node({ name: "a", modules: [() => 1] })] });
 * console.log(toMermaid(graph));
 * ```
 */
export function toMermaid(graph: GraphAgent | GraphView): string {
  const { boxes, edges, isLive } = layOut(graph);
  const lines = ["flowchart TD", ...boxes.flatMap((box) => mermaidBox(box, "  "))];
  for (const { from, to, way } of edges) {
    const label = way && mermaidText(way.isDefault ? "default" : (way.label ?? "always"));
    lines.push(`  ${from.id} ${label === undefined ? "-->" : `-. "${label}" .->`} ${to.id}`);
  }
  if (isLive) {
    for (const [status, [fill, line]] of Object.entries(colours)) {
      lines.push(`  classDef ${status} fill:${fill},stroke:${line},color:#111111`);
    }
    lines.push(...boxes.map(({ id, status = "waiting" }) => `  class ${id} ${status}`));
  }
  return `${lines.join("\n")}\n`;
}

/** The same as {@link toMermaid} in DOT, the language of Graphviz. */
export function toDot(graph: GraphAgent | GraphView): string {
  const { name, boxes, edges, isLive } = layOut(graph);
  const lines = [
    `digraph ${dotText(name)} {`,
    "  compound=true; rankdir=TB;",
    '  node [shape=box, style="rounded,filled", fillcolor="#ffffff", fontname="sans-serif"];',
    '  edge [fontname="sans-serif", fontsize=10];',
    ...boxes.flatMap((box) => dotBox(box, "  ", isLive)),
  ];
  for (const { from, to, way } of edges) {
    const attributes = [
      ...(from === to ? [] : framesOf(from, to)),
      ...(way ? ["style=dashed", "constraint=false"] : []),
      ...(way?.isDefault ? ["color=blue"] : []),
      ...(way ? [`label=${dotText(way.isDefault ? "default" : (way.label ?? "always"))}`] : []),
    ];
    const suffix = attributes.length > 0 ? ` [${attributes.join(", ")}]` : "";
    lines.push(`  ${dotText(innermost(from).id)} -> ${dotText(innermost(to).id)}${suffix};`);
  }
  return `${[...lines, "}"].join("\n")}\n`;
}

/** A line ends at a frame by beginning within it. */
function framesOf(from: Box, to: Box): string[] {
  return [
    ...(from.boxes.length > 0 ? [`ltail=${dotText(`cluster_${from.id}`)}`] : []),
    ...(to.boxes.length > 0 ? [`lhead=${dotText(`cluster_${to.id}`)}`] : []),
  ];
}

function layOut(graph: GraphAgent | GraphView): { name: string; boxes: Box[]; edges: Edge[]; isLive: boolean } {
  const isLive = "status" in graph;
  const drawn: Drawn = isLive ? graph : { name: graph.name, nodes: graph.nodes.map((node) => outlineOf(node)) };
  const boxes = new Map(drawn.nodes.map((node, index) => [node.name, boxOf(node, `n${index}`)]));
  const edges: Edge[] = [];
  const add = (from: string, to: string, way?: DecisionOutline): void => {
    const ends = { from: boxes.get(from), to: boxes.get(to) };
    if (ends.from && ends.to) edges.push({ from: ends.from, to: ends.to, ...(way && { way }) });
  };
  for (const { name, dependencies } of drawn.nodes) for (const dependency of dependencies) add(dependency, name);
  for (const { name, decisions = [] } of drawn.nodes) for (const way of decisions) add(name, way.next, way);
  return { name: drawn.name, boxes: [...boxes.values()], edges, isLive };
}

function boxOf({ name, condition, modules, status }: Drawn["nodes"][number], id: string): Box {
  const label = condition === undefined ? name : `${name}\nif ${condition}`;
  return { id, label, boxes: moduleBoxes(modules, id), status };
}

function moduleBoxes(modules: readonly ModuleOutline[] | undefined, id: string): Box[] {
  return (modules ?? []).map((module, index) => {
    const inner = `${id}_${index}`;
    return { id: inner, label: module.name, boxes: moduleBoxes(module.modules, inner) };
  });
}

function innermost(box: Box): Box {
  const [first] = box.boxes;
  return first ? innermost(first) : box;
}

function mermaidBox({ id, label, boxes }: Box, indent: string): string[] {
  const text = mermaidText(label);
  if (boxes.length === 0) return [`${indent}${id}["${text}"]`];
  const inner = boxes.flatMap((box) => mermaidBox(box, `${indent}  `));
  return [`${indent}subgraph ${id}["${text}"]`, ...inner, `${indent}end`];
}

function dotBox({ id, label, boxes, status = "waiting" }: Box, indent: string, isLive: boolean): string[] {
  const [fill, line] = colours[status];
  const look = isLive ? [`color=${dotText(line)}`, `fillcolor=${dotText(fill)}`] : [];
  if (boxes.length === 0) return [`${indent}${dotText(id)} [${[`label=${dotText(label)}`, ...look].join(", ")}];`];
  const inner = boxes.flatMap((box) => dotBox(box, `${indent}  `, false));
  const frame = [`label=${dotText(label)}`, 'style="rounded,filled"', ...(isLive ? look : ['fillcolor="#f8f8f8"'])];
  return [`${indent}subgraph ${dotText(`cluster_${id}`)} {`, `${indent}  ${frame.join("; ")};`, ...inner, `${indent}}`];
}

/** Within Mermaid's quotes: what may have a meaning there is written by its number. */
function mermaidText(text: string): string {
  return printable(text)
    .replaceAll(/[^\p{L}\p{M}\p{N}\n _.,/=()+-]/gu, (sign) => `#${sign.codePointAt(0)};`)
    .replaceAll("\n", "<br>");
}

function dotText(text: string): string {
  const escaped = printable(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("&", "&amp;");
  return `"${escaped.replaceAll("\n", "\\n")}"`;
}

/** Without what no drawing can hold: control characters and half characters. */
function printable(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/\r\n?/g, "\n")
    .replaceAll(/[^\P{Cc}\n]|\p{Noncharacter_Code_Point}/gu, "\ufffd");
}
