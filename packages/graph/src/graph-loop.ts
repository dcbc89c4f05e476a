import { asError, RunCut, withFinal } from "millrace/runs";
import { endRun } from "./end-run.ts";
import { endStep } from "./end-step.ts";
import type { GraphFinal } from "./events.ts";
import { runNode, tellFailure } from "./run-node.ts";
import type { RunState } from "./run-state.ts";
import type { Origin } from "./snapshot.ts";
import { restoreCache } from "./snapshot.ts";
import { save } from "./snapshot-writer.ts";

/**
 * The loop of a graph: step by step until the plan is at its end. Every run ends with exactly one `final`; one that
 * failed throws its error after it.
 *
 * As with an agent's loop, its reader never calls `return()` on it but stops the run and reads on to the end.
 */
export async function graphLoop(run: RunState, origin: Origin): Promise<GraphFinal> {
  let stopReason: "completed" | "max-iterations" = "completed";
  try {
    await begin(run, origin);
    for (let step = run.steps[run.index]; step && !origin.over; step = run.steps[run.index]) {
      if (!run.pending) {
        if (run.iterations >= run.options.maxTotalIterations) {
          stopReason = "max-iterations";
          await tooManyIterations(run);
          break;
        }
        run.iterations++;
        run.history.push(step);
        run.pending = new Set(step);
        if (isSavedBefore(run, step)) await save(run);
        run.control.check();
      }
      await run.emit({ type: "step-start", iteration: run.iterations, nodes: [...run.pending] });
      await runStep(run, [...run.pending]);
      run.control.check();
      await endStep(run, step);
    }
    run.control.check();
  } catch (thrown) {
    if (!(thrown instanceof RunCut)) run.fail(asError(thrown));
  }
  const final = await endRun(run, origin.over ?? stopReason);
  if (final.error) throw withFinal(final.error, final);
  return final;
}

async function begin(run: RunState, { snapshot, damaged }: Origin): Promise<void> {
  let refusal: unknown;
  try {
    if (!snapshot) run.task.begin();
    run.hasTask = true;
  } catch (error) {
    refusal = error;
  }
  const resumedFrom = snapshot && { resumedFrom: snapshot.number };
  await run.emit({ type: "graph-start", task: run.taskState, nodes: run.outline(), ...resumedFrom });
  if (refusal) throw refusal;
  for (const { number, error } of damaged) {
    await run.emit({ type: "snapshot-damaged", number, error });
  }
  run.listen();
  if (!snapshot) run.steps = run.plan.steps();
  else if (!snapshot.over || run.hasNewCache) await run.control.wait(restoreCache(run, snapshot));
  if (!snapshot?.over) await run.control.wait(run.cache.set("task", run.taskState));
}

/** All that is left of a step, side by side. */
async function runStep(run: RunState, names: readonly string[]): Promise<void> {
  const ends = await Promise.allSettled(names.map((name) => runNode(run, name)));
  // Only a fault of our own: even then no event comes after the last one.
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

function isSavedBefore(run: RunState, step: readonly string[]): boolean {
  return step.some((name) => {
    const mode = run.plan.nodes.get(name)?.snapshot;
    return mode === "always" || (mode === "once" && run.node(name).visits === 0);
  });
}

async function tooManyIterations(run: RunState): Promise<void> {
  const { maxTotalIterations } = run.options;
  await tellFailure(run, { error: `Graph execution exceeded maximum total iterations (${maxTotalIterations})` });
  await run.emit({ type: "max-iterations-reached", maxTotalIterations });
}
