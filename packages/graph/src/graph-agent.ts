import { type Cache, MemoryCache } from "@millrace/cache";
import { ConfigError } from "millrace";
import { HookRunner, newId, readToEnd } from "millrace/runs";
import { SnapshotError } from "./errors.ts";
import type { GraphFinal } from "./events.ts";
import type { GraphNode } from "./graph-node.ts";
import {
  checkGraphOptions,
  checkResumeOptions,
  checkRunOptions,
  type GraphOptions,
  type GraphRunOptions,
  type ResumeOptions,
} from "./graph-options.ts";
import { GraphRun } from "./graph-run.ts";
import { Plan } from "./plan.ts";
import { RunState } from "./run-state.ts";
import { checkVersion, type Origin, restore, type Snapshot } from "./snapshot.ts";
import { decodeSnapshot } from "./snapshot-codec.ts";
import { cacheSnapshots, type SnapshotStore } from "./snapshot-store.ts";
import { SnapshotWriter } from "./snapshot-writer.ts";
import { checkIsTask, Task, TaskError } from "./task.ts";

/**
 * A graph of nodes that carries out tasks: step by step, what depends on nothing that is still to come side by side.
 * Immutable and without state of a task: one serves every user of a process.
 *
 * @example
 * ```ts
 * import { GraphAgent, node, Task } from "@millrace/graph";
 *
 * const graph = new GraphAgent({
 *   name: "greeter",
 *   nodes: [
 *     node({ name: "name", modules: [({ task }) => String(task.params["name"])] }),
 *     node({ name: "greet", dependencies: ["name"], modules: [({ results }) => `Hello, ${results["name"]}!`] }),
 *   ],
 * });
 * const task = new Task({ type: "greeting", objective: "Greet", params: { name: "Ada" } });
 * for await (const event of graph.run(task, { userId: "u1", chatId: "c1" })) {
 *   if (event.type === "node-result") console.log(event.node, event.result);
 * }
 * ```
 */
export class GraphAgent {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly #options: GraphOptions;
  readonly #plan: Plan;
  readonly #store: SnapshotStore;

  /** @throws {@link ConfigError} naming the option, the node, or the circle of nodes that cannot work */
  constructor(options: GraphOptions) {
    checkGraphOptions(options, "");
    this.name = options.name;
    this.nodes = [...options.nodes];
    this.#options = { ...options };
    this.#plan = new Plan(this.nodes);
    const { cache } = options;
    this.#store =
      options.snapshots ?? (cache ? cacheSnapshots(cache) : cacheSnapshots(new MemoryCache(), { ttlMs: day }));
  }

