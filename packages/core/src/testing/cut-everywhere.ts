import { ModelError } from "../errors.ts";
import type { AgentEvent, Final } from "../events.ts";
import type { Hooks } from "../hooks.ts";
import { type Message, textOf } from "../messages.ts";
import type { Model } from "../model.ts";
import type { Run } from "../run.ts";
import { addUsage, noUsage, type Usage } from "../usage.ts";
import { checkEvents } from "./check-events.ts";
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

/** Options of {@link cutEverywhere}. */
export interface CutOptions {
  /** Starts a fresh run, the same each time: with a new scripted model, and without long pauses between retries. */
  run: (given: CutRun) => CuttableRun;
  /** What else is wrong with a history: a provider's own rules, for one. Default: nothing. */
  validate?: (messages: readonly Message[]) => string[];
  /** Default: all. */
  kinds?: readonly CutKind[];
  /** Within which time a cut run must have ended. Default: 5,000. */
  timeoutMs?: number;
}

/** What {@link findCutProblems} found. */
export interface CutReport {
  /** How many times the run was cut. */
  cuts: number;
  /** One sentence each, with the place of the cut. */
  problems: string[];
}

/**
 * Stops, leaves and fails a run at every one of its events, a fresh run for each cut, and checks each time that it
 * ended in order: one `Final`, last, also for the hooks of a reader who left; a valid history that holds all text that
 * had arrived; all usage counted; the connection closed, no listener left, no further request; errors thrown after
 * `Final`, stops never.
 *
 * @example
 * ```ts
 * import { Agent } from "millrace";
 * import { cutEverywhere, scriptedModel } from "millrace/testing";
 *
 * await cutEverywhere({
 *   run: ({ signal, hooks, watch }) =>
 *     new Agent({ name: "weather", model: watch(scriptedModel(["It is sunny."])) }).respond("How is the weather?", {
 *       userId: "u1",
 *       chatId: "c1",
 *       signal,
 *       hooks,
 *     }),
 * });
 * ```
 *
 * @throws an error that lists the problems; {@link findCutProblems} gives them instead
 */
export async function cutEverywhere(options: CutOptions): Promise<CutReport> {
  const report = await findCutProblems(options);
  const { cuts, problems } = report;
  if (problems.length === 0) return report;
  const shown = problems.slice(0, 20).map((problem) => `\n- ${problem}`);
  const more = problems.length > shown.length ? `\n… and ${problems.length - shown.length} more` : "";
  throw new Error(`${problems.length} problems in ${cuts} cuts:${shown.join("")}${more}`);
}

/** Does what {@link cutEverywhere} does and gives the problems instead of throwing. */
export async function findCutProblems(options: CutOptions): Promise<CutReport> {
  const { kinds = ["stop", "abort", "break", "throw", "model-error", "reset"] } = options;
  const rejections = watchRejections();
  try {
    const whole = await runWith(options, undefined);
    const problems = checkOutcome(whole, undefined, options).map((problem) => `in the whole run, ${problem}`);
    if (whole.hung) return { cuts: 0, problems };
    const cuts = kinds.flatMap((kind) => cutsOf(kind, whole));
    let hung = 0;
    for (const cut of cuts) {
      const outcome = await runWith(options, cut);
      problems.push(...checkOutcome(outcome, whole, options).map((problem) => `${nameOf(cut, whole)}: ${problem}`));
      if (outcome.hung && ++hung === 3) {
        problems.push("gave up after three cuts that did not end");
        break;
      }
    }
    return { cuts: cuts.length, problems: [...problems, ...rejections.found()] };
  } finally {
    rejections.close();
  }
}

interface Cut {
  kind: CutKind;
  /** How many events come before it: the reader's, or for the last two kinds the model's. */
  after: number;
  /** Whether the reader waits for the next event at that time. */
  isWaiting: boolean;
}

/** What came of one run. */
interface Outcome {
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
  hung?: string;
  /** What was wrong while reading. */
  problems: string[];
}

