import { errorMessage } from "millrace";
import { merge, RunControl, sleep } from "millrace/runs";
import { isTrue } from "./condition.ts";
import { NodeError } from "./errors.ts";
import type {
  GraphEvent,
  NodeBlocked,
  NodeFailed,
  NodeResult,
  NodeRetryEvent,
  NodeSkipped,
  NodeStart,
  NodesAdded,
} from "./events.ts";
import { type GraphNode, isNode } from "./graph-node.ts";
import type { Module } from "./module.ts";
import { forgetDone, type NodeState } from "./node-state.ts";
import { type PartEnd, runModule } from "./run-module.ts";
import type { RunState } from "./run-state.ts";
import { takeOutcomes } from "./take-outcomes.ts";

/** How the tries of a node ended. */
type NodeEnd = PartEnd | { readonly ok: "skipped" };

/** One visit of a node, from its start to its end. Never throws: what is wrong with the run itself goes to `run.fail()`. */
export async function* runNode(run: RunState, name: string): AsyncGenerator<GraphEvent, void, undefined> {
  const node = run.plan.nodes.get(name);
  if (!node) return;
  const state = run.node(name);
  const by = run.plan.dependencies.get(name)?.find((dependency) => isFailed(run.nodes.get(dependency)));
  if (by !== undefined) {
    state.status = "blocked";
    run.pending?.delete(name);
    yield run.stamp<NodeBlocked>({ type: "node-blocked", node: name, by });
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
  yield run.stamp<NodeStart>({ type: "node-start", node: name, visit });
  const lane = new Lane(run, node, visit);
  const end: NodeEnd =
    node.maxVisits > 0 && visit > node.maxVisits
      ? { ok: false, error: tooManyVisits(node) }
      : yield* tryNode(lane, node, "", goesOn);
  const durationMs = Date.now() - startedAt;
  if (end.ok === "skipped") {
    state.status = "skipped";
    run.pending?.delete(name);
    yield run.stamp<NodeSkipped>({ type: "node-skipped", node: name });
  } else if (end.ok) {
    yield* succeed(run, node, end.result, durationMs);
  } else {
    yield* failNode(run, name, end.error, durationMs);
  }
}

function isFailed(state: NodeState | undefined): boolean {
  return state?.status === "failed" || state?.status === "blocked";
}

async function* succeed(
  run: RunState,
  node: GraphNode,
  result: unknown,
  durationMs: number,
): AsyncGenerator<GraphEvent, void, undefined> {
  const { name } = node;
  const state = run.node(name);
  let added: readonly GraphNode[];
  try {
    added = takeOutcomes(run, name);
  } catch (error) {
    const message = `node ${name} cannot add its nodes: ${errorMessage(error)}`;
    yield* failNode(
      run,
      name,
      new NodeError(message, { kind: "invalid-nodes", node: name }, { cause: error }),
      durationMs,
    );
    return;
  }
  state.status = "complete";
  state.error = undefined;
  state.result = result;
  run.results[name] = result;
  forgetDone(state);
  run.pending?.delete(name);
  yield run.stamp<NodeResult>({ type: "node-result", node: name, result, durationMs });
  if (added.length > 0) {
    const nodes = run.outline(added.map((one) => one.name));
    yield run.stamp<NodesAdded>({ type: "nodes-added", node: name, nodes });
  }
}

async function* failNode(
  run: RunState,
  name: string,
  error: Error,
  durationMs: number,
): AsyncGenerator<GraphEvent, void, undefined> {
  const state = run.node(name);
  if (error instanceof NodeError && error.kind === "stopped" && run.control.stopped) {
    // Not ended: a snapshot of it goes on here.
    state.status = "stopped";
  } else {
    state.status = "failed";
    state.error = error;
    forgetDone(state);
    run.pending?.delete(name);
    await tellFailure(run, { node: name, error: error.message });
  }
  const chain = [...run.plan.chain(name)];
  yield run.stamp<NodeFailed>({ type: "node-failed", node: name, error, chain, durationMs });
}

/** Publishes to the error mailbox. A cache that does not take it fails the run. */
export async function tellFailure(run: RunState, about: { node?: string; error: string }): Promise<void> {
  try {
    await run.cache.publish(run.options.errorMailbox, { status: "error", ...about });
  } catch (error) {
    run.fail(asError(error));
  }
}

/** Where the tries of a node, or of a node within it, take place. */
class Lane {
  readonly run: RunState;
  readonly node: GraphNode;
  readonly visit: number;
  /** What stops this part of the node: the run's, or that of a group which one success ends. */
  readonly control: RunControl;

  constructor(run: RunState, node: GraphNode, visit: number, control: RunControl = run.control) {
    this.run = run;
    this.node = node;
    this.visit = visit;
    this.control = control;
  }

  /** Calls `work` with a signal that the stop aborts; the stop ends the wait at once. */
  async cut<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const stop = (): void => controller.abort(stoppedNode(this.node.name));
    const releases = [this.control.onStop(stop), this.run.control.onStop(stop)];
    try {
      const { signal } = controller;
      signal.throwIfAborted();
      return await new Promise<T>((resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        this.run.bound(() => work(signal)).then(resolve, reject);
      });
    } finally {
      for (const release of releases) release();
    }
  }
}

