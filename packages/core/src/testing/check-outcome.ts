import type { Final } from "../events.ts";
import { type Message, textOf } from "../messages.ts";
import { addUsage, noUsage, type Usage } from "../usage.ts";
import { checkEvents } from "./check-events.ts";
import { type Outcome, readerError } from "./cut-run.ts";

/** Everything that must hold of a run, whole or cut. */
export function checkOutcome(
  outcome: Outcome,
  whole: Outcome | undefined,
  validate: (messages: readonly Message[]) => string[],
): string[] {
  const { final, watch, hung, problems } = outcome;
  if (hung) return [...problems, hung];
  if (!final) return [...problems, "run.final is not set after the end"];
  const found = [...problems, ...checkEvents(watch.observed)];
  if (watch.observed.at(-1) !== final) found.push("the hooks did not see run.final as the last event");
  found.push(...checkReader(outcome, final));
  if (whole && outcome.cut) found.push(...checkStopReason(outcome, whole, final));
  found.push(...checkText(outcome, final), ...checkUsage(outcome, final));
  const invalid = validate(final.history.messages);
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
  // A cut that comes while a finish or a failure is on its way may be faster than it.
  const last = streams.at(-1);
  const isDoubtful = cut?.isWaiting === true && (last?.finished !== undefined || last?.failed === true);
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