function cutsOf(kind: CutKind, whole: Outcome): Cut[] {
  const places = (from: number, to: number, isWaiting: boolean): Cut[] =>
    Array.from({ length: to - from }, (_, index) => ({ kind, after: from + index, isWaiting }));
  const count = whole.events.length;
  switch (kind) {
    case "stop":
    case "abort":
      return [...places(0, count + 1, false), ...places(0, count, true)];
    case "break":
      return [...places(1, count + 1, false), ...places(1, count, true)];
    case "throw":
      return places(1, count + 1, false);
    case "model-error":
    case "reset":
      return places(0, whole.watch.modelEvents, false);
  }
}

function nameOf({ kind, after, isWaiting }: Cut, whole: Outcome): string {
  if (kind === "model-error" || kind === "reset") return `${kind} in place of the model's event ${after + 1}`;
  const event = whole.events[after - 1];
  const place = event ? `after event ${event.seq} (${event.type})` : "before the first event";
  return `${kind} ${place}${isWaiting ? ", while the next is awaited" : ""}`;
}

const readerError = new Error("cut: the reader failed");

async function runWith(options: CutOptions, cut: Cut | undefined): Promise<Outcome> {
  const watch = new RunWatch(failureOf(cut));
  const { controller, hooks, model } = watch;
  const outcome: Outcome = { cut, watch, events: [], final: undefined, requests: 0, wasOpen: false, problems: [] };
  const run = options.run({ signal: controller.signal, hooks, watch: model });
  const { timeoutMs = 5_000 } = options;
  const reading = cut?.kind === "throw" || (cut?.kind === "break" && !cut.isWaiting) ? readAndLeave : read;
  try {
    await inTime(reading(run, outcome), timeoutMs, "ending the run");
    await watch.settle(Math.min(timeoutMs, 1_000));
    const after = await inTime(run.next(), timeoutMs, "a further next()");
    if (!after.done) outcome.problems.push(`a further next() gave ${after.value.type} instead of being done`);
  } catch (error) {
    outcome.hung = String(error);
  }
  outcome.final = run.final;
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
  outcome.requests = streams.length;
  outcome.wasOpen = streams.some((stream) => !stream.finished && !stream.failed);
}

/** Everything that must hold of a run, whole or cut. */
function checkOutcome(outcome: Outcome, whole: Outcome | undefined, options: CutOptions): string[] {
  const { final, watch, hung, problems } = outcome;
  if (hung) return [...problems, hung];
  if (!final) return [...problems, "run.final is not set after the end"];
  const found = [...problems, ...checkEvents(watch.observed)];
  if (watch.observed.at(-1) !== final) found.push("the hooks did not see run.final as the last event");
  found.push(...checkReader(outcome, final));
  if (whole) found.push(...checkStopReason(outcome, whole, final));
  found.push(...checkText(outcome, final), ...checkUsage(outcome, final));
  const invalid = options.validate?.(final.history.messages) ?? [];
  found.push(...invalid.map((problem) => `invalid history: ${problem}`));
  const open = watch.streams.flatMap(({ closed }, index) => (closed ? [] : [index + 1]));
  if (open.length > 0) found.push(`the model's stream of request ${open.join(", ")} was not closed`);
  if (watch.listeners > 0) found.push(`${watch.listeners} listeners are left on the caller's signal`);
  return found;
}

/** What the reader saw, got and caught. */
function checkReader({ cut, events, watch, returned, thrown }: Outcome, final: Final): string[] {
  const problems: string[] = [];
  const hasLeft = cut?.kind === "break" || cut?.kind === "throw";
  const expected = hasLeft ? watch.observed.slice(0, events.length) : watch.observed;
  if (events.length !== expected.length || events.some((event, index) => event !== expected[index])) {
    problems.push(`the reader saw ${events.length} events, not the ones that the hooks saw (${watch.observed.length})`);
  }
  const error = cut?.kind === "throw" ? readerError : hasLeft ? undefined : final.error;
  if (thrown !== error) problems.push(`expected ${error ?? "nothing"} to be thrown, got ${String(thrown)}`);
  if (final.stopReason === "error" && !final.error) problems.push("stopReason is error, but Final has no error");
  if (final.stopReason !== "error" && final.error) problems.push("Final has an error, but stopReason is not error");
  if (!hasLeft && !error && returned !== final) problems.push("the generator did not return its Final");
  return problems;
}

