import type { Row, RunFacts } from "../inspect/rows.ts";
import { type GraphModel, readGraphRow } from "./graph-model.ts";

/** A run as its rows tell it. Grows as they come. */
export interface RunModel {
  readonly id: string;
  facts: RunFacts;
  /** The run that it serves as a tool, and the call. */
  parent: { readonly runId: string; readonly callId: string } | undefined;
  startAt: number;
  /** When the latest event came. */
  lastAt: number;
  readonly turns: Turn[];
  /** The calls of tools, and in a graph's run of modules, in the order of their beginning. */
  readonly calls: ToolCall[];
  /** The messages that joined the history. */
  readonly messages: Row[];
  readonly dropped: Row[];
  start: Row | undefined;
  final: Row | undefined;
  /** What stopped or limited it, and what else went wrong. */
  readonly notes: Row[];
  /** Of a graph's run. */
  graph?: GraphModel;
}

/** One request to the model, and what came of it. */
export interface Turn {
  readonly number: number;
  readonly start: Row;
  readonly startAt: number;
  /** When the first of the answer came. */
  firstAt?: number;
  /** When the answer was whole. */
  answeredAt?: number;
  endAt?: number;
  answer?: Row;
  end?: Row;
  readonly retries: Row[];
  readonly calls: ToolCall[];
}

/** One call of a tool. */
export interface ToolCall {
  readonly callId: string;
  readonly name: string;
  readonly startAt: number;
  endAt?: number;
  state: "running" | "done" | "failed";
  start?: Row;
  progress?: Row;
  end?: Row;
  /** The runs of the agents that the tool is, or that the module asks. */
  readonly subRunIds: string[];
}

/** What a file tells, as far as it was read. */
export interface FileModel {
  readonly runs: Map<string, RunModel>;
  readonly problems: Row[];
}

/** Nothing read yet. */
export function emptyModel(): FileModel {
  return { runs: new Map(), problems: [] };
}

const deltas = new Set([
  "text-delta",
  "reasoning-delta",
  "refusal-delta",
  "tool-call-delta",
  "object-delta",
  "provider-tool",
  "source",
  "file-output",
]);

const notable = new Set([
  "retry",
  "model-switched",
  "context-overflow",
  "budget-exceeded",
  "max-turns-reached",
  "stopped",
  "tool-error",
]);

/** Folds a row into what is known. Rows of unknown kinds change nothing but the time: the list of events shows them. */
export function readRow(model: FileModel, row: Row): void {
  if (row.problem !== undefined) model.problems.push(row);
  if (row.type.startsWith("(") && !row.run) return;
  const run = runOf(model, row);
  const at = row.at ?? run.lastAt;
  run.lastAt = Math.max(run.lastAt, row.until ?? at);
  if (run.startAt === 0) run.startAt = at;
  if (notable.has(row.type)) run.notes.push(row);
  readGraphRow(run, row);
  const turn = run.turns.at(-1);
  if (deltas.has(row.type)) {
    if (turn) turn.firstAt ??= at;
    return;
  }
  switch (row.type) {
    case "run-start":
      run.start = row;
      run.startAt = at;
      break;
    case "turn-start":
      run.turns.push({ number: Number(row.event["turn"]), start: row, startAt: at, retries: [], calls: [] });
      break;
    case "message-added":
      run.messages.push(row);
      if (turn && roleOf(row) === "assistant") {
        turn.answer = row;
        turn.answeredAt = at;
        turn.firstAt ??= at;
      }
      break;
    case "retry":
    case "model-switched":
      turn?.retries.push(row);
      if (turn && row.event["discardFrom"] !== undefined) delete turn.firstAt;
      break;
    case "messages-dropped":
      run.dropped.push(row);
      break;
    case "turn-end":
      if (turn) {
        turn.end = row;
        turn.endAt = at;
      }
      break;
    case "tool-call-start":
    case "tool-progress":
    case "tool-result":
    case "tool-error":
    case "module-start":
    case "module-progress":
    case "module-result":
    case "module-error":
      readCall(run, turn, row, at);
      break;
    case "final":
      run.final = row;
      break;
    default:
      break;
  }
}

function runOf(model: FileModel, row: Row): RunModel {
  const known = model.runs.get(row.runId);
  if (known) {
    if (row.run && known.facts.agentName === undefined) known.facts = row.run;
    adopt(model, known);
    return known;
  }
  const run: RunModel = {
    id: row.runId,
    facts: row.run ?? { id: row.runId },
    parent: undefined,
    startAt: row.at ?? 0,
    lastAt: row.at ?? 0,
    turns: [],
    calls: [],
    messages: [],
    dropped: [],
    start: undefined,
    final: undefined,
    notes: [],
  };
  model.runs.set(row.runId, run);
  adopt(model, run);
  return run;
}

