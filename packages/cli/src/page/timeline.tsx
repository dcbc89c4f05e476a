import { type KeyboardEvent, type ReactElement, useRef } from "react";
import { duration, errorText, json } from "./format.ts";
import { type FileModel, type RunModel, statusOf, type ToolCall, type Turn } from "./run-model.ts";
import { isSame, type Selection } from "./selection.ts";

interface Bar {
  readonly from: number;
  readonly to: number;
  readonly kind: string;
}

interface Item {
  readonly key: string;
  readonly depth: number;
  readonly label: string;
  /** Beside the label: what a call was asked for. */
  readonly hint: string;
  readonly kind: "turn" | "call" | "agent";
  readonly bars: readonly Bar[];
  readonly marks: readonly { readonly at: number; readonly title: string }[];
  readonly ms: number | undefined;
  readonly state: string;
  readonly selection: Selection;
}

/** Turns and tools of a run as bars over time, those of sub-agents under the call that they serve. */
export function Timeline({
  model,
  run,
  now,
  selection,
  onSelect,
}: {
  model: FileModel;
  run: RunModel;
  now: number;
  selection: Selection | undefined;
  onSelect: (selection: Selection) => void;
}): ReactElement {
  const list = useRef<HTMLDivElement>(null);
  const end = statusOf(run, now) === "running" ? now : run.lastAt;
  const items = itemsOf(model, run, end, 0);
  const from = run.startAt;
  const span = Math.max(1, end - from);
  const step = tick(span);
  const ticks = Array.from({ length: Math.floor(span / step) + 1 }, (_, index) => index * step);
  const place = (at: number): string => `${(Math.min(Math.max(at - from, 0), span) / span) * 100}%`;
  const move = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const at = items.findIndex((item) => isSame(selection, item.selection));
    const next = items[Math.min(Math.max(at + by, 0), items.length - 1)];
    if (!next) return;
    onSelect(next.selection);
    list.current?.querySelectorAll("button")[items.indexOf(next)]?.focus();
  };
  return (
    <section className="timeline" aria-label="Timeline">
      <div className="axis" aria-hidden="true">
        <div className="track">
          {ticks.map((ms) => (
            <span key={ms} style={{ left: place(from + ms) }}>
              {duration(ms)}
            </span>
          ))}
        </div>
      </div>
      <div className="items" ref={list} onKeyDown={move} role="listbox" aria-label="Turns and tools" tabIndex={-1}>
        {items.map((item) => (
          <button
            type="button"
            role="option"
            key={item.key}
            className={`item ${item.kind} ${item.state}`}
            aria-selected={isSame(selection, item.selection)}
            onClick={() => onSelect(item.selection)}
          >
            <span
              className="label"
              style={{ paddingLeft: `${item.depth * 14}px` }}
              title={`${item.label} ${item.hint}`}
            >
              {item.label} <small>{item.hint}</small>
            </span>
            <span className="track">
              {item.bars.map((bar) => (
                <span
                  key={`${bar.kind} ${bar.from}`}
                  className={`bar ${bar.kind}`}
                  style={{ left: place(bar.from), right: `calc(100% - ${place(bar.to)})` }}
                />
              ))}
              {item.marks.map((mark) => (
                <span key={mark.at} className="mark" style={{ left: place(mark.at) }} title={mark.title} />
              ))}
            </span>
            <span className="ms">{item.ms === undefined ? "…" : duration(item.ms)}</span>
          </button>
        ))}
        {items.length === 0 && <p className="hint">No turn has begun.</p>}
      </div>
    </section>
  );
}

function itemsOf(model: FileModel, run: RunModel, end: number, depth: number): Item[] {
  if (run.graph) return run.calls.flatMap((call) => callItems(model, run, call, end, depth));
  return run.turns.flatMap((turn, index) => [
    turnItem(run, turn, index, end, depth),
    ...turn.calls.flatMap((call) => callItems(model, run, call, end, depth + 1)),
  ]);
}

function turnItem(run: RunModel, turn: Turn, index: number, end: number, depth: number): Item {
  // A log that was cut may tell of the tools without the message that asked for them.
  const told = turn.answeredAt ?? turn.calls[0]?.startAt ?? turn.endAt;
  const isOver = told !== undefined || run.final !== undefined;
  const answered = told ?? (run.final ? run.lastAt : end);
  const first = Math.min(turn.firstAt ?? answered, answered);
  return {
    key: `${run.id} turn ${index}`,
    depth,
    kind: "turn",
    label: depth === 0 ? `Turn ${turn.number}` : `${run.facts.agentName ?? "agent"} · turn ${turn.number}`,
    hint: "",
    bars: [
      { from: turn.startAt, to: first, kind: "waiting" },
      { from: first, to: answered, kind: "model" },
    ],
    marks: turn.retries.map((row) => ({
      at: row.at ?? turn.startAt,
      title: `${row.type}: ${errorText(row.event["error"])}`,
    })),
    ms: isOver ? answered - turn.startAt : undefined,
    state: turn.retries.length > 0 ? "retried" : "",
    selection: { kind: "turn", runId: run.id, index },
  };
}

function callItems(model: FileModel, run: RunModel, call: ToolCall, end: number, depth: number): Item[] {
  const subRuns = call.subRunIds.flatMap((id) => model.runs.get(id) ?? []);
  const to = call.endAt ?? (run.final ? run.lastAt : end);
  const index = run.calls.indexOf(call);
  const item: Item = {
    key: `${run.id} call ${index}`,
    depth,
    kind: subRuns.length > 0 ? "agent" : "call",
    label: call.name,
    hint: valuesOf((call.start ?? call.end)?.event["args"]),
    bars: [{ from: call.startAt, to, kind: `tool ${call.state}${subRuns.length > 0 ? " agent" : ""}` }],
    marks: [],
    ms: call.endAt === undefined ? undefined : call.endAt - call.startAt,
    state: call.state,
    selection: { kind: "call", runId: run.id, index },
  };
  return [item, ...subRuns.flatMap((subRun) => itemsOf(model, subRun, Math.min(end, to), depth + 1))];
}

/** The values of arguments, in few words. */
function valuesOf(args: unknown): string {
  if (typeof args !== "object" || args === null) return "";
  return Object.values(args).map(json).join(", ").slice(0, 80);
}

/** A round distance of ticks, so that there are between four and nine. */
function tick(span: number): number {
  const rough = span / 8;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((each) => each * power >= rough) ?? 10;
  return factor * power;
}
