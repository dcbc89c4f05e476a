import type { NodeView } from "@millrace/graph";
import { type KeyboardEvent, type ReactElement, useState } from "react";
import { clock, summary } from "./format.ts";
import type { GraphModel } from "./graph-model.ts";
import { isSame, type Selection } from "./selection.ts";

const width = 150;
const height = 36;
const gapX = 56;
const gapY = 16;
const margin = 14;

interface Place {
  readonly node: NodeView;
  readonly x: number;
  readonly y: number;
}

/** The nodes of a graph from left to right, each behind what it depends on, with where it stands; and a node's events. */
export function GraphDrawing({
  graph,
  selection,
  onSelect,
}: {
  graph: GraphModel;
  selection: Selection | undefined;
  onSelect: (selection: Selection) => void;
}): ReactElement {
  const [chosen, setChosen] = useState<string>();
  const places = placesOf(graph.view.nodes);
  const all = [...places.values()];
  const right = Math.max(0, ...all.map(({ x }) => x)) + width + margin;
  const bottom = Math.max(0, ...all.map(({ y }) => y)) + height + margin + 24;
  const rows = chosen === undefined ? [] : (graph.rows.get(chosen) ?? []);
  const choose = (name: string): void => {
    setChosen(name);
    const row = graph.rows.get(name)?.at(-1);
    if (row) onSelect({ kind: "row", row });
  };
  return (
    <section className="graph" aria-label="Graph">
      <div className="drawing">
        {/* biome-ignore lint/a11y/useSemanticElements: a drawing of buttons */}
        <svg width={right} height={bottom} role="group" aria-label="Nodes">
          {all.flatMap((place) => [...dependencyLines(place, places), ...decisionLines(place, places)])}
          {all.map((place) => (
            <NodeBox
              key={place.node.name}
              place={place}
              isChosen={place.node.name === chosen}
              onChoose={() => choose(place.node.name)}
            />
          ))}
        </svg>
      </div>
      {graph.isCut && <p className="hint">The graph has more nodes than are drawn here.</p>}
      {rows.length > 0 && (
        <ul className="node-events" aria-label={`Events of ${chosen}`}>
          {rows.map((row) => (
            <li key={row.line}>
              <button
                type="button"
                aria-current={isSame(selection, { kind: "row", row })}
                onClick={() => onSelect({ kind: "row", row })}
              >
                <small>{row.at === undefined ? "" : clock(row.at)}</small> {row.type}{" "}
                <small>{summary(row).slice(0, 160)}</small>
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function NodeBox({
  place: { node, x, y },
  isChosen,
  onChoose,
}: {
  place: Place;
  isChosen: boolean;
  onChoose: () => void;
}): ReactElement {
  const { name, status, visits, condition } = node;
  const press = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    onChoose();
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: there are no buttons in a drawing
    <g
      className={`node ${status}`}
      role="button"
      tabIndex={0}
      aria-pressed={isChosen}
      aria-label={`${name}, ${status}`}
      transform={`translate(${x} ${y})`}
      onClick={onChoose}
      onKeyDown={press}
    >
      <title>{condition === undefined ? name : `${name}\nif ${condition}`}</title>
      <rect width={width} height={height} rx={5} />
      <text x={10} y={15}>
        {name.length > 20 ? `${name.slice(0, 19)}…` : name}
      </text>
      <text x={10} y={29} className="state">
        {status}
        {visits > 1 && ` · visit ${visits}`}
      </text>
    </g>
  );
}

function dependencyLines({ node, x, y }: Place, places: ReadonlyMap<string, Place>): ReactElement[] {
  return node.dependencies.flatMap((name) => {
    const from = places.get(name);
    if (!from) return [];
    const [startX, startY, endY] = [from.x + width, from.y + height / 2, y + height / 2];
    const middle = (startX + x) / 2;
    const path = `M${startX} ${startY} C${middle} ${startY} ${middle} ${endY} ${x} ${endY}`;
    return [<path key={`${name} ${node.name}`} className="dependency" d={path} />];
  });
}

/** Below the boxes, so that ways back can be told from what depends. */
function decisionLines({ node, x, y }: Place, places: ReadonlyMap<string, Place>): ReactElement[] {
  return (node.decisions ?? []).flatMap(({ next, label, isDefault }, index) => {
    const to = places.get(next);
    if (!to) return [];
    const [startX, startY, endX, endY] = [x + width / 2, y + height, to.x + width / 2, to.y + height];
    const low = Math.max(startY, endY) + 22;
    const words = isDefault ? "default" : (label ?? "always");
    return [
      <path
        // biome-ignore lint/suspicious/noArrayIndexKey: decisions have nothing else that is theirs alone
        key={`${node.name} ${next} ${index}`}
        className={`decision${isDefault ? " default" : ""}`}
        d={`M${startX} ${startY} C${startX} ${low} ${endX} ${low} ${endX} ${endY}`}
      >
        <title>
          {node.name} → {next}: {words}
        </title>
      </path>,
    ];
  });
}

/** A column for each step. */
function placesOf(nodes: readonly NodeView[]): Map<string, Place> {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const levels = new Map<string, number>();
  const levelOf = (name: string): number => {
    const known = levels.get(name);
    if (known !== undefined) return known;
    // A damaged file may have circles.
    levels.set(name, 0);
    const before = byName.get(name)?.dependencies.filter((dependency) => byName.has(dependency)) ?? [];
    const level = Math.max(-1, ...before.map(levelOf)) + 1;
    levels.set(name, level);
    return level;
  };
  const filled: number[] = [];
  return new Map(
    nodes.map((node) => {
      const level = levelOf(node.name);
      const row = filled[level] ?? 0;
      filled[level] = row + 1;
      return [node.name, { node, x: margin + level * (width + gapX), y: margin + row * (height + gapY) }];
    }),
  );
}
