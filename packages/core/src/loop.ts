import { Answer } from "./answer.ts";
import { asError } from "./as-error.ts";
import type { ContextOptions } from "./context/context-options.ts";
import type { AgentEvent, Final, ModelName, RunStart } from "./events.ts";
import { executeCalls } from "./execute-calls.ts";
import { withFinal } from "./final-of.ts";
import { repairHistory } from "./history.ts";
import { HookRunner } from "./hooks.ts";
import { type Message, toolCallsOf } from "./messages.ts";
import type { FinishReason, Model, ModelFinish } from "./model.ts";
import { OpenRequest } from "./open-request.ts";
import { checkOutput } from "./output.ts";
import { prepareTurn, type Turn } from "./prepare-turn.ts";
import { withRequest } from "./request-of.ts";
import type { RunBudget } from "./run-budget.ts";
import { RunCut } from "./run-control.ts";
import type { Ending, RunState } from "./run-state.ts";
import { wrapRun } from "./run-wrapper.ts";
import { Breath } from "./runtime.ts";
import type { Usage } from "./usage.ts";

/**
 * The agent loop: the only one. Every run ends with exactly one `Final`, whatever happened; a run that failed throws
 * its error after it.
 *
 * Its reader never calls `return()` on it but stops the run and reads on to the end: so what a cut leaves behind is
 * put in order by {@link endRun}, as ordinary statements, and not in a `finally` that could yield nothing.
 */
export async function* loop(run: RunState, input: readonly Message[]): AsyncGenerator<AgentEvent, Final, undefined> {
  let ending: Ending;
  /** What arrives; undefined as soon as it is counted as a whole. */
  let answer: Answer | undefined;
  try {
    yield* beginRun(run, input);
    for (;;) {
      const turn = yield* openTurn(run);
      if ("stopReason" in turn) {
        ending = turn;
        break;
      }
      run.control.check();

      answer = new Answer(run, turn);
      const request = new OpenRequest(run, turn.model, turn.request);
      // Not a generator of its own, and neither are the tools' events: a layer more would be paid for by every delta.
      try {
        const breath = new Breath();
        for (;;) {
          const step = await request.next(answer.hasBegun);
          if (step.done) break;
          const at = Date.now();
          const event = step.value;
          const out = answer.take(event, at);
          if (out) yield out;
          if (event.type === "finish") break;
          const object = event.type === "text-delta" && answer.object(at);
          if (object) yield object;
          if (event.type === "tool-call-delta" && answer.wantsPreview(event)) {
            const { callId, name } = event;
            const progress = await run.control.wait(answer.preview(event));
            if (progress !== undefined) yield run.stamp({ type: "tool-progress", callId, name, progress });
          }
          if (breath.isDue(at)) await breath.take();
        }
      } catch (error) {
        if (answer.hasBegun || !run.fitter?.overflowed(error)) throw error;
        // The same turn again, with less.
        answer = undefined;
        await run.settle();
        run.turn--;
        continue;
      } finally {
        request.close(answer?.finish !== undefined);
      }
      const finish = answer.complete();
      const usage = answer.usage();
      run.spend(usage, answer.model);
      const { openCalls } = answer;
      answer = undefined;

      const costUsd = yield* keepAnswer(run, finish, usage);
      const calls = toolCallsOf(finish.message);
      if (calls.length > 0)
        for (const message of yield* executeCalls(run, calls, turn.tools, openCalls)) yield run.add(message);
      yield run.stamp({
        type: "turn-end",
        turn: run.turn,
        usage,
        ...(costUsd !== undefined && { costUsd }),
        finishReason: finish.reason,
      });
      run.control.check();
      if (run.isEndedByTool && !run.hasSent) {
        ending = { stopReason: "completed" };
        break;
      }
      if (calls.length > 0 || finish.reason === "pause" || run.hasSent) continue;

      const { askAgain, object } = await run.control.wait(checkOutput(run, finish));
      if (askAgain) yield run.add(askAgain);
      if (askAgain || run.hasSent) continue;
      ending = { stopReason: stopReasonOf(finish), ...(object !== undefined && { object }) };
      break;
    }
  } catch (thrown) {
    const isStopped = thrown instanceof RunCut || run.control.stopped;
    ending = isStopped ? { stopReason: "stopped" } : { stopReason: "error", error: asError(thrown) };
  }
  return yield* endRun(run, ending, answer);
}