/** A node, or a node within it, with its repetitions. */
async function* tryNode(
  lane: Lane,
  node: GraphNode,
  path: string,
  goesOn: boolean,
): AsyncGenerator<GraphEvent, NodeEnd, undefined> {
  const { run } = lane;
  const state = run.node(lane.node.name);
  const retry = node.retry || { maxRetries: 0 };
  const maxRetries = retry.maxRetries ?? (path === "" ? 3 : 0);
  let isAsked = goesOn;
  for (let attempt = path === "" ? state.attempt : 1; ; attempt++) {
    if (path === "") state.attempt = attempt;
    let end: NodeEnd;
    try {
      isAsked ||= await passes(lane, node);
      end = isAsked ? yield* attemptNode(lane, node, path, attempt) : { ok: "skipped" };
    } catch (thrown) {
      end = { ok: false, error: asNodeError(thrown, lane.node.name) };
    }
    if (end.ok) return end;
    const isRepeated = attempt <= maxRetries && (!(end.error instanceof NodeError) || end.error.retryable);
    if (!isRepeated || lane.control.stopped || run.control.stopped) return end;
    const delayMs = delayOf(node, attempt);
    const inner = path === "" ? {} : { module: path };
    const { error } = end;
    yield run.stamp<NodeRetryEvent>({ type: "retry", node: lane.node.name, ...inner, attempt, error, delayMs });
    try {
      if (delayMs > 0) await lane.cut((signal) => sleep(delayMs, signal));
    } catch (thrown) {
      return { ok: false, error: asNodeError(thrown, lane.node.name) };
    }
    forgetFrom(state, node, path);
  }
}

/** Whether the node's condition is true; then its visit counts. */
async function passes(lane: Lane, node: GraphNode): Promise<boolean> {
  const { run } = lane;
  const { condition } = node;
  if (condition && !(await lane.cut((signal) => isTrue(condition, run.cache, signal)))) return false;
  if (node === lane.node) {
    const state = run.node(node.name);
    state.status = "running";
    state.visits = lane.visit;
  }
  return true;
}

async function* attemptNode(
  lane: Lane,
  node: GraphNode,
  path: string,
  attempt: number,
): AsyncGenerator<GraphEvent, PartEnd, undefined> {
  const { run } = lane;
  await checkKeys(lane, node, "inputs");
  const end = node.parallel
    ? yield* runSideBySide(lane, node, path, attempt)
    : yield* runInOrder(lane, node, path, attempt);
  if (!end.ok) return end;
  await checkKeys(lane, node, "outputs");
  const { outputMailbox } = node;
  if (outputMailbox !== undefined) {
    await lane.cut(() => run.effects.run(() => run.cache.publish(outputMailbox, end.result)));
  }
  return end;
}

/** One after the other, until one fails; or with `stopOnSuccess` until one succeeds. */
async function* runInOrder(
  lane: Lane,
  node: GraphNode,
  path: string,
  attempt: number,
): AsyncGenerator<GraphEvent, PartEnd, undefined> {
  const results: unknown[] = [];
  let end: PartEnd = { ok: true, result: [] };
  for (const part of node.modules) {
    end = yield* runPart(lane, part, path, attempt);
    if (end.ok) results.push(end.result);
    if (end.ok === node.stopOnSuccess) break;
    if (!end.ok && lane.run.control.stopped) break;
  }
  if (!end.ok) return end;
  return { ok: true, result: node.stopOnSuccess ? end.result : resultOf(node, results) };
}

