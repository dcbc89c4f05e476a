import { errorMessage, maskSecrets } from "millrace";
import { RunControl, sleep } from "millrace/runs";
import { isTrue } from "./condition.ts";
import { NodeError } from "./errors.ts";
import { type GraphNode, isNode } from "./graph-node.ts";
import { Lane, stoppedNode } from "./lane.ts";
import type { Module } from "./module.ts";
import { forgetDone, moduleState, type NodeState } from "./node-state.ts";
import { type PartEnd, runModule } from "./run-module.ts";

/** How the tries of a node ended. */
export type NodeEnd = PartEnd | { readonly ok: "skipped" };

/**
 * A node, or a node within it, with its repetitions.
 *
 * @param at `path`: of a node within the visited one. `goesOn`: its condition was true before a snapshot
 */
export async function tryNode(
  lane: Lane,
  node: GraphNode,
  { path = "", goesOn = false }: { path?: string; goesOn?: boolean },
): Promise<NodeEnd> {
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
      end = isAsked ? await attemptNode(lane, node, path, attempt) : { ok: "skipped" };
    } catch (thrown) {
      end = { ok: false, error: asNodeError(thrown, lane.node.name) };
    }
    if (end.ok) return end;
    const isRepeated = attempt <= maxRetries && (!(end.error instanceof NodeError) || end.error.retryable);
    if (!isRepeated || lane.isStopped) return end;
    const delayMs = delayOf(node, attempt);
    const inner = path === "" ? {} : { module: path };
    const { error } = end;
    await run.emit({ type: "retry", node: lane.node.name, ...inner, attempt, error, delayMs });
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

/** One try. What a snapshot has of it is not done again. */
async function attemptNode(lane: Lane, node: GraphNode, path: string, attempt: number): Promise<PartEnd> {
  const { run } = lane;
  const done = run.node(lane.node.name).modules?.get(path)?.done;
  if (done) return { ok: true, result: done.result };
  await checkKeys(lane, node, "inputs");
  const runParts = node.parallel ? runSideBySide : runInOrder;
  const end = await runParts(lane, node, path, attempt);
  if (!end.ok) return end;
  await checkKeys(lane, node, "outputs");
  const { outputMailbox } = node;
  if (outputMailbox === undefined) return end;
  const publish = async (): Promise<void> => {
    await run.cache.publish(outputMailbox, end.result);
    moduleState(run.node(lane.node.name), path).done = { result: end.result };
  };
  await lane.cut(() => run.effects.run(publish));
  return end;
}

/** One after the other, until one fails; or with `stopOnSuccess` until one succeeds. */
async function runInOrder(lane: Lane, node: GraphNode, path: string, attempt: number): Promise<PartEnd> {
  const ends: NodeEnd[] = [];
  for (const part of node.modules) {
    if (lane.isStopped) return { ok: false, error: stoppedNode(lane.node.name) };
    const end = await runPart(lane, part, path, attempt);
    ends.push(end);
    if (end.ok === node.stopOnSuccess) break;
  }
  return endOf(node, ends);
}

/** All at once; with `stopOnSuccess` until one succeeds. */
async function runSideBySide(lane: Lane, node: GraphNode, path: string, attempt: number): Promise<PartEnd> {
  const { run } = lane;
  const group = new RunControl();
  const inner = new Lane(run, lane.node, lane.visit, group);
  const release = lane.control.onStop(() => group.stop("stopped", "call"));
  let first: NodeEnd | undefined;
  const ends = await Promise.all(
    node.modules.map(async (part) => {
      const end = await runPart(inner, part, path, attempt);
      if (end.ok === true && node.stopOnSuccess) {
        first ??= end;
        group.stop("another one succeeded", "call");
      }
      return end;
    }),
  );
  release();
  return endOf(node, first ? [first] : ends);
}

async function runPart(lane: Lane, part: Module | GraphNode, path: string, attempt: number): Promise<NodeEnd> {
  const { run, control, visit } = lane;
  const inner = path === "" ? part.name : `${path}/${part.name}`;
  if (!isNode(part)) {
    return runModule(run, control, { node: lane.node.name, module: inner, visit, attempt }, part);
  }
  return tryNode(lane, part, { path: inner });
}

/**
 * What came of a node whose parts have ended so. The first that failed, in their order, is the failure of the node, unless
 * one success is enough and there is one. A part that was skipped has done neither.
 */
function endOf({ modules, stopOnSuccess }: GraphNode, ends: readonly NodeEnd[]): PartEnd {
  const succeeded = ends.find((end) => end.ok === true);
  if (stopOnSuccess && succeeded) return succeeded;
  const failed = ends.find((end) => end.ok === false);
  if (failed) return failed;
  const results = ends.map((end) => (end.ok === true ? end.result : undefined));
  // One module's result is the node's.
  return { ok: true, result: stopOnSuccess || modules.length === 1 ? results[0] : results };
}

/** The keys that a node needs, or promises, have values. */
async function checkKeys(lane: Lane, node: GraphNode, which: "inputs" | "outputs"): Promise<void> {
  const keys = node[which];
  if (keys.length === 0) return;
  // Not `cache.keys()`, which in Redis looks at all that there is.
  const values = await lane.cut(() => Promise.all(keys.map((key) => lane.run.cache.get(key))));
  const missing = keys.filter((_, index) => values[index] === undefined);
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

function asNodeError(thrown: unknown, node: string): NodeError {
  if (thrown instanceof NodeError) return thrown;
  const message = `node ${node} failed: ${maskSecrets(errorMessage(thrown))}`;
  return new NodeError(message, { kind: "failed", node }, { cause: thrown });
}