/** A cut run says that it was stopped, and why, unless it had done its work already. */
function checkStopReason(outcome: Outcome, whole: Outcome, final: Final): string[] {
  const { cut, watch, requests, wasOpen } = outcome;
  const { observed, streams } = watch;
  const { stopReason } = final;
  if (cut?.kind === "model-error" || cut?.kind === "reset") {
    const wentOn = observed.some(({ type }) => type === "retry" || type === "model-switched" || type === "sub-agent");
    return stopReason === "error" || wentOn ? [] : [`the model failed, but stopReason is ${stopReason}`];
  }
  const problems: string[] = [];
  const hadDone = !wasOpen && requests === whole.watch.streams.length;
  const wholeReason = whole.final?.stopReason;
  if (stopReason !== "stopped" && !(hadDone && stopReason === wholeReason)) {
    problems.push(`expected the stopReason stopped${hadDone ? ` or ${wholeReason}` : ""}, got ${stopReason}`);
  }
  if (streams.length > requests)
    problems.push(`${streams.length - requests} requests to the model began after the cut`);
  const before = observed.at(-2);
  const by = cut?.kind === "abort" ? "signal" : "call";
  if (stopReason === "stopped" && !(before?.type === "stopped" && before.by === by)) {
    problems.push(`expected a Stopped event by ${by} right before Final, got ${before?.type}`);
  }
  return problems;
}

/** All text that the reader saw, and that no retry made void, is in the history. */
function checkText({ events }: Outcome, final: Final): string[] {
  let deltas: { seq: number; text: string }[] = [];
  for (const event of events) {
    if (event.type === "text-delta") deltas.push(event);
    if (event.type !== "retry" && event.type !== "model-switched") continue;
    const { discardFrom = Number.POSITIVE_INFINITY } = event;
    deltas = deltas.filter(({ seq }) => seq < discardFrom);
  }
  const arrived = deltas.map(({ text }) => text).join("");
  const answers = final.history.added.filter(({ role }) => role === "assistant");
  const kept = answers.map(textOf).join("");
  if (kept.startsWith(arrived)) return [];
  return [`the text ${JSON.stringify(arrived)} had arrived, the history has ${JSON.stringify(kept)}`];
}

/** All that the model told is counted; `estimated` says that it did not tell all. */
function checkUsage({ cut, watch, events }: Outcome, { usage }: Final): string[] {
  const { streams } = watch;
  // A cut that comes while a finish is on its way may be faster than it.
  const isDoubtful = cut?.isWaiting === true && streams.at(-1)?.finished !== undefined;
  const certain = isDoubtful ? streams.slice(0, -1) : streams;
  const told = certain.reduce((sum, { finished = noUsage }) => addUsage(sum, finished), noUsage);
  if (usage.inputTokens < told.inputTokens || usage.outputTokens < told.outputTokens) {
    return [`the model told ${shown(told)}, but Final counts ${shown(usage)}`];
  }
  const isCut = streams.some(({ finished, failed, events: given }) => !finished && (given > 0 || !failed));
  if (isCut && !usage.estimated) return ["an answer was cut, but the usage is not marked as estimated"];
  const hasOthers = events.some(({ type }) => type === "sub-agent");
  if (isDoubtful || hasOthers || streams.some(({ finished }) => !finished || finished.estimated)) return [];
  if (!usage.estimated && shown(usage) === shown(told)) return [];
  return [`the model told ${shown(told)}, but Final counts ${shown(usage)}${usage.estimated ? ", estimated" : ""}`];
}

function shown({ inputTokens, outputTokens }: Usage): string {
  return `${inputTokens} input and ${outputTokens} output tokens`;
}

/** Where the runtime tells of unhandled rejections by an event (browsers, Deno, Bun), they are problems too. */
function watchRejections(): { found: () => string[]; close: () => void } {
  const found: string[] = [];
  if (typeof globalThis.addEventListener !== "function") return { found: () => found, close: () => {} };
  const listener = ({ reason }: PromiseRejectionEvent): void => {
    found.push(`an unhandled rejection: ${String(reason)}`);
  };
  globalThis.addEventListener("unhandledrejection", listener);
  return { found: () => found, close: () => globalThis.removeEventListener("unhandledrejection", listener) };
}