/** All at once. The first that failed, in their order, is the failure of the node. */
async function* runSideBySide(
  lane: Lane,
  node: GraphNode,
  path: string,
  attempt: number,
): AsyncGenerator<GraphEvent, PartEnd, undefined> {
  const { run } = lane;
  const group = new RunControl();
  const inner = new Lane(run, lane.node, lane.visit, group);
  const release = lane.control.onStop(() => group.stop("stopped", "call"));
  let first: PartEnd | undefined;
  const parts = node.modules.map(async function* (part) {
    const end = yield* runPart(inner, part, path, attempt);
    if (end.ok && node.stopOnSuccess) {
      first ??= end;
      group.stop("another one succeeded", "call");
    }
    return end;
  });
  const ends = yield* merge(parts);
  release();
  if (first) return first;
  const failed = ends.find(({ ok }) => !ok);
  if (failed) return failed;
  return {
    ok: true,
    result: resultOf(
      node,
      ends.map((end) => (end.ok ? end.result : undefined)),
    ),
  };
}

async function* runPart(
  lane: Lane,
  part: Module | GraphNode,
  path: string,
  attempt: number,
): AsyncGenerator<GraphEvent, PartEnd, undefined> {
  const { run, control, visit } = lane;
  const inner = path === "" ? part.name : `${path}/${part.name}`;
  if (!isNode(part)) {
    return yield* runModule(run, control, { node: lane.node.name, module: inner, visit, attempt }, part);
  }
  const end = yield* tryNode(lane, part, inner, false);
  return end.ok === "skipped" ? { ok: true, result: undefined } : end;
}

/** One module's result is the node's. */
function resultOf(node: GraphNode, results: readonly unknown[]): unknown {
  return node.modules.length === 1 ? results[0] : results;
}

/** The keys that a node needs, or promises, have values. */
async function checkKeys(lane: Lane, node: GraphNode, which: "inputs" | "outputs"): Promise<void> {
  const keys = node[which];
  if (keys.length === 0) return;
  const present = new Set(await lane.cut(() => lane.run.cache.keys()));
  const missing = keys.filter((key) => !present.has(key));
  if (missing.length === 0) return;
  const needs = which === "inputs" ? "needs values in the cache" : "has not set the values that it promises";
  throw new NodeError(`node ${node.name} ${needs}: ${missing.join(", ")} missing`, {
    kind: `missing-${which}`,
    node: lane.node.name,
  });
}

/** What a repetition does again. */
function forgetFrom(state: NodeState, node: GraphNode, path: string): void {
  const retryFrom = node.retry ? node.retry.retryFrom : undefined;
  const kept = node.modules.findIndex(({ name }) => name === retryFrom);
  const names = new Set(node.modules.slice(Math.max(0, kept)).map(({ name }) => name));
  const prefix = path === "" ? "" : `${path}/`;
  forgetDone(state, (module) => {
    if (!module.startsWith(prefix)) return false;
    return names.has(module.slice(prefix.length).split("/")[0] ?? "");
  });
}

function delayOf(node: GraphNode, attempt: number): number {
  const { backoff = "exponential", initialDelayMs = 1000, maxDelayMs = 60_000 } = node.retry || {};
  const factor = { exponential: 2 ** (attempt - 1), linear: attempt, fixed: 1 }[backoff];
  return Math.min(initialDelayMs * factor, maxDelayMs);
}

function tooManyVisits({ name, maxVisits }: GraphNode): NodeError {
  return new NodeError(`node ${name} was to be visited more often than its maxVisits, ${maxVisits}`, {
    kind: "max-visits",
    node: name,
  });
}

function stoppedNode(node: string): NodeError {
  return new NodeError(`node ${node} was stopped before it had a result`, { kind: "stopped", node });
}

function asNodeError(thrown: unknown, node: string): NodeError {
  if (thrown instanceof NodeError) return thrown;
  return new NodeError(`node ${node} failed: ${errorMessage(thrown)}`, { kind: "failed", node }, { cause: thrown });
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(errorMessage(thrown), { cause: thrown });
}
