import type { Message, Usage } from "millrace";
import { isObject } from "millrace/runs";
import { NodeError, type NodeFailureKind, SnapshotError } from "./errors.ts";
import type { GraphStopReason, NodeOutline, NodeStatus } from "./events.ts";
import { type GraphNode, isNode, type modulesOf } from "./graph-node.ts";
import { outcome } from "./module.ts";
import type { ModuleState, NodeState, Turn } from "./node-state.ts";
import { Plan } from "./plan.ts";
import type { RunState } from "./run-state.ts";
import { Task, type TaskState } from "./task.ts";

/** A task as it stood at a moment, whole: a graph goes on from it. Plain data. */
export interface Snapshot {
  readonly version: 1;
  /** The graph's name. */
  readonly graph: string;
  readonly userId: string;
  readonly chatId: string;
  /** 0, 1, 2 … within the task. */
  readonly number: number;
  /** When, in milliseconds since 1970. */
  readonly at: number;
  readonly task: TaskState;
  /** Set when the task was over: how its run ended. */
  readonly over?: GraphStopReason;
  readonly nodes: readonly SavedNode[];
  /** What depended on what, with the nodes that were added. */
  readonly outline: readonly NodeOutline[];
  readonly steps: readonly (readonly string[])[];
  readonly index: number;
  readonly pending?: readonly string[];
  readonly iterations: number;
  readonly history: readonly (readonly string[])[];
  readonly usage: Usage;
  readonly costUsd?: number;
  /** What the nodes had given, by their names. */
  readonly results: Readonly<Record<string, unknown>>;
  /** The values in the scope of the task, by their full names. */
  readonly values: ReadonlyMap<string, unknown>;
  /** The messages in the scope of the task, by the full names of their mailboxes. */
  readonly mailboxes: ReadonlyMap<string, readonly unknown[]>;
}

/** What a {@link Snapshot} has of a node. */
export interface SavedNode {
  readonly name: string;
  readonly status: NodeStatus;
  readonly visits: number;
  readonly attempt: number;
  readonly error?: { readonly kind: NodeFailureKind; readonly message: string; readonly module?: string };
  readonly outcome?: Turn;
  readonly modules: readonly SavedModule[];
}

/** What a {@link Snapshot} has of a module. */
export interface SavedModule {
  readonly path: string;
  readonly done?: { readonly result: unknown; readonly decision?: Turn };
  readonly position?: number;
  readonly history?: readonly Message[];
}

/** Where a run begins: at its task, or at a snapshot. */
export interface Origin {
  readonly snapshot?: Snapshot;
  readonly over?: GraphStopReason;
  /** Snapshots that could not be read. */
  readonly damaged: readonly { readonly number: number; readonly error: Error }[];
}

/** All of a snapshot but what is in the cache. */
export type SnapshotState = Omit<Snapshot, "values" | "mailboxes">;

/** The run as it stands. What it holds is shared, not copied: to be written at once. */
export function stateOf(run: RunState, number: number, over: GraphStopReason | undefined): SnapshotState {
  const { info, task, steps, index, pending, iterations, history, usage, costUsd, results } = run;
  return {
    version: 1,
    graph: info.agentName,
    userId: info.userId,
    chatId: info.chatId,
    number,
    at: Date.now(),
    task: task.toJSON(),
    ...(over && { over }),
    nodes: [...run.nodes].map(([name, state]) => savedNode(name, state)),
    outline: [...run.plan.dependencies].map(([name, dependencies]) => ({ name, dependencies })),
    steps,
    index,
    ...(pending && { pending: [...pending] }),
    iterations,
    history,
    usage,
    ...(costUsd !== undefined && { costUsd }),
    results,
  };
}

function savedNode(name: string, { status, visits, attempt, error, outcome: turn, modules }: NodeState): SavedNode {
  return {
    name,
    status,
    visits,
    attempt,
    ...(error instanceof NodeError && {
      error: { kind: error.kind, message: error.message, ...(error.module !== undefined && { module: error.module }) },
    }),
    ...(turn && { outcome: turn }),
    modules: [...(modules ?? [])].map(([path, module]) => savedModule(path, module)),
  };
}

/** A module that added nodes is not saved as done: functions cannot be written, so it is run again to make them. */
function savedModule(path: string, { done, position, history }: ModuleState): SavedModule {
  const { next, cleanup = false, metadata, newNodes = [] } = done?.outcome?.options ?? {};
  const decision = done?.outcome && {
    cleanup,
    ...(next !== undefined && { next }),
    ...(metadata && { metadata }),
  };
  return {
    path,
    ...(done && newNodes.length === 0 && { done: { result: done.result, ...(decision && { decision }) } }),
    ...(position !== undefined && { position }),
    ...(history && { history }),
  };
}

/**
 * Refuses what no version of this package can go on from.
 *
 * @throws {@link SnapshotError} of kind `version`
 */