/** Hangs a sub-agent's run under the call that it serves. */
function adopt(model: FileModel, run: RunModel): void {
  const { parent } = run.facts;
  if (!parent || run.parent) return;
  // A module of a graph may ask several agents: a number of theirs stands behind its own id.
  const callId = parent.callId.replace(/_\d+$/, "");
  const calls = model.runs.get(parent.runId)?.calls;
  const call =
    calls?.findLast((each) => each.callId === parent.callId) ?? calls?.findLast((each) => each.callId === callId);
  // A sub-agent's events may also be alone in a file.
  if (!call) return;
  call.subRunIds.push(run.id);
  run.parent = parent;
}

function readCall(run: RunModel, turn: Turn | undefined, row: Row, at: number): void {
  const callId = String(row.event["callId"]);
  const duration = Number(row.event["durationMs"]);
  const isEnd = /-(?:result|error)$/.test(row.type);
  // Ids are only sure to be different within one message.
  let call = (turn ?? run).calls.findLast((known) => known.callId === callId && known.state === "running");
  if (!call) {
    const startAt = isEnd && Number.isFinite(duration) ? at - duration : at;
    call = { callId, name: nameOf(row), startAt, state: "running", subRunIds: [] };
    run.calls.push(call);
    turn?.calls.push(call);
  }
  if (row.type.endsWith("-start")) call.start = row;
  if (row.type.endsWith("-progress")) call.progress = row;
  if (!isEnd) return;
  call.end = row;
  call.endAt = row.until ?? at;
  call.state = row.type.endsWith("-result") ? "done" : "failed";
}

function nameOf({ event }: Row): string {
  return event["module"] === undefined ? String(event["name"]) : `${event["node"]} · ${event["module"]}`;
}

/** The role of an added message. */
function roleOf(row: Row): string {
  const message: unknown = row.event["message"];
  return String(Object(message)["role"]);
}

/** The runs that are nobody's sub-agents, in the order of their beginning. */
export function rootRuns(model: FileModel): RunModel[] {
  return [...model.runs.values()].filter(({ parent }) => parent === undefined);
}

/** How a run stands. `unfinished`: the file ends, or has not grown for a minute, before the run's `final`. */
export function statusOf(run: RunModel, now: number): string {
  const reason = run.final?.event["stopReason"];
  if (reason !== undefined) return String(reason);
  return now - run.lastAt < 60_000 ? "running" : "unfinished";
}

/** Tokens, as events tell them. */
export interface Tokens {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
  reasoning: number;
  isEstimated: boolean;
}

/** What a turn or a whole run has spent, from its `usage`. */
export function tokensOf(row: Row | undefined): Tokens | undefined {
  const usage: unknown = row?.event["usage"];
  if (typeof usage !== "object" || usage === null) return undefined;
  const count = (name: string): number => Number(Reflect.get(usage, name)) || 0;
  return {
    input: count("inputTokens"),
    output: count("outputTokens"),
    cacheRead: count("cacheReadTokens"),
    cacheWrite: count("cacheWriteTokens"),
    reasoning: count("reasoningTokens"),
    isEstimated: Reflect.get(usage, "estimated") === true,
  };
}

/** The tokens of a run: those of its end, or as long as it has none those of its turns so far. */
export function runTokens(run: RunModel): Tokens | undefined {
  const told = tokensOf(run.final);
  if (told) return told;
  const turns = run.turns.flatMap(({ end }) => tokensOf(end) ?? []);
  const [first, ...rest] = turns;
  return first && rest.reduce(addTokens, first);
}

function addTokens(a: Tokens, b: Tokens): Tokens {
  return {
    input: a.input + b.input,
    output: a.output + b.output,
    cacheRead: a.cacheRead + b.cacheRead,
    cacheWrite: a.cacheWrite + b.cacheWrite,
    reasoning: a.reasoning + b.reasoning,
    isEstimated: a.isEstimated || b.isEstimated,
  };
}

/** What a turn or a run has cost, where the agent has a budget with prices. */
export function costOf(row: Row | undefined): number | undefined {
  const cost = row?.event["costUsd"];
  return typeof cost === "number" ? cost : undefined;
}
