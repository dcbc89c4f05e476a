/** What the server of the inspector tells its page of a file: a row for each line, or for a stretch of deltas. */

/** Whose run it is, as far as the file says so. */
export interface RunFacts {
  readonly id: string;
  readonly agentName?: string;
  readonly userId?: string;
  readonly chatId?: string;
  readonly parent?: { readonly runId: string; readonly callId: string };
}

/** A line of the file, or several deltas of one kind that follow each other. */
export interface Row {
  /** Number of the (first) line, from 1. */
  readonly line: number;
  /** How many lines it stands for. */
  readonly lines: number;
  /** Where its lines stand in the file, in bytes. */
  readonly offset: number;
  readonly length: number;
  /** The event's `type`; of a sub-agent's event that of the innermost one. `(…)` where the line is no event. */
  readonly type: string;
  readonly runId: string;
  /** With the first event of a run that says whose it is. */
  readonly run?: RunFacts;
  /** The tool calls of the runs around it, outermost first. */
  readonly path: readonly string[];
  readonly seq?: number;
  /** When, in milliseconds since 1970; of several lines the first and the last. */
  readonly at?: number;
  readonly until?: number;
  /** The event without what says whose it is and when; long texts and lists are cut. */
  readonly event: { readonly [field: string]: unknown };
  /** Whether something of the event was cut here. The file has all of it. */
  readonly isCut?: boolean;
  /** Why the line is no event. */
  readonly problem?: string;
}

/** What is sent to the page. */
export type Update =
  | { readonly kind: "reset"; readonly file: string }
  | { readonly kind: "rows"; readonly rows: readonly Row[]; readonly read: number; readonly size: number }
  /** All was read. `open` is a last line that has no end: cut in the middle, or still being written. */
  | { readonly kind: "idle"; readonly read: number; readonly open?: { readonly line: number; readonly text: string } }
  /** The file cannot be read. */
  | { readonly kind: "failed"; readonly message: string };

/** A file of the folder. */
export interface FileFacts {
  readonly name: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly changedAt: number;
  readonly agentName?: string;
  readonly userId?: string;
  readonly chatId?: string;
  /** How the last run in it ended, as far as its end says so. */
  readonly stopReason?: string;
}

/** The fields of deltas that are joined, by type. */
const joined: { readonly [type: string]: string } = {
  "text-delta": "text",
  "reasoning-delta": "text",
  "refusal-delta": "text",
  "tool-call-delta": "delta",
  "object-delta": "",
  "tool-progress": "",
};

/** So much of a joined text is kept. */
const maxJoined = 4000;

/** Puts a row at the end of others, into the last one where both are deltas of one kind. */
export function addRow(rows: Row[], row: Row): void {
  const last = rows.at(-1);
  const sum = last && join(last, row);
  if (sum) rows[rows.length - 1] = sum;
  else rows.push(row);
}

function join(a: Row, b: Row): Row | undefined {
  const field = joined[a.type];
  if (field === undefined || a.type !== b.type || a.runId !== b.runId) return undefined;
  if (a.event["part"] !== b.event["part"] || a.event["callId"] !== b.event["callId"]) return undefined;
  if (a.line + a.lines !== b.line) return undefined;
  const text = `${a.event[field] ?? ""}${b.event[field] ?? ""}`;
  const event = field === "" ? b.event : { ...a.event, [field]: text.slice(0, maxJoined) };
  const until = b.until ?? b.at;
  return {
    ...a,
    lines: a.lines + b.lines,
    length: b.offset + b.length - a.offset,
    event,
    ...(until !== undefined && { until }),
    ...((a.isCut || b.isCut || text.length > maxJoined) && { isCut: true }),
  };
}