export function checkVersion(snapshot: Snapshot): void {
  const { version, task } = Object(snapshot);
  if (version === 1 && isObject(task)) return;
  const message = `expected a snapshot of version 1, got ${version === undefined ? "something else" : `version ${version}`}`;
  throw new SnapshotError(message, { kind: "version", taskId: String(Object(task).id) });
}

/**
 * Sets a new run to where the snapshot's stood.
 *
 * @param nodes those of the graph, and those that were added to it while it ran
 * @throws {@link SnapshotError} where it does not belong to this graph and user, or cannot be gone on from
 */
export function restore(run: RunState, snapshot: Snapshot, nodes: readonly GraphNode[]): void {
  checkOwner(run, snapshot);
  const { outline, task, steps, index, pending, iterations, history, usage, costUsd, results } = snapshot;
  const known = new Map(nodes.map((node) => [node.name, node]));
  const missing = outline.filter(({ name }) => !known.has(name)).map(({ name }) => name);
  if (missing.length > 0) {
    const what = "the snapshot has nodes that the graph has not";
    const hint = "if they were added while it ran, make them again and pass them as `nodes`";
    throw new SnapshotError(`${what}: ${missing.join(", ")}; ${hint}`, { kind: "mismatch", taskId: task.id });
  }
  run.plan = new Plan(nodes, dependenciesOf(nodes, outline));
  run.task = Task.from(task);
  run.steps = steps;
  run.index = index;
  run.pending = pending && new Set(pending);
  run.iterations = iterations;
  run.history.push(...history);
  run.usage = usage;
  run.costUsd = costUsd;
  for (const [name, result] of Object.entries(results)) run.results[name] = result;
  for (const saved of snapshot.nodes) {
    const node = known.get(saved.name);
    if (node) restoreNode(run, snapshot, node, saved);
  }
}

function dependenciesOf(
  nodes: readonly GraphNode[],
  outline: readonly NodeOutline[],
): ReadonlyMap<string, readonly string[]> {
  const saved = new Map(outline.map(({ name, dependencies }) => [name, dependencies]));
  return new Map(nodes.map(({ name, dependencies }) => [name, saved.get(name) ?? dependencies]));
}

function checkOwner(run: RunState, { graph, userId, chatId, task }: Snapshot): void {
  const { info } = run;
  const facts = { kind: "mismatch", taskId: task.id } as const;
  if (graph !== info.agentName) {
    throw new SnapshotError(`the snapshot was taken of the graph "${graph}", and this is "${info.agentName}"`, facts);
  }
  // Says nothing of whose it is.
  if (userId !== info.userId || chatId !== info.chatId) {
    throw new SnapshotError("the snapshot is of another user's task, or of another chat", facts);
  }
}

function restoreNode(run: RunState, snapshot: Snapshot, node: GraphNode, saved: SavedNode): void {
  const { name, status, visits, attempt, error, outcome: turn, modules } = saved;
  const state = run.node(name);
  const isOpen = snapshot.pending?.includes(name) && (status === "running" || status === "stopped");
  state.status = isOpen ? "running" : status === "stopped" ? "waiting" : status;
  state.visits = visits;
  state.attempt = attempt;
  state.outcome = turn;
  state.result = run.results[name];
  if (error) state.error = new NodeError(error.message, { ...error, node: name });
  if (modules.length > 0) state.modules = new Map(modules.map((module) => [module.path, moduleOf(module)]));
  if (snapshot.over) return;
  for (const { path, position = 0 } of modules) {
    if (position > 0 && moduleAt(node, path)?.resumable === false) {
      throw new SnapshotError(
        `the generator ${path} of node ${name} has begun and says that it cannot be run again (resumable: false)`,
        { kind: "not-resumable", taskId: snapshot.task.id },
      );
    }
  }
}

function moduleOf({ done, position, history }: SavedModule): ModuleState {
  return {
    ...(done && { done: { result: done.result, ...(done.decision && { outcome: outcome(done.decision) }) } }),
    ...(position !== undefined && { position }),
    ...(history && { history }),
  };
}

function moduleAt(node: GraphNode, path: string): ReturnType<typeof modulesOf>[number] | undefined {
  const [first, ...rest] = path.split("/");
  const part = node.modules.find(({ name }) => name === first);
  if (!part || !isNode(part)) return part;
  return moduleAt(part, rest.join("/"));
}

/** Puts the values and messages of the task back in place of what is there. */
export async function restoreCache(run: RunState, { values, mailboxes }: Snapshot): Promise<void> {
  const { cache } = run;
  await cache.clear();
  for (const [key, value] of values) await cache.set(key, value, { raw: true });
  for (const [mailbox, messages] of mailboxes) {
    for (const message of messages) await cache.publish(mailbox, message, { raw: true });
  }
}
