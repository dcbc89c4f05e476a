import { type ReactElement, type ReactNode, useEffect, useRef, useState } from "react";
import type { Row } from "../inspect/rows.ts";
import { fetchLines, wholeEvent } from "./file-source.ts";
import { bytes, clock, dollars, duration, errorText, modelName, number } from "./format.ts";
import { JsonView } from "./json-view.tsx";
import { MessageView } from "./message-view.tsx";
import { costOf, type FileModel, type RunModel, type ToolCall, type Turn, tokensOf } from "./run-model.ts";
import type { Selection } from "./selection.ts";
import { messageOf, type Sent, sentMessages } from "./sent-messages.ts";

/** What is selected, whole. Nothing selected: the run's end, or its last turn. */
export function Details({
  file,
  model,
  run,
  selection,
  onSelect,
}: {
  file: string;
  model: FileModel;
  run: RunModel;
  selection: Selection | undefined;
  onSelect: (selection: Selection) => void;
}): ReactElement {
  const of = selection && selection.kind !== "row" ? model.runs.get(selection.runId) : undefined;
  let content: ReactNode;
  if (selection?.kind === "row") content = <RowDetails file={file} row={selection.row} />;
  else if (of && selection?.kind === "call") {
    const call = of.calls[selection.index];
    content = call && <CallDetails file={file} call={call} />;
  } else {
    const turnRun = of ?? run;
    const index = selection?.kind === "turn" ? selection.index : turnRun.turns.length - 1;
    const turn = turnRun.turns[index];
    content = turn ? (
      <TurnDetails file={file} run={turnRun} turn={turn} onSelect={onSelect} />
    ) : (
      run.final && <RowDetails file={file} row={run.final} />
    );
  }
  return (
    <aside className="details" aria-label="Details">
      {content ?? <p className="hint">Nothing to show yet.</p>}
    </aside>
  );
}

function TurnDetails({
  file,
  run,
  turn,
  onSelect,
}: {
  file: string;
  run: RunModel;
  turn: Turn;
  onSelect: (selection: Selection) => void;
}): ReactElement {
  const tokens = tokensOf(turn.end);
  const cost = costOf(turn.end);
  const answer = useLoaded(() => turn.answer && messageOf(file, turn.answer), [file, turn.answer?.line]);
  return (
    <>
      <h2>
        Turn {turn.number} <small>{run.facts.agentName}</small>
      </h2>
      <dl className="facts">
        <Fact name="model">{modelName(turn.start.event["model"])}</Fact>
        <Fact name="began">{clock(turn.startAt)}</Fact>
        <Fact name="first token">{turn.firstAt === undefined ? "–" : duration(turn.firstAt - turn.startAt)}</Fact>
        <Fact name="answer">{turn.answeredAt === undefined ? "–" : duration(turn.answeredAt - turn.startAt)}</Fact>
        <Fact name="with tools">{turn.endAt === undefined ? "–" : duration(turn.endAt - turn.startAt)}</Fact>
        <Fact name="finish">{String(turn.end?.event["finishReason"] ?? "–")}</Fact>
        <Fact name="tokens in">
          {tokens
            ? `${tokens.isEstimated ? "≈ " : ""}${number(tokens.input)}`
            : `≈ ${String(turn.start.event["tokens"])}`}
        </Fact>
        {tokens && tokens.cacheRead + tokens.cacheWrite > 0 && (
          <Fact name="cached">
            {number(tokens.cacheRead)} read{tokens.cacheWrite > 0 && `, ${number(tokens.cacheWrite)} written`}
          </Fact>
        )}
        <Fact name="tokens out">{tokens ? number(tokens.output) : "–"}</Fact>
        {tokens && tokens.reasoning > 0 && <Fact name="reasoning">{number(tokens.reasoning)}</Fact>}
        {cost !== undefined && <Fact name="cost">{dollars(cost)}</Fact>}
      </dl>
      {turn.retries.map((row) => (
        <button type="button" className="notice warning" key={row.line} onClick={() => onSelect({ kind: "row", row })}>
          <strong>
            {row.type === "retry" ? `Repeated after ${String(row.event["delayMs"])} ms` : "Another model"}
          </strong>{" "}
          {errorText(row.event["error"])}
        </button>
      ))}
      <h3>Answer</h3>
      {answer ? <MessageView message={answer} /> : <p className="hint">None yet.</p>}
      <SentView file={file} run={run} turn={turn} />
    </>
  );
}

function SentView({ file, run, turn }: { file: string; run: RunModel; turn: Turn }): ReactElement {
  const sent = useLoaded(() => sentMessages(file, run, turn), [file, turn.start.line, run.final?.line]);
  if (!sent) return <h3>Sent to the model</h3>;
  const kept = sent.messages.filter(({ isLeftOut }) => !isLeftOut);
  const leftOut = sent.messages.filter(({ isLeftOut }) => isLeftOut);
  return (
    <>
      <h3>
        Sent to the model <small>{sent.count} messages</small>
      </h3>
      <p className="hint">{explanation(sent, kept.length)}</p>
      {typeof sent.frame?.["instructions"] === "string" && (
        <MessageView message={{ role: "instructions", content: sent.frame["instructions"] }} />
      )}
      {leftOut.length > 0 && (
        <details className="fold">
          <summary>{leftOut.length} messages were left out</summary>
          {leftOut.map(({ number, message }) => (
            <MessageView key={number} message={message} isLeftOut />
          ))}
        </details>
      )}
      {kept.map(({ number, message }) => (
        <MessageView key={number} message={message} />
      ))}
      {sent.frame && <Frame frame={sent.frame} />}
    </>
  );
}

