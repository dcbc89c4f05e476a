import { errorMessage } from "millrace";
import { asError } from "millrace/runs";
import { NodeError } from "./errors.ts";
import type { GraphNode } from "./graph-node.ts";
import { Lane } from "./lane.ts";
import { forgetDone, type NodeState } from "./node-state.ts";
import type { RunState } from "./run-state.ts";
import { takeOutcomes } from "./take-outcomes.ts";
import { type NodeEnd, tryNode } from "./try-node.ts";

/** One visit of a node, from its start to its end. Never throws: what is wrong with the run itself goes to `run.fail()`. */
export async function runNode(run: RunState, name: string): Promise<void> {
  const node = run.plan.nodes.get(name);
  if (!node) return;
  const state = run.node(name);
  const by = run.plan.dependencies.get(name)?.find((dependency) => isFailed(run.nodes.get(dependency)));
  if (by !== undefined) {
    state.status = "blocked";
    run.pending?.delete(name);
    await run.emit({ type: "node-blocked", node: name, by });
    return;
  }
  const startedAt = Date.now();
  // A visit that a snapshot holds goes on; it is not counted again.
  const goesOn = state.status === "running";
  if (!goesOn) {
    state.attempt = 1;
    forgetDone(state);
  }
  const visit = goesOn ? state.visits : state.visits + 1;
  await run.emit({ type: "node-start", node: name, visit });
  const lane = new Lane(run, node, visit);
  const end: NodeEnd =
    node.maxVisits > 0 && visit > node.maxVisits
      ? { ok: false, error: tooManyVisits(node) }
      : await tryNode(lane, node, { goesOn });
  const durationMs = Date.now() - startedAt;
  if (end.ok === "skipped") {
    state.status = "skipped";
    run.pending?.delete(name);
    await run.emit({ type: "node-skipped", node: name });
  } else if (end.ok) {
    await succeed(run, node, end.result, durationMs);
  } else {
    await failNode(run, name, end.error, durationMs);
  }
}

function isFailed(state: NodeState | undefined): boolean {
  return state?.status === "failed" || state?.status === "blocked";
}

async function succeed(run: RunState, node: GraphNode, result: unknown, durationMs: number): Promise<void> {
  const { name } = node;
  const state = run.node(name);
  let added: readonly GraphNode[];
  try {
    added = takeOutcomes(run, name);
  } catch (error) {
    const message = `node ${name} cannot add its nodes: ${errorMessage(error)}`;
    const failure = new NodeError(message, { kind: "invalid-nodes", node: name }, { cause: error });
    return failNode(run, name, failure, durationMs);
  }
  state.status = "complete";
  state.error = undefined;
  state.result = result;
  run.results[name] = result;
  forgetDone(state);
  run.pending?.delete(name);
  await run.emit({ type: "node-result", node: name, result, durationMs });
  if (added.length > 0) {
    const nodes = run.outline(added.map((one) => one.name));
    await run.emit({ type: "nodes-added", node: name, nodes });
  }
}

async function failNode(run: RunState, name: string, error: Error, durationMs: number): Promise<void> {
  const state = run.node(name);
  if (error instanceof NodeError && error.kind === "stopped" && run.control.stopped) {
    // Not ended: a snapshot of it goes on here.
    state.status = "stopped";
  } else {
    await run.effects.run(async () => {
      await tellFailure(run, { node: name, error: error.message });
      state.status = "failed";
      state.error = error;
      forgetDone(state);
      run.pending?.delete(name);
    });
  }
  const chain = [...run.plan.chain(name)];
  await run.emit({ type: "node-failed", node: name, error, chain, durationMs });
}

/** Publishes to the error mailbox. A cache that does not take it fails the run. */
export async function tellFailure(run: RunState, about: { node?: string; error: string }): Promise<void> {
  try {
    await run.patiently(run.cache.publish(run.options.errorMailbox, { status: "error", ...about }));
  } catch (error) {
    run.fail(asError(error));
  }
}

function tooManyVisits({ name, maxVisits }: GraphNode): NodeError {
  return new NodeError(`node ${name} was to be visited more often than its maxVisits, ${maxVisits}`, {
    kind: "max-visits",
    node: name,
  });
}