async function* beginRun(run: RunState, input: readonly Message[]): AsyncGenerator<AgentEvent, void, undefined> {
  const { model, tools } = run.options;
  const names = tools.map(({ tool }) => tool.name);
  if (run.observers.length > 0) run.hooks = new HookRunner(run.observers, run.bound);
  const fixed = typeof model !== "function" && { model: nameOf(model) };
  const place = { seq: run.nextSeq(), at: Date.now(), run: run.info };
  const start: RunStart = { type: "run-start", ...place, input, ...fixed, tools: names };
  yield run.emit(start);
  wrapRun(run, start);
  run.listen();
  for (const message of await run.load(input)) yield run.add(message);
}

/** Up to a turn's request: gives the turn, or how the run ends without one more. */
async function* openTurn(run: RunState): AsyncGenerator<AgentEvent, Turn | Ending, undefined> {
  const { maxTurns = 10, context } = run.options;
  for (const message of run.takeSent()) yield run.add(message);
  run.control.check();
  if (run.turn === maxTurns) {
    yield run.stamp({ type: "max-turns-reached", maxTurns });
    return { stopReason: "max-turns" };
  }
  run.turn++;
  let turn = await run.control.wait(prepareTurn(run));
  if (context) turn = yield* fitTurn(run, turn, context);
  const reserved = await run.control.wait(reserve(run, turn));
  if (reserved.exceeded) yield run.stamp(reserved.exceeded);
  if (reserved.stop) return { stopReason: "budget" };
  const { model, request, tokens } = turn;
  const messages = request.messages.length;
  const start = run.stamp({ type: "turn-start", turn: run.turn, model: nameOf(model), messages, tokens });
  yield withRequest(start, request);
  return turn;
}

/** Holds a turn's request within the limits of the context; what it takes is loaded by those who have such limits. */
async function* fitTurn(
  run: RunState,
  turn: Turn,
  options: ContextOptions,
): AsyncGenerator<AgentEvent, Turn, undefined> {
  if (!run.fitter) {
    const { ContextFitter } = await run.control.wait(import("./context/context-fitter.ts"));
    run.fitter = new ContextFitter(run, options);
  }
  return yield* run.fitter.fit(turn);
}

/** Sets aside what the turn's request may cost. */
async function reserve(run: RunState, { model, request, tokens }: Turn): ReturnType<RunBudget["reserve"]> {
  return run.budget
    ? run.budget.reserve(nameOf(model), request, tokens, run.usage)
    : { exceeded: undefined, stop: false };
}

/** Adds a whole answer to the history. Gives what it cost, where there is a budget. */
async function* keepAnswer(
  run: RunState,
  { message }: ModelFinish,
  usage: Usage,
): AsyncGenerator<AgentEvent, number | undefined, undefined> {
  run.fitter?.learn(usage);
  if (message.content.length > 0) yield run.add(message);
  const settled = await run.budget?.settle();
  if (settled?.exceeded) yield run.stamp(settled.exceeded);
  return settled?.costUsd;
}

/** Puts in order what a cut has left, and says how the run ended. */
async function* endRun(
  run: RunState,
  ending: Ending,
  answer: Answer | undefined,
): AsyncGenerator<AgentEvent, Final, undefined> {
  if (answer) {
    answer.abandon();
    // A request that was refused cost nothing; one that was cut did.
    if (answer.hasBegun || run.control.stopped) run.spend(answer.usage(), answer.model);
    const partial = answer.partial();
    if (partial) yield run.add(partial);
  }
  await run.settle();
  // Only a fault of our own could leave a call without its result; the history is valid even then.
  for (const message of repairHistory(run.history).slice(run.history.length)) yield run.add(message);
  while (run.hasSent) for (const message of run.takeSent()) yield run.add(message);
  run.isClosed = true;
  if (ending.stopReason === "stopped" && run.control.stopped)
    yield run.stamp({ type: "stopped", ...run.control.stopped });
  run.control.close();
  const final = run.end(ending);
  yield final;
  if (ending.error) throw withFinal(ending.error, final);
  return final;
}

function nameOf({ provider, id }: Model): ModelName {
  return { provider, id };
}

const stopReasons: Record<FinishReason, Ending["stopReason"]> = {
  stop: "completed",
  other: "completed",
  "tool-calls": "completed",
  pause: "completed",
  length: "length",
  "content-filter": "content-filter",
  error: "error",
};

function stopReasonOf({ message, reason }: ModelFinish): Ending["stopReason"] {
  return message.content.some((part) => part.type === "refusal") ? "refused" : stopReasons[reason];
}
