import { MillraceError } from "millrace";
import { after, asError } from "millrace/runs";
import { GraphError } from "./errors.ts";
import type { GraphFinal, GraphStopReason, NodeReport } from "./events.ts";
import type { RunState } from "./run-state.ts";
import { save } from "./snapshot-writer.ts";
import { Task } from "./task.ts";

/** Closes what is open, ends the task, writes down what came of it, and says how the run ended. */
export async function endRun(run: RunState, reached: GraphStopReason): Promise<GraphFinal> {
  await within(run.options.graceMs, closeGenerators(run));
  const failedChains = chainsOf(run);
  const ending = endingOf(run, reached, failedChains);
  if (run.hasTask && run.task.status === "executing") {
    const written = tellEnd(run, ending, failedChains).catch((error: unknown) => {
      run.failure ??= asError(error);
    });
    await run.patiently(written);
    endTask(run, run.task, run.failure ? { status: "failed", why: run.failure } : ending);
    if (!run.failure && !run.control.stopped) await save(run, ending.stopReason);
  }
  if (ending.stopReason === "stopped" && run.control.stopped) {
    await run.emit({ type: "stopped", ...run.control.stopped });
  }
  run.control.close();
  const error = run.failure ?? ending.error;
  const final = run.stamp<GraphFinal>({
    type: "final",
    stopReason: run.failure ? "error" : ending.stopReason,
    status: run.task.status,
    task: run.taskState,
    results: { ...run.results },
    nodes: reportsOf(run),
    failedChains,
    steps: run.history,
    iterations: run.iterations,
    usage: run.usage,
    ...(run.costUsd !== undefined && { costUsd: run.costUsd }),
    durationMs: Date.now() - run.startedAt,
    ...(error && { error }),
  });
  run.final = final;
  await run.events.put(final);
  return final;
}

interface Ending {
  readonly stopReason: GraphStopReason;
  /** The status that the task ends with. */
  readonly status: "complete" | "failed" | "partial_failure";
  /** What the run throws. */
  readonly error?: Error;
  /** What the task failed with. */
  readonly why?: Error;
}

function endingOf(run: RunState, reached: GraphStopReason, failedChains: GraphFinal["failedChains"]): Ending {
  const { failure, control, task } = run;
  if (failure) return { stopReason: "error", status: "failed", error: failure, why: failure };
  if (control.stopped) {
    const why = new MillraceError(`the run was stopped: ${control.stopped.reason}`);
    return { stopReason: "stopped", status: "failed", why };
  }
  if (reached === "max-iterations") {
    const { maxTotalIterations } = run.options;
    const why = new MillraceError(`Graph execution exceeded maximum total iterations (${maxTotalIterations})`);
    return { stopReason: reached, status: "failed", why };
  }
  if (failedChains.length === 0) return { stopReason: "completed", status: "complete" };
  const states = [...run.nodes.values()];
  const errors = states.flatMap(({ status, error }) => (status === "failed" && error ? [error] : []));
  const names = failedChains.map(([name]) => name).join(", ");
  const isPartial = states.some(({ status }) => status === "complete");
  const which = isPartial ? "some nodes failed" : "no node succeeded; failed were";
  const first = errors[0] ? `; first: ${errors[0].message}` : "";
  const why = new GraphError(`task ${task.id}: ${which}: ${names}${first}`, { taskId: task.id, errors });
  if (isPartial) return { stopReason: "completed", status: "partial_failure", why };
  return { stopReason: "error", status: "failed", why, error: why };
}

function endTask({ results }: RunState, task: Task, { status, why }: Pick<Ending, "status" | "why">): void {
  const result = { ...results };
  if (status === "complete" || !why) task.complete(result);
  else task.fail(why, result, status === "partial_failure" ? status : "failed");
}

/** The task as it will have ended, for modules of others and for who waits at the mailboxes. Only then has it ended. */
async function tellEnd(run: RunState, ending: Ending, failedChains: GraphFinal["failedChains"]): Promise<void> {
  const { cache, options, results } = run;
  const task = Task.from(run.task.toJSON());
  endTask(run, task, ending);
  await cache.set("task", task.toJSON());
  const failed = failedChains.length > 0 ? { failedChains } : {};
  await cache.publish(options.outputMailbox, { status: task.status, result: { ...results }, ...failed });
}

/** Each node that failed and did not recover, with all that depends on it. */
function chainsOf(run: RunState): string[][] {
  const failed = [...run.plan.nodes.keys()].filter((name) => run.nodes.get(name)?.status === "failed");
  return failed.map((name) => [...run.plan.chain(name)]);
}

function reportsOf(run: RunState): Record<string, NodeReport> {
  return Object.fromEntries([...run.plan.nodes.keys()].map((name) => [name, reportOf(run, name)]));
}

function reportOf(run: RunState, name: string): NodeReport {
  const { status = "waiting", visits = 0, error } = run.nodes.get(name) ?? {};
  return {
    status,
    visits,
    ...(name in run.results && { result: run.results[name] }),
    ...(status === "failed" && error && { error }),
  };
}

async function closeGenerators(run: RunState): Promise<void> {
  const open = [...run.generators.values()];
  run.generators.clear();
  for (const end of await Promise.allSettled(open.map((generator) => generator.return(undefined)))) {
    if (end.status === "rejected") run.hooks?.report(end.reason);
  }
}

/** Waits for `work`, but not longer than so many milliseconds. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  let clear = (): void => {};
  const late = new Promise<void>((resolve) => {
    clear = after(ms, resolve);
  });
  await Promise.race([work, late]);
  clear();
}
