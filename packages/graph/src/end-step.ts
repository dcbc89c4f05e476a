import { asError } from "millrace/runs";
import type { DecisionEvent } from "./events.ts";
import { modulesOf } from "./graph-node.ts";
import type { Turn } from "./node-state.ts";
import { generatorKey } from "./run-module.ts";
import { tellFailure } from "./run-node.ts";
import type { RunState } from "./run-state.ts";
import { pathsOf } from "./take-outcomes.ts";

/** All nodes of the step have ended: cleans up and goes to the step that comes next. */
export async function endStep(run: RunState, step: readonly string[]): Promise<void> {
  const added: string[] = [];
  let jump: Turn | undefined;
  let last: Turn | undefined;
  for (const name of step) {
    const state = run.node(name);
    const turn = state.outcome;
    state.outcome = undefined;
    if (!turn) continue;
    added.push(...(turn.added ?? []));
    if (!turn.added || turn.next !== undefined) {
      const refused = refusalOf(run, turn.next);
      await run.emit({ type: "decision", node: name, ...turn, ...(refused && { refused }) });
      if (refused) {
        await tellFailure(run, { node: name, error: refusals[refused](turn.next ?? "") });
        continue;
      }
    }
    last = turn;
    if (turn.next !== undefined || turn.added) jump = turn;
  }
  const winner = jump ?? last;
  if (winner?.cleanup) await cleanUp(run, winner.next);
  if (jump?.next !== undefined) {
    run.steps = run.plan.steps(run.plan.chain(jump.next));
    run.index = 0;
  } else if (added.length > 0) {
    const toCome = run.steps.slice(run.index + 1).flat();
    run.steps = run.plan.steps(new Set([...toCome, ...run.plan.chain(...added)]));
    run.index = 0;
  } else {
    run.index++;
  }
  run.pending = undefined;
}

function refusalOf(run: RunState, next: string | undefined): DecisionEvent["refused"] {
  if (next === undefined) return undefined;
  if (!run.plan.nodes.has(next)) return "unknown";
  return run.node(next).status === "failed" ? "failed" : undefined;
}

const refusals: Record<NonNullable<DecisionEvent["refused"]>, (next: string) => string> = {
  unknown: (next) => `Invalid next node: ${next}`,
  failed: (next) => `Next node has failed: ${next}`,
};

/** Lets a node and all before it begin anew; without one, all nodes. What a module's own cleanup throws is reported. */
async function cleanUp(run: RunState, target: string | undefined): Promise<void> {
  for (const name of target === undefined ? run.plan.nodes.keys() : run.plan.before(target)) {
    const node = run.plan.nodes.get(name);
    if (!node) continue;
    for (const path of pathsOf(node)) {
      const key = generatorKey({ node: name, module: path });
      run.generators
        .get(key)
        ?.return(undefined)
        .catch((error: unknown) => run.hooks?.report(error));
      run.generators.delete(key);
      const state = run.node(name).modules?.get(path);
      delete state?.position;
      delete state?.history;
    }
    for (const module of modulesOf(node)) {
      try {
        await run.control.wait(Promise.resolve(run.bound(async () => module.cleanup?.())));
      } catch (error) {
        run.control.check();
        run.hooks?.report(asError(error));
      }
    }
  }
}
