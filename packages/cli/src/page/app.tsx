import { type ReactElement, type ReactNode, useEffect, useState, useSyncExternalStore } from "react";
import type { FileFacts } from "../inspect/rows.ts";
import { Details } from "./details.tsx";
import { EventList } from "./event-list.tsx";
import { type FileList, FileSource, type FileState, fetchFiles } from "./file-source.ts";
import { bytes, clock, dollars, duration, errorText, modelName, number } from "./format.ts";
import { GraphDrawing } from "./graph-drawing.tsx";
import { costOf, type RunModel, rootRuns, runTokens, statusOf } from "./run-model.ts";
import type { Selection } from "./selection.ts";
import { Timeline } from "./timeline.tsx";

/** The page. */
export function App(): ReactElement {
  const [list, failure] = useFiles();
  const [chosen, setChosen] = useState(() => new URLSearchParams(location.hash.slice(1)).get("file") ?? undefined);
  const known = list?.files.some(({ name }) => name === chosen);
  const file = known ? chosen : list?.files[0]?.name;
  const choose = (name: string): void => {
    setChosen(name);
    history.replaceState(null, "", `#${new URLSearchParams({ file: name })}`);
  };
  if (failure && !list) return <Empty title="The inspector has ended">{failure}</Empty>;
  if (!list) return <Empty title="Millrace inspector">Loading …</Empty>;
  if (file === undefined) {
    return (
      <Empty title="No runs yet">
        There is no .jsonl file in {list.title}. Record some with <code>recordRuns()</code>, or with{" "}
        <code>millrace chat --record run.jsonl</code>; they appear here by themselves.
      </Empty>
    );
  }
  return (
    <div className={list.isFolder ? "app with-files" : "app"}>
      {list.isFolder && <Files list={list} file={file} onChoose={choose} />}
      <FileView key={file} file={file} isLost={failure !== undefined} />
    </div>
  );
}

function Empty({ title, children }: { title: string; children: ReactNode }): ReactElement {
  return (
    <main className="empty">
      <h1>{title}</h1>
      <p>{children}</p>
    </main>
  );
}