  /**
   * Carries out a task: the stream of events of one run. Nothing happens before it is read.
   *
   * @throws {@link TaskError} for a task that was begun before
   * @throws {@link ConfigError} at once, naming the option that cannot work
   */
  run(task: Task, options: GraphRunOptions): GraphRun {
    checkIsTask(task, "task");
    checkRunOptions(options, "");
    if (task.status !== "waiting") throw new TaskError(task.id, task.status, "executing");
    return new GraphRun(this.#state(task, options, this.#plan), { damaged: [] });
  }

  /**
   * Carries out a task, all at once: reads {@link run} to its end and gives its last event.
   *
   * @throws what the run failed with; the error's `final` is the last event
   */
  async runTask(task: Task, options: GraphRunOptions): Promise<GraphFinal> {
    return readToEnd(this.run(task, options));
  }

  /**
   * Goes on from a snapshot, exactly where the task was: what is in the cache for it now is replaced. What the snapshot
   * has as done is not done again.
   *
   * @throws {@link SnapshotError} where it is of another graph or user, or a generator cannot go on
   */
  resume(snapshot: Snapshot, options: ResumeOptions): GraphRun {
    return this.#resume(snapshot, options, []);
  }

  /**
   * Goes on from the newest snapshot of a task that can be read; for each that cannot there is a `snapshot-damaged`
   * event.
   *
   * @throws {@link SnapshotError} of kind `not-found` where the task has none, else as {@link resume} does
   */
  async resumeLatest(taskId: string, options: ResumeOptions): Promise<GraphRun> {
    const damaged: { number: number; error: Error }[] = [];
    for (const number of (await this.#store.list(taskId)).reverse()) {
      try {
        return this.#resume(await this.snapshot(taskId, number), options, damaged);
      } catch (error) {
        if (!(error instanceof SnapshotError) || error.kind !== "damaged") throw error;
        damaged.push({ number, error });
      }
    }
    const all = damaged.length > 0 ? `, but for ${damaged.length} that cannot be read` : "";
    throw new SnapshotError(`task ${taskId} has no snapshot${all}`, { kind: "not-found", taskId });
  }

  /**
   * A snapshot of a task by its number, the one of its `snapshot` event.
   *
   * @throws {@link SnapshotError} of kind `not-found`, `damaged` or `version`
   */
  async snapshot(taskId: string, number: number): Promise<Snapshot> {
    const written = await this.#store.read(taskId, number);
    if (written === undefined) {
      throw new SnapshotError(`task ${taskId} has no snapshot ${number}`, { kind: "not-found", taskId });
    }
    return decodeSnapshot(written, taskId);
  }

  /**
   * The steps in which the nodes run, side by side within a step.
   *
   * @param from only this node and what depends on it: what runs after a jump to it
   * @throws {@link ConfigError} for a node that is not known
   */
  steps(from?: string): string[][] {
    if (from === undefined) return this.#plan.steps();
    if (!this.#plan.nodes.has(from)) throw new ConfigError("from", `there is no node named "${from}"`);
    return this.#plan.steps(this.#plan.chain(from));
  }

  #resume(snapshot: Snapshot, options: ResumeOptions, damaged: Origin["damaged"]): GraphRun {
    checkResumeOptions(options, "");
    checkVersion(snapshot);
    const { nodes = [], ...rest } = options;
    const state = this.#state(Task.from(snapshot.task), rest, this.#plan);
    const known = new Set(snapshot.outline.map(({ name }) => name));
    const added = nodes.filter(({ name }) => known.has(name));
    restore(state, snapshot, [...this.nodes, ...added]);
    return new GraphRun(state, { snapshot, damaged, ...(snapshot.over && { over: snapshot.over }) });
  }

  #state(task: Task, options: GraphRunOptions, plan: Plan): RunState {
    const { userId, chatId, deps, signal, hooks } = options;
    const given = this.#options;
    const cache: Cache = given.cache ?? new MemoryCache();
    const info = Object.freeze({ id: newId("run"), agentName: this.name, userId, chatId });
    const { maxTotalIterations = 100, outputMailbox = "agent_output", errorMailbox = "agent_error" } = given;
    const state = new RunState(
      info,
      { maxTotalIterations, outputMailbox, errorMailbox, graceMs: given.graceMs ?? 250 },
      {
        deps,
        signal,
        task,
        plan,
        cache: cache.scoped({ prefix: "tasks" }).scoped({ prefix: task.id }),
        hasNewCache: given.cache === undefined,
        places: given.maxConcurrency ?? 5,
      },
    );
    if (savesAnything(plan)) {
      state.snapshots = new SnapshotWriter(this.#store, task.id, given.keepSnapshots ?? 3);
    }
    const observers = [given.hooks ?? [], hooks ?? []].flat();
    if (observers.length > 0) state.hooks = new HookRunner(observers, state.bound);
    return state;
  }
}

/** In milliseconds: so long snapshots stay in the memory of a graph, which may serve tasks for years. */
const day = 86_400_000;

function savesAnything(plan: Plan): boolean {
  return [...plan.nodes.values()].some(({ snapshot }) => snapshot !== "never");
}
