import type { Message } from "../messages.ts";
import { checkOutcome } from "./check-outcome.ts";
import { type Cut, type CutKind, type CutRun, type CuttableRun, cutRun, type Outcome } from "./cut-run.ts";

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
  const { run, validate = () => [], kinds = allKinds, timeoutMs = 5_000 } = options;
  const rejections = watchRejections();
  try {
    const whole = await cutRun(run, undefined, timeoutMs);
    const problems = checkOutcome(whole, undefined, validate).map((problem) => `in the whole run, ${problem}`);
    if (whole.hung) return { cuts: 0, problems };
    const cuts = kinds.flatMap((kind) => cutsOf(kind, whole));
    let hung = 0;
    for (const cut of cuts) {
      const outcome = await cutRun(run, cut, timeoutMs);
      problems.push(...checkOutcome(outcome, whole, validate).map((problem) => `${nameOf(cut, whole)}: ${problem}`));
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

const allKinds: readonly CutKind[] = ["stop", "abort", "break", "throw", "model-error", "reset"];

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
