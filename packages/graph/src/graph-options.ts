import type { Cache } from "@millrace/cache";
import { ConfigError } from "millrace";
import {
  anything,
  type Check,
  callable,
  count,
  fields,
  type HooksOf,
  isObject,
  list,
  millisecondsOrNone,
  text,
  wrong,
} from "millrace/runs";
import type { GraphEvent } from "./events.ts";
import { type GraphNode, isNode } from "./graph-node.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

/**
 * Observers of a graph's run, one per event: `onNodeStart`, `onModuleResult`, `onFinal` … and `onEvent` for all of them.
 * They are called as those of an agent are.
 */
export type GraphHooks = HooksOf<GraphEvent>;

/** What a {@link GraphAgent} is made of. */
export interface GraphOptions {
  /** Names the graph in its events, and in its snapshots. */
  name: string;
  nodes: readonly GraphNode[];
  /** Where the values and mailboxes of tasks are, each task in a scope of its own. Default: in the memory of each run. */
  cache?: Cache;
  /** How many modules run at a time. Nodes do not count, however they are nested. Default: 5. */
  maxConcurrency?: number;
  /** How many steps a run may make. Default: 100. */
  maxTotalIterations?: number;
  /** The mailbox of what came of the task. Default: `agent_output`. */
  outputMailbox?: string;
  /** The mailbox of what failed. Default: `agent_error`. */
  errorMailbox?: string;
  /**
   * Keeps the snapshots that nodes ask for. Default: the graph's `cache`; without one, the memory of this graph, for a day.
   */
  snapshots?: SnapshotStore;
  /** How many snapshots of a task are kept: the newest. Default: 3. */
  keepSnapshots?: number;
  /** How long modules may take to react to a stop before they are abandoned, in milliseconds. Default: 250. */
  graceMs?: number;
  /** Observers; several sets are all called, in order. */
  hooks?: GraphHooks | readonly GraphHooks[];
}

/** What one run of a graph takes. */
export interface GraphRunOptions {
  /** Whose run it is. Compulsory: it reaches every module, agent, hook and event. */
  userId: string;
  /** Which conversation it belongs to. Compulsory. */
  chatId: string;
  /** Stops the run when it aborts. */
  signal?: AbortSignal;
  /** Reaches every module as `deps`, and the tools of agents in nodes: a database, a request, anything. */
  deps?: unknown;
  /** Observers of this run, behind the graph's own. */
  hooks?: GraphHooks | readonly GraphHooks[];
}

/** What going on from a snapshot takes. */
export interface ResumeOptions extends GraphRunOptions {
  /** Nodes that were added while the task ran, made again: functions cannot be saved. */
  nodes?: readonly GraphNode[];
}

const checkNodes: Check = (value, at) => {
  list(value, at);
  for (const [index, node] of Object.entries(Object(value))) {
    if (!isNode(node)) throw wrong(`${at}[${index}]`, "a node made by node()", node);
  }
};

/** By what it can do: there may be another copy of the package that made it. */
const having =
  (...methods: readonly string[]): Check =>
  (value, at) => {
    if (!isObject(value)) throw wrong(at, `an object with ${methods.join(", ")}`, value);
    for (const method of methods) callable(value[method], `${at}.${method}`);
  };

const checkSignal: Check = (value, at) => {
  if (!isObject(value) || !("aborted" in value)) throw wrong(at, "an AbortSignal", value);
};

const checkOptions = fields({
  name: text,
  nodes: checkNodes,
  cache: having("scoped", "get", "set", "publish"),
  maxConcurrency: count,
  maxTotalIterations: count,
  outputMailbox: text,
  errorMailbox: text,
  snapshots: having("write", "read", "list", "delete"),
  keepSnapshots: count,
  graceMs: millisecondsOrNone,
  hooks: anything,
} satisfies Record<keyof GraphOptions, Check>);

/** Throws {@link ConfigError} naming the first option of a graph that cannot work. */
export const checkGraphOptions: Check = (value, at) => {
  checkOptions(value, at);
  text(Object(value).name, "name");
  checkNodes(Object(value).nodes, "nodes");
};

const runFields = {
  userId: text,
  chatId: text,
  signal: checkSignal,
  deps: anything,
  hooks: anything,
} satisfies Record<keyof GraphRunOptions, Check>;

/** Throws {@link ConfigError} naming the first option of a run that cannot work. */
export const checkRunOptions: Check = (value, at) => {
  fields(runFields)(value, at);
  requireOwner(value);
};

/** Throws {@link ConfigError} naming the first option of a resumed run that cannot work. */
export const checkResumeOptions: Check = (value, at) => {
  fields({ ...runFields, nodes: checkNodes })(value, at);
  requireOwner(value);
};

function requireOwner(value: unknown): void {
  for (const key of ["userId", "chatId"]) {
    if (Object(value)[key] === undefined) throw new ConfigError(key, "is required");
  }
}
