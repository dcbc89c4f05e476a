import { ModelError } from "../errors.ts";
import type { AgentEvent, Final } from "../events.ts";
import type { Hooks } from "../hooks.ts";
import type { Model } from "../model.ts";
import type { Run } from "../run.ts";
import { inTime } from "./pacing.ts";
import { RunWatch } from "./run-watch.ts";

/**
 * How a run is cut: `run.stop()`, the caller's signal, a reader who leaves the loop or throws in it, a model that fails
 * with an error of its own or loses its connection.
 */
export type CutKind = "stop" | "abort" | "break" | "throw" | "model-error" | "reset";

/** What {@link cutEverywhere} needs of a run: one of `agent.respond()`, or a wrapper that behaves alike. */
export type CuttableRun = Pick<Run, "next" | "return" | "stop" | "final"> & AsyncIterable<AgentEvent>;

/** What {@link CutOptions.run} has to give to the run that it starts. */
export interface CutRun {
  /** For `respond()`'s `signal`. */
  signal: AbortSignal;
  /** For `respond()`'s `hooks`. */
  hooks: Hooks;
  /** To be put around each model of the run. */
  watch: (model: Model) => Model;
}

/** One place to cut a run. */
export interface Cut {
  kind: CutKind;
  /** How many events come before it: the reader's, or for the last two kinds the model's. */
  after: number;
  /** Whether the reader waits for the next event at that time. */
  isWaiting: boolean;
}

/** What came of one run. */
export interface Outcome {
  cut: Cut | undefined;
  watch: RunWatch;
  /** What the reader saw. */
  events: AgentEvent[];
  final: Final | undefined;
  /** What the generator returned to a reader who read to its end. */
  returned?: Final;
  thrown?: unknown;
  /** How many requests had begun, and whether one was still open, at the cut. */
  requests: number;
  wasOpen: boolean;
  wasCut: boolean;
  hung?: string;
  /** What was wrong while reading. */
  problems: string[];
}

/** What the reader throws with the kind `throw`. */
export const readerError: Error = new Error("cut: the reader failed");

/** Starts a run and cuts it there, or not at all. */
export async function cutRun(
  start: (given: CutRun) => CuttableRun,
  cut: Cut | undefined,
  timeoutMs: number,
): Promise<Outcome> {
  const watch = new RunWatch(failureOf(cut));
  const { controller, hooks, model } = watch;
  const outcome: Outcome = {
    cut,
    watch,
    events: [],
    final: undefined,
    requests: 0,
    wasOpen: false,
    wasCut: false,
    problems: [],
  };
  const run = start({ signal: controller.signal, hooks, watch: model });
  const reading = cut?.kind === "throw" || (cut?.kind === "break" && !cut.isWaiting) ? readAndLeave : read;
  try {
    await inTime(reading(run, outcome), timeoutMs, "ending the run");
    outcome.final = run.final;
    const seen = watch.observed.length;
    await watch.settle(Math.min(timeoutMs, 1_000));
    const late = watch.observed.length - seen;
    if (late > 0) outcome.problems.push(`${late} events came after the end`);
    const after = await inTime(run.next(), timeoutMs, "a further next()");
    if (!after.done) outcome.problems.push(`a further next() gave ${after.value.type} instead of being done`);
  } catch (error) {
    outcome.hung = String(error);
  }
  // Runs are not always the same to the last event: one that ended before its cut was a whole one.
  if (!outcome.wasCut && !watch.hasFailed) outcome.cut = undefined;
  return outcome;
}

function failureOf(cut: Cut | undefined): { at: number; error: Error } | undefined {
  if (cut?.kind === "model-error") {
    return { at: cut.after, error: new ModelError("cut: bad request", { kind: "invalid-request", provider: "cut" }) };
  }
  if (cut?.kind === "reset") {
    return { at: cut.after, error: new ModelError("cut: connection broke", { kind: "network", provider: "cut" }) };
  }
  return undefined;
}

/** Reads with `for await`, and leaves it with a `break` or a throw. */
async function readAndLeave(run: CuttableRun, outcome: Outcome): Promise<void> {
  const { cut, events } = outcome;
  try {
    for await (const event of run) {
      events.push(event);
      if (events.length !== cut?.after) continue;
      noteCut(outcome);
      if (cut.kind === "throw") throw readerError;
      break;
    }
  } catch (thrown) {
    outcome.thrown = thrown;
  }
}

/** Reads to the end by hand, so that the cut can come while the next event is awaited. */
async function read(run: CuttableRun, outcome: Outcome): Promise<void> {
  const { cut, events } = outcome;
  try {
    for (;;) {
      const isHere = cut !== undefined && !failureOf(cut) && events.length === cut.after;
      if (isHere && !cut.isWaiting) stop(run, outcome);
      const pending = run.next();
      if (isHere && cut.isWaiting) {
        if (cut.kind === "break") return await leave(run, outcome, pending);
        stop(run, outcome);
      }
      const { done, value } = await pending;
      if (done) {
        outcome.returned = value;
        return;
      }
      events.push(value);
    }
  } catch (thrown) {
    outcome.thrown = thrown;
  }
}

function stop(run: CuttableRun, outcome: Outcome): void {
  noteCut(outcome);
  if (outcome.cut?.kind === "stop") run.stop("cut");
  if (outcome.cut?.kind === "abort") outcome.watch.controller.abort(new Error("cut"));
}

/** What the awaited `next()` still gives to a reader who has left is not looked at, only that it ends. */
async function leave(run: CuttableRun, outcome: Outcome, pending: Promise<unknown>): Promise<void> {
  noteCut(outcome);
  await Promise.all([run.return(), pending.catch(() => {})]);
}

function noteCut(outcome: Outcome): void {
  const { streams } = outcome.watch;
  outcome.wasCut = true;
  outcome.requests = streams.length;
  outcome.wasOpen = streams.some((stream) => !stream.finished && !stream.failed);
}
