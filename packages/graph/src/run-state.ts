import type { Cache } from "@millrace/cache";
import { addUsage, type Final, noUsage, type RunInfo, type Usage } from "millrace";
import { after, type Bound, bindContext, type HookRunner, RunControl, RunCut } from "millrace/runs";
import { EventQueue } from "./event-queue.ts";
import type { GraphEvent, GraphFinal, NodeOutline } from "./events.ts";
import type { GraphOptions } from "./graph-options.ts";
import { Mutex } from "./mutex.ts";
import { type NodeState, newNodeState } from "./node-state.ts";
import { outlineOf } from "./outline.ts";
import { Permits } from "./permits.ts";
import type { Plan } from "./plan.ts";
import type { SnapshotWriter } from "./snapshot-writer.ts";
import type { Task, TaskState } from "./task.ts";

/** An event before it has its place in the run. */
export type Unstamped<Event = GraphEvent> = Event extends GraphEvent ? Omit<Event, "seq" | "at" | "run"> : never;

/** What a graph's options come to. */
export type ResolvedOptions = Required<
  Pick<GraphOptions, "maxTotalIterations" | "outputMailbox" | "errorMailbox" | "graceMs">
>;

/** What a run is given. */
export interface GivenToRun {
  readonly deps: unknown;
  readonly signal: AbortSignal | undefined;
  readonly cache: Cache;
  readonly hasNewCache: boolean;
  readonly task: Task;
  readonly plan: Plan;
  /** How many modules may run at a time. */
  readonly places: number;
}

/** One run of a graph: what it has done and given, where it stands, and what can stop it. */
export class RunState {
  readonly info: RunInfo;
  readonly options: ResolvedOptions;
  readonly deps: unknown;
  readonly #signal: AbortSignal | undefined;
  readonly control: RunControl = new RunControl();
  /** Calls modules, conditions and hooks in the async context of the caller of `run()`. */
  readonly bound: Bound = bindContext();
  readonly permits: Permits;
  readonly events: EventQueue<GraphEvent> = new EventQueue();
  /** What belongs together in a snapshot is done in here: a message, and that its module is done. */
  readonly effects: Mutex = new Mutex();
  hooks: HookRunner<GraphEvent> | undefined;
  /** In the scope of the task. */
  readonly cache: Cache;
  /** Whether the cache began with this run: all that is left of an earlier one is in its snapshot. */
  readonly hasNewCache: boolean;
  task: Task;
  plan: Plan;
  readonly nodes: Map<string, NodeState> = new Map();
  /** Generators that wait for their next visit, by node and path. */
  readonly generators: Map<string, AsyncGenerator<unknown, unknown, unknown>> = new Map();
  /** What the nodes gave that succeeded; what modules are shown. */
  readonly results: Record<string, unknown> = Object.create(null);
  /** The steps to come, and the one at `index`. */
  steps: readonly (readonly string[])[] = [];
  index = 0;
  /** The nodes of the step that have not ended; undefined between two steps. */
  pending: Set<string> | undefined;
  iterations = 0;
  /** The steps that were begun. */
  readonly history: (readonly string[])[] = [];
  usage: Usage = noUsage;
  costUsd: number | undefined;
  snapshots: SnapshotWriter | undefined;
  /** What is wrong with the run itself: not with a node, but with the cache or the snapshots. */
  failure: Error | undefined;
  final: GraphFinal | undefined;
  /** Whether the task is this run's to end: not where another run has begun it. */
  hasTask = false;
  readonly startedAt: number = Date.now();
  #taskState: TaskState | undefined;
  #seq = 0;

  constructor(info: RunInfo, options: ResolvedOptions, given: GivenToRun) {
    this.info = info;
    this.options = options;
    this.deps = given.deps;
    this.#signal = given.signal;
    this.cache = given.cache;
    this.hasNewCache = given.hasNewCache;
    this.task = given.task;
    this.plan = given.plan;
    this.permits = new Permits(given.places);
    this.control.onStop(() => this.permits.close(new RunCut("stopped")));
  }

  /** Begins to listen to the caller's signal. `control.close()` ends it. */
  listen(): void {
    if (this.#signal) this.control.follow(this.#signal);
  }

  /** What is known of a node. */
  node(name: string): NodeState {
    const known = this.nodes.get(name);
    if (known) return known;
    const state = newNodeState();
    this.nodes.set(name, state);
    return state;
  }

  /** The task as modules see it, made anew when it has moved. */
  get taskState(): TaskState {
    if (this.#taskState?.status !== this.task.status) this.#taskState = this.task.toJSON();
    return this.#taskState ?? this.task.toJSON();
  }

  /** Gives an event its place in the run and shows it to the observers. */
  stamp<Event extends GraphEvent>(event: Unstamped<Event>): Event;
  stamp(event: Unstamped): GraphEvent {
    const stamped: GraphEvent = { ...event, seq: this.#seq++, at: Date.now(), run: this.info };
    this.hooks?.observe(stamped);
    return stamped;
  }

  /** Tells the reader. Fulfilled when the reader asks for the next event. */
  emit(event: Unstamped): Promise<void> {
    return this.events.put(this.stamp<GraphEvent>(event));
  }

  /**
   * Waits for what a cache or a store does; once the run is stopped, not longer than the grace. Undefined where it was not
   * waited for: what comes later is ignored.
   */
  async patiently<T>(work: Promise<T>): Promise<T | undefined> {
    let release = (): void => {};
    let clear = (): void => {};
    try {
      return await new Promise<T | undefined>((resolve, reject) => {
        work.then(resolve, reject);
        release = this.control.onStop(() => {
          clear = after(this.options.graceMs, () => resolve(undefined));
        });
      });
    } finally {
      release();
      clear();
    }
  }

  /** Ends the run by what is wrong with itself. The first failure counts. */
  fail(error: Error): void {
    this.failure ??= error;
    this.control.stop("the run has failed", "call");
  }

  /** Counts what an agent has spent. */
  spend({ usage, costUsd }: Final): void {
    this.usage = addUsage(this.usage, usage);
    if (costUsd !== undefined) this.costUsd = (this.costUsd ?? 0) + costUsd;
  }

  /** The nodes as they stand now, in words. */
  outline(names: Iterable<string> = this.plan.nodes.keys()): NodeOutline[] {
    return [...names].flatMap((name) => {
      const node = this.plan.nodes.get(name);
      const status = this.nodes.get(name)?.status ?? "waiting";
      if (!node) return [];
      return [{ ...outlineOf(node, this.plan.dependencies.get(name)), ...(status !== "waiting" && { status }) }];
    });
  }
}
