import type { Input, Run, StreamEvent } from "millrace";
import { after } from "millrace/runs";
import { encodeFailure, WireEncoder } from "millrace/wire";
import { type EventLog, EventLogError } from "./event-log.ts";
import { report } from "./report.ts";

/** Options of {@link detach}. */
export interface DetachOptions {
  /** How often the log is asked whether another process wants the run stopped, in milliseconds. Default: 1,000. */
  beatMs?: number;
  /** Told of what the log throws; the run is stopped then. Default: `console.error`. */
  onError?: (error: unknown) => void;
}

/** A run that goes on without a reader. */
export interface DetachedRun {
  readonly runId: string;
  /** Fulfilled when the run has ended and the log has all of it; never rejected. For `waitUntil` of a worker. */
  readonly done: Promise<void>;
}

/** What can go on without a reader: a run of an agent, or of something else that streams as it does, such as a graph. */
export interface DetachableRun extends Pick<Run, "id" | "info" | "stop"> {
  /** The last event, once there is one. */
  readonly final: StreamEvent | undefined;
  next(): Promise<IteratorResult<StreamEvent, StreamEvent>>;
  return(): Promise<unknown>;
  /** Puts a message into the live run, where it takes any. */
  send?(input: Input): void;
}

/**
 * Lets a run go on without a reader: its events go into the log, where {@link attach} reads them and {@link stopRun}
 * stops it.
 *
 * @throws {@link EventLogError} of kind `chat-busy` where the user's chat has a run that goes on; this run is not begun
 */
export async function detach(run: DetachableRun, log: EventLog, options: DetachOptions = {}): Promise<DetachedRun> {
  if (!(await log.begin(run.info))) throw new EventLogError("chat-busy", run.id);
  return { runId: run.id, done: record(run, log, options) };
}

/**
 * Stops a run through its log, from any process that shares it: at once in the process that makes the run, else within
 * its `beatMs`. One that has ended is left as it is.
 *
 * @throws {@link EventLogError} of kind `not-found`
 */
export async function stopRun(log: EventLog, runId: string, reason = "stopped by the user"): Promise<void> {
  const run = runHere(log, runId);
  if (run) run.stop(reason);
  else await log.requestStop(runId, reason);
}

/** @internal The run, if this process makes it. */
export function runHere(log: EventLog, runId: string): DetachableRun | undefined {
  return runsHere.get(log)?.get(runId);
}

/** The runs that this process writes, so that stopping one need not wait for its next beat. */
const runsHere = new WeakMap<EventLog, Map<string, DetachableRun>>();

async function record(run: DetachableRun, log: EventLog, options: DetachOptions): Promise<void> {
  const { beatMs = 1000, onError } = options;
  const here = runsHere.get(log) ?? new Map<string, DetachableRun>();
  runsHere.set(log, here.set(run.id, run));
  const endBeat = beat(run, log, beatMs, onError);
  let last: string;
  try {
    last = await write(run, new LineWriter((lines) => log.append(run.id, lines)));
  } catch (error) {
    void report(error, onError);
    await run.return();
    last = encodeFailure(new EventLogError("lost", run.id));
  }
  endBeat();
  here.delete(run.id);
  try {
    await log.end(run.id, [last]);
  } catch (error) {
    void report(error, onError);
  }
}

/** Writes all events but the last, which it gives: it ends the run in the log. Throws what the log throws. */
async function write(run: DetachableRun, writer: LineWriter): Promise<string> {
  const encoder = new WireEncoder();
  for (;;) {
    const { done, value } = await run.next();
    const line = encoder.encode(value);
    if (done || value.type === "final") {
      // The run is over for its hooks and its store; what it failed with is in its final.
      await run.next().catch(() => {});
      await writer.settled();
      return line;
    }
    await writer.add(line);
  }
}

function beat(run: DetachableRun, log: EventLog, beatMs: number, onError: DetachOptions["onError"]): () => void {
  let cancel = after(beatMs, () => void ask());
  let isOver = false;
  async function ask(): Promise<void> {
    let reason: string | undefined;
    try {
      reason = await log.beat(run.id);
    } catch (error) {
      void report(error, onError);
    }
    if (isOver) return;
    if (reason !== undefined) run.stop(reason);
    else cancel = after(beatMs, () => void ask());
  }
  return () => {
    isOver = true;
    cancel();
  };
}

/** So many lines may wait for a slow log before the run waits for it. */
const maxWaiting = 256;

/** Writes one batch at a time: what comes meanwhile is the next one. */
class LineWriter {
  readonly #append: (lines: readonly string[]) => Promise<void>;
  readonly #waiting: string[] = [];
  #writing: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;

  constructor(append: (lines: readonly string[]) => Promise<void>) {
    this.#append = append;
  }

  /** Takes a line. Throws what an earlier one failed with: without that one no other may follow. */
  async add(line: string): Promise<void> {
    this.#check();
    this.#waiting.push(line);
    this.#writing ??= this.#write();
    if (this.#waiting.length >= maxWaiting) await this.#writing;
    this.#check();
  }

  async settled(): Promise<void> {
    await this.#writing;
    this.#check();
  }

  #check(): void {
    if (this.#failure) throw this.#failure.error;
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0) await this.#append(this.#waiting.splice(0));
    } catch (error) {
      this.#failure = { error };
    }
    this.#writing = undefined;
  }
}