function explanation({ isExact, count }: Sent, known: number): string {
  if (isExact) return "As it was sent, after fitting.";
  const rest = "Instructions and shortened texts are in runs that recordRuns() has recorded.";
  if (known === count) return `Worked out from the events. ${rest}`;
  return `The events tell of ${known} of them: the history is told with the end of a run. ${rest}`;
}

function Frame({ frame }: { frame: { readonly [field: string]: unknown } }): ReactElement {
  const { instructions: _, tools, ...rest } = frame;
  const count = Array.isArray(tools) ? tools.length : 0;
  return (
    <details className="fold">
      <summary>
        {count} {count === 1 ? "tool" : "tools"}, settings
      </summary>
      <JsonView value={{ tools, ...rest }} depth={2} />
    </details>
  );
}

function CallDetails({ file, call }: { file: string; call: ToolCall }): ReactElement {
  const last = call.end ?? call.progress ?? call.start;
  const start = useLoaded(() => call.start && wholeEvent(file, call.start), [file, call.start?.line]);
  const end = useLoaded(() => call.end && wholeEvent(file, call.end), [file, call.end?.line]);
  const error = end?.["error"];
  return (
    <>
      <h2>
        {call.name} <small className={`badge ${call.state}`}>{call.state}</small>
      </h2>
      <dl className="facts">
        <Fact name="began">{clock(call.startAt)}</Fact>
        <Fact name="took">{call.endAt === undefined ? "–" : duration(call.endAt - call.startAt)}</Fact>
        <Fact name="call">{call.callId}</Fact>
      </dl>
      {error !== undefined && (
        <p className="notice error">
          <strong>Failed.</strong> {errorText(error)}
        </p>
      )}
      <h3>Arguments</h3>
      <JsonView value={(start ?? end)?.["args"]} depth={3} />
      {!call.end && call.progress && (
        <>
          <h3>Progress</h3>
          <JsonView value={call.progress.event["progress"]} depth={3} />
        </>
      )}
      {call.state === "done" && (
        <>
          <h3>Result</h3>
          <JsonView value={end?.["result"]} depth={3} />
        </>
      )}
      {last && <RowDetails file={file} row={last} isPart />}
    </>
  );
}

/** So much of a row's lines is shown at once. */
const maxShown = 1_000_000;

function RowDetails({ file, row, isPart }: { file: string; row: Row; isPart?: boolean }): ReactElement {
  const isHuge = row.length > maxShown;
  const text = useLoaded(
    () => fetchLines(file, { ...row, length: Math.max(1, Math.min(row.length, maxShown)) }),
    [file, row.line, row.length],
  );
  const values = text === undefined ? undefined : parseLines(text, isHuge);
  const Title = isPart ? "h3" : "h2";
  return (
    <>
      <Title>
        {isPart ? "Last event" : row.type}{" "}
        <small>
          line {number(row.line)}
          {row.lines > 1 && `–${number(row.line + row.lines - 1)}`} · {bytes(row.length)}
        </small>
      </Title>
      {row.problem !== undefined && (
        <p className="notice warning">
          <strong>Line {number(row.line)}</strong> {row.problem}
        </p>
      )}
      {!isPart && typeof row.event["text"] === "string" && row.lines > 1 && (
        <pre className="text">{row.event["text"]}</pre>
      )}
      {isHuge && <p className="hint">The first {bytes(maxShown)} of it.</p>}
      {values
        ? values.slice(0, 200).map(({ at, value }) => <JsonView key={at} value={value} depth={row.lines > 1 ? 0 : 2} />)
        : text !== undefined && <pre className="text">{text}</pre>}
      {values && values.length > 200 && <p className="hint">And {number(values.length - 200)} more lines.</p>}
    </>
  );
}

/** The values of some lines; undefined where one is no JSON. */
function parseLines(text: string, isHuge: boolean): { at: number; value: unknown }[] | undefined {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  try {
    const whole = lines.slice(0, isHuge && lines.length > 1 ? -1 : undefined);
    return whole.map((line, at) => ({ at, value: JSON.parse(line) }));
  } catch {
    return undefined;
  }
}

function Fact({ name, children }: { name: string; children: ReactNode }): ReactElement {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** What is fetched, again when a key changes; undefined until it is there, and where it cannot be fetched. */
function useLoaded<T>(load: () => Promise<T> | undefined, keys: readonly unknown[]): T | undefined {
  const key = JSON.stringify(keys);
  const [loaded, setLoaded] = useState<{ key: string; value: T }>();
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    let isOver = false;
    latest.current()?.then(
      (value) => !isOver && setLoaded({ key, value }),
      () => {},
    );
    return () => {
      isOver = true;
    };
  }, [key]);
  return loaded?.key === key ? loaded.value : undefined;
}
