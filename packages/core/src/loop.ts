import { Answer } from "./answer.ts";
import type { Budget } from "./budget.ts";
import type { ContextOptions } from "./context/context-options.ts";
import { errorMessage, MillraceError } from "./errors.ts";
import type { AgentEvent, Final, ModelName } from "./events.ts";
import { executeCalls } from "./execute-calls.ts";
import { withFinal } from "./final-of.ts";
import { repairHistory } from "./history.ts";
import { type Message, toolCallsOf } from "./messages.ts";
import type { FinishReason, Model, ModelFinish } from "./model.ts";
import { OpenRequest } from "./model-request.ts";
import { checkOutput } from "./output.ts";
import { prepareTurn, type Turn } from "./prepare-turn.ts";
import { RunCut } from "./run-control.ts";
import type { Ending, RunState } from "./run-state.ts";
import { breathMs, nextMacrotask } from "./runtime.ts";

/**
 * The agent loop: the only one. Every run ends with exactly one `Final`, whatever happened; a run that failed throws
 * its error after it.
 *
 * Its reader never calls `return()` on it but stops the run and reads on to the end: so what a cut leaves behind is
 * put in order here, as ordinary statements, and not in a `finally` that could yield nothing.
 */
export async function* loop(run: RunState, input: readonly Message[]): AsyncGenerator<AgentEvent, Final, undefined> {
  const { maxTurns = 10, model } = run.options;
  const tools = run.options.tools.map(({ tool }) => tool.name);
  let ending: Ending = { stopReason: "completed" };
  let answer: Answer | undefined;
  try {
    yield run.stamp({ type: "run-start", input, ...(typeof model !== "function" && { model: nameOf(model) }), tools });
    run.listen();
    for (const message of await run.load(input)) yield run.add(message);
    for (;;) {
      for (const message of run.takeSent()) yield run.add(message);
      run.control.check();
      if (run.turn === maxTurns) {
        yield run.stamp({ type: "max-turns-reached", maxTurns });
        ending = { stopReason: "max-turns" };
        break;
      }
      run.turn++;
      let turn = await run.control.wait(prepareTurn(run));
      if (run.options.context) turn = yield* fitTurn(run, turn, run.options.context);
      const reserved = await run.control.wait(reserve(run, turn));
      if (reserved?.exceeded) yield run.stamp(reserved.exceeded);
      if (reserved?.stop) {
        ending = { stopReason: "budget" };
        break;
      }
      const messages = turn.request.messages.length;
      yield run.stamp({ type: "turn-start", turn: run.turn, model: nameOf(turn.model), messages, tokens: turn.tokens });
      run.control.check();

      answer = new Answer(run, turn.model, turn.tools, turn.tokens);
      const request = new OpenRequest(run, turn.model, turn.request);
      try {
        let breath = Date.now();
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
          if (at - breath > breathMs) {
            await nextMacrotask();
            breath = Date.now();
          }
        }
      } catch (error) {
        if (answer.hasBegun || !run.fitter?.overflowed(error)) throw error;
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
      run.fitter?.learn(usage);
      const { openCalls } = answer;
      answer = undefined;
      if (finish.message.content.length > 0) yield run.add(finish.message);
      const settled = await run.budget?.settle();
      if (settled?.exceeded) yield run.stamp(settled.exceeded);

      const calls = toolCallsOf(finish.message);
      if (calls.length > 0)
        for (const message of yield* executeCalls(run, calls, turn.tools, openCalls)) yield run.add(message);
      yield run.stamp({
        type: "turn-end",
        turn: run.turn,
        usage,
        ...(settled && { costUsd: settled.costUsd }),
        finishReason: finish.reason,
      });
      run.control.check();
      if (calls.length > 0 || finish.reason === "pause" || run.hasSent) continue;

      const verdict = await run.control.wait(checkOutput(run, finish));
      if (verdict.askAgain) {
        yield run.add(verdict.askAgain);
        continue;
      }
      ending = { stopReason: stopReasonOf(finish), ...(verdict.object !== undefined && { object: verdict.object }) };
      break;
    }
  } catch (thrown) {
    ending =
      thrown instanceof RunCut || run.control.stopped
        ? { stopReason: "stopped" }
        : { stopReason: "error", error: asError(thrown) };
  }

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
  for (const message of run.takeSent()) yield run.add(message);
  if (ending.stopReason === "stopped" && run.control.stopped)
    yield run.stamp({ type: "stopped", ...run.control.stopped });
  run.control.close();
  const final = run.end(ending);
  yield final;
  if (ending.error) throw withFinal(ending.error, final);
  return final;
}

/** Sets aside what the turn's request may cost. */
/** Holds a turn's request within the limits of the context; what it takes is loaded by those who have such limits. */
async function* fitTurn(run: RunState, turn: Turn, options: ContextOptions): AsyncGenerator<AgentEvent, Turn> {
  if (!run.fitter) {
    const { ContextFitter } = await run.control.wait(import("./context/context-fitter.ts"));
    run.fitter = new ContextFitter(run, options);
  }
  return yield* run.fitter.fit(turn);
}

async function reserve(run: RunState, { model, request, tokens }: Turn): ReturnType<Budget["reserve"]> {
  return run.budget
    ? run.budget.reserve(nameOf(model), request, tokens, run.usage)
    : { exceeded: undefined, stop: false };
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

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new MillraceError(errorMessage(thrown), { cause: thrown });
}