/** Asked again every two seconds: new runs appear. */
function useFiles(): [FileList | undefined, string | undefined] {
  const [list, setList] = useState<FileList>();
  const [failure, setFailure] = useState<string>();
  useEffect(() => {
    let timer = 0;
    let isOver = false;
    const ask = async (): Promise<void> => {
      try {
        const files = await fetchFiles();
        if (isOver) return;
        setList(files);
        setFailure(undefined);
      } catch (error) {
        if (!isOver) setFailure(String(error));
      }
      if (!isOver) timer = window.setTimeout(() => void ask(), 2000);
    };
    void ask();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, []);
  return [list, failure];
}

function Files({
  list,
  file,
  onChoose,
}: {
  list: FileList;
  file: string;
  onChoose: (name: string) => void;
}): ReactElement {
  return (
    <nav className="files" aria-label="Runs">
      <h2 title={list.title}>{list.title.split(/[\\/]/).at(-1)}</h2>
      <ul>
        {list.files.map((each) => (
          <li key={each.name}>
            <button type="button" aria-current={each.name === file} onClick={() => onChoose(each.name)}>
              <FileEntry file={each} />
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function FileEntry({ file }: { file: FileFacts }): ReactElement {
  const state = file.stopReason ?? "open";
  return (
    <>
      <span className="file-name">
        <span className={`dot ${state}`} title={state} />
        {file.agentName ?? file.name}
      </span>
      <span className="file-facts">
        {clock(file.changedAt)} · {bytes(file.size)}
        {file.chatId && ` · ${file.chatId}`}
      </span>
    </>
  );
}

function FileView({ file, isLost }: { file: string; isLost: boolean }): ReactElement {
  const state = useFile(file);
  const now = useNow();
  const [runId, setRunId] = useState<string>();
  const [selection, setSelection] = useState<Selection>();
  if (!state) return <main className="main" />;
  const roots = rootRuns(state.model);
  const run = (runId === undefined ? undefined : state.model.runs.get(runId)) ?? roots.at(-1);
  const chooseRun = (id: string): void => {
    setRunId(id);
    setSelection(undefined);
  };
  return (
    <main className="main">
      <Header state={state} run={run} now={now} isLost={isLost} />
      {roots.length > 1 && <RunTabs runs={roots} current={run} now={now} onChoose={chooseRun} />}
      <Notices state={state} run={run} onSelect={setSelection} />
      <div className="panes">
        <div className="left">
          {run?.graph && <GraphDrawing graph={run.graph} selection={selection} onSelect={setSelection} />}
          {run && <Timeline model={state.model} run={run} now={now} selection={selection} onSelect={setSelection} />}
          <EventList state={state} run={run} selection={selection} onSelect={setSelection} />
        </div>
        {run && <Details file={file} model={state.model} run={run} selection={selection} onSelect={setSelection} />}
      </div>
    </main>
  );
}

function useFile(file: string): FileState | undefined {
  const [source, setSource] = useState<FileSource>();
  useEffect(() => {
    const opened = new FileSource(file);
    setSource(opened);
    return () => opened.close();
  }, [file]);
  return useSyncExternalStore(source?.subscribe ?? nothing, source?.snapshot ?? (() => undefined));
}

const nothing = (): (() => void) => () => {};

/** The time, four times a second: bars of what runs grow. */
function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, []);
  return now;
}

function Header({
  state,
  run,
  now,
  isLost,
}: {
  state: FileState;
  run: RunModel | undefined;
  now: number;
  isLost: boolean;
}): ReactElement {
  const status = run ? statusOf(run, now) : "empty";
  const facts = run?.facts;
  return (
    <header className="header">
      <div className="title">
        <h1>{facts?.agentName ?? state.file}</h1>
        <span className={`badge ${status}`}>{status}</span>
        <span className="where">
          {facts?.userId !== undefined && `user ${facts.userId} · chat ${facts.chatId} · `}
          {state.file}
        </span>
        <span className="grow" />
        <span className={state.isConnected && !isLost ? "live" : "live lost"} role="status">
          {state.isConnected && !isLost
            ? state.read < state.size
              ? `reading ${bytes(state.read)} of ${bytes(state.size)}`
              : "live"
            : "connection lost"}
        </span>
      </div>
      {run && <Figures run={run} now={now} />}
    </header>
  );
}

function Figures({ run, now }: { run: RunModel; now: number }): ReactElement {
  const tokens = runTokens(run);
  const end = run.final ? run.lastAt : statusOf(run, now) === "running" ? now : run.lastAt;
  const told = Number(run.final?.event["durationMs"]);
  const costs = run.turns.flatMap(({ end: row }) => costOf(row) ?? []);
  const cost = costOf(run.final) ?? (costs.length > 0 ? costs.reduce((sum, each) => sum + each, 0) : undefined);
  const first = run.turns.find(({ firstAt }) => firstAt !== undefined);
  const models = new Set(run.turns.map(({ start }) => modelName(start.event["model"])));
  const about = tokens?.isEstimated ? "≈ " : "";
  return (
    <dl className="figures">
      <Figure name="model">{[...models].join(", ") || "–"}</Figure>
      <Figure name="duration">{duration(Number.isFinite(told) ? told : end - run.startAt)}</Figure>
      <Figure name="first token" title="From the first request to the first of its answer">
        {first?.firstAt === undefined ? "–" : duration(first.firstAt - first.startAt)}
      </Figure>
      <Figure name="turns">{run.turns.length}</Figure>
      <Figure name={run.graph ? "modules" : "tools"}>{run.calls.length}</Figure>
      <Figure name="tokens in" title="Those read from the provider's cache in brackets">
        {tokens
          ? `${about}${number(tokens.input)}${tokens.cacheRead > 0 ? ` (${number(tokens.cacheRead)})` : ""}`
          : "–"}
      </Figure>
      <Figure name="tokens out" title="Reasoning in brackets">
        {tokens
          ? `${about}${number(tokens.output)}${tokens.reasoning > 0 ? ` (${number(tokens.reasoning)})` : ""}`
          : "–"}
      </Figure>
      <Figure name="cost" title={cost === undefined ? "Costs are counted for agents with a budget and its prices" : ""}>
        {cost === undefined ? "–" : dollars(cost)}
      </Figure>
    </dl>
  );
}

function Figure({ name, title, children }: { name: string; title?: string; children: ReactNode }): ReactElement {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function RunTabs({
  runs,
  current,
  now,
  onChoose,
}: {
  runs: readonly RunModel[];
  current: RunModel | undefined;
  now: number;
  onChoose: (id: string) => void;
}): ReactElement {
  return (
    <nav className="runs" aria-label="Runs of this file">
      {runs.map((run, index) => (
        <button type="button" key={run.id} aria-current={run === current} onClick={() => onChoose(run.id)}>
          <span className={`dot ${statusOf(run, now)}`} />
          {index + 1} · {clock(run.startAt)}
        </button>
      ))}
    </nav>
  );
}

/** What must not be overlooked: why the run failed, and what of the file cannot be read. */
function Notices({
  state,
  run,
  onSelect,
}: {
  state: FileState;
  run: RunModel | undefined;
  onSelect: (selection: Selection) => void;
}): ReactElement {
  const { problems } = state.model;
  const { final } = run ?? {};
  const error: unknown = final?.event["error"];
  const lines = problems.slice(0, 5);
  return (
    <div className="notices" aria-live="polite">
      {state.failure && <p className="notice error">{state.failure}</p>}
      {final && error !== undefined && (
        <button type="button" className="notice error" onClick={() => onSelect({ kind: "row", row: final })}>
          <strong>The run failed.</strong> {errorText(error)}
        </button>
      )}
      {lines.map((row) => (
        <button type="button" className="notice warning" key={row.line} onClick={() => onSelect({ kind: "row", row })}>
          <strong>Line {number(row.line)}</strong> {row.problem}
        </button>
      ))}
      {problems.length > 5 && (
        <p className="notice warning">
          {number(problems.length - 5)} more lines are damaged; the filter (damaged) lists them.
        </p>
      )}
      {state.isIdle && state.open && state.open.text.trim() !== "end" && (
        <p className="notice warning">
          <strong>Line {number(state.open.line)}</strong> has no end: it was cut, or is still being written.{" "}
          <code>{state.open.text.slice(0, 120)}</code>
        </p>
      )}
    </div>
  );
}
