import { type KeyboardEvent, type ReactElement, useEffect, useMemo, useRef, useState } from "react";
import type { Row } from "../inspect/rows.ts";
import { type FileState, fetchFound } from "./file-source.ts";
import { number, summary } from "./format.ts";
import type { RunModel } from "./run-model.ts";
import type { Selection } from "./selection.ts";

const rowHeight = 22;
/** Browsers draw no taller boxes. */
const maxHeight = 15_000_000;

/** All events of the file, as many rows as fit; filtered by type here, searched in the whole file by the server. */
export function EventList({
  state,
  run,
  selection,
  onSelect,
}: {
  state: FileState;
  run: RunModel | undefined;
  selection: Selection | undefined;
  onSelect: (selection: Selection) => void;
}): ReactElement {
  const [type, setType] = useState("");
  const [text, setText] = useState("");
  const [isDeltaHidden, setDeltaHidden] = useState(false);
  const search = useRef<HTMLInputElement>(null);
  const found = useFound(state, text.trim());
  useSlash(search);
  const types = useMemo(() => typesOf(state.rows), [state.rows]);
  const rows = useMemo(
    () =>
      state.rows.filter(
        (row) =>
          (type === "" || row.type === type) &&
          !(isDeltaHidden && row.type.endsWith("-delta")) &&
          (found === undefined || isFound(row, found.lines)),
      ),
    [state.rows, type, isDeltaHidden, found],
  );
  return (
    <section className="events" aria-label="Events">
      <div className="bar-of-tools">
        <h2>Events</h2>
        <select value={type} onChange={(event) => setType(event.target.value)} aria-label="Type of event">
          <option value="">all types</option>
          {types.map(([name, count]) => (
            <option key={name} value={name}>
              {name} ({number(count)})
            </option>
          ))}
        </select>
        <input
          ref={search}
          type="search"
          placeholder="Search the file ( / )"
          aria-label="Search the file"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <label>
          <input type="checkbox" checked={isDeltaHidden} onChange={(event) => setDeltaHidden(event.target.checked)} />
          hide deltas
        </label>
        <span className="grow" />
        <span className="count" role="status">
          {number(rows.length)} of {number(state.rows.length)}
          {found?.isCut && " (the first matches)"}
        </span>
      </div>
      <Rows
        rows={rows}
        start={run?.startAt ?? 0}
        selection={selection}
        onSelect={onSelect}
        isFollowing={!state.isIdle}
      />
    </section>
  );
}

function Rows({
  rows,
  start,
  selection,
  onSelect,
  isFollowing,
}: {
  rows: readonly Row[];
  start: number;
  selection: Selection | undefined;
  onSelect: (selection: Selection) => void;
  isFollowing: boolean;
}): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 400 });
  const isAtEnd = useRef(false);
  const height = Math.min(rows.length * rowHeight, maxHeight);
  // Where there are more rows than a box can be tall, a pixel of scrolling is more than a pixel of rows.
  const scale = height > view.height ? (rows.length * rowHeight - view.height) / (height - view.height) : 1;
  const first = Math.max(0, Math.floor((view.top * scale) / rowHeight) - 4);
  const shown = rows.slice(first, first + Math.ceil(view.height / rowHeight) + 8);
  const current = selection?.kind === "row" ? rows.findIndex(({ line }) => line === selection.row.line) : -1;

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setView({ top: element.scrollTop, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    // Who has scrolled to the end follows what comes.
    if (rows.length > 0 && isAtEnd.current && isFollowing && box.current)
      box.current.scrollTop = box.current.scrollHeight;
  }, [rows.length, isFollowing]);

  const move = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(view.height / rowHeight) - 1);
    const steps: { [key: string]: number } = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -rows.length,
      End: rows.length,
    };
    const by = steps[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const at = Math.min(Math.max(current + by, 0), rows.length - 1);
    const row = rows[at];
    if (!row) return;
    onSelect({ kind: "row", row });
    const top = (at * rowHeight) / scale;
    const element = box.current;
    if (!element) return;
    if (top < element.scrollTop) element.scrollTop = top;
    if (top + rowHeight > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + rowHeight - element.clientHeight;
    }
  };

  return (
    <div
      className="rows"
      ref={box}
      role="listbox"
      aria-label="Events of the file"
      tabIndex={0}
      onKeyDown={move}
      onScroll={({ currentTarget }) => {
        const { scrollTop, clientHeight, scrollHeight } = currentTarget;
        isAtEnd.current = scrollTop + clientHeight > scrollHeight - rowHeight;
        setView({ top: scrollTop, height: clientHeight });
      }}
    >
      <div style={{ height: `${height}px` }}>
        <div style={{ transform: `translateY(${view.top - (view.top * scale - first * rowHeight)}px)` }}>
          {shown.map((row, index) => (
            <div
              key={row.line}
              role="option"
              aria-selected={first + index === current}
              tabIndex={-1}
              className={`row ${kindOf(row)}`}
              onClick={() => onSelect({ kind: "row", row })}
              onKeyDown={() => {}}
            >
              <span className="line">{row.line}</span>
              <span className="at">{row.at === undefined ? "" : `+${((row.at - start) / 1000).toFixed(3)}`}</span>
              <span className="type" style={{ paddingLeft: `${row.path.length * 10}px` }}>
                {row.type}
                {row.lines > 1 && <small> ×{number(row.lines)}</small>}
              </span>
              <span className="summary">{summary(row).slice(0, 300)}</span>
            </div>
          ))}
        </div>
      </div>
      {rows.length === 0 && <p className="hint">No events.</p>}
    </div>
  );
}

/** What the eye should find. */
function kindOf(row: Row): string {
  if (row.problem !== undefined) return "damaged";
  if (row.type === "tool-error" || (row.type === "final" && row.event["error"] !== undefined)) return "failed";
  if (["retry", "model-switched", "context-overflow", "stopped", "budget-exceeded"].includes(row.type)) return "warned";
  return row.type.endsWith("-delta") ? "delta" : "";
}

function typesOf(rows: readonly Row[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const { type, lines } of rows) counts.set(type, (counts.get(type) ?? 0) + lines);
  return [...counts].sort(([a], [b]) => a.localeCompare(b));
}

/** Whether one of the lines that were found, which are in order, is one of the row's. */
function isFound({ line, lines }: Row, found: readonly number[]): boolean {
  let low = 0;
  let high = found.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((found[middle] ?? 0) < line) low = middle + 1;
    else high = middle;
  }
  return (found[low] ?? Number.POSITIVE_INFINITY) < line + lines;
}

interface Found {
  readonly lines: readonly number[];
  readonly isCut: boolean;
}

/** Searches a moment after the last key, and again when the file has grown. */
function useFound({ file, read }: FileState, text: string): Found | undefined {
  const [found, setFound] = useState<Found>();
  useEffect(() => {
    if (text === "") {
      setFound(undefined);
      return;
    }
    const leaving = new AbortController();
    const timer = setTimeout(() => {
      fetchFound(file, text, read, leaving.signal).then(setFound, () => {});
    }, 200);
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [file, read, text]);
  return text === "" ? undefined : found;
}

/** The slash key goes to the search. */
function useSlash(search: { readonly current: HTMLInputElement | null }): void {
  useEffect(() => {
    const listen = (event: globalThis.KeyboardEvent): void => {
      const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
      if (event.key !== "/" || isTyping) return;
      event.preventDefault();
      search.current?.focus();
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, [search]);
}
