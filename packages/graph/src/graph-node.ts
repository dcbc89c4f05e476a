import type { Agent } from "millrace";
import type { Condition } from "./condition.ts";
import type { Module, ModuleContext } from "./module.ts";

/** When a node has its task saved. */
export type SnapshotMode =
  /** Not for this node. */
  | "never"
  /** Before its first visit. */
  | "once"
  /** Before each visit, and after each of its modules. */
  | "always";

/** What a node may be made of: modules, plain functions, agents, and nodes. */
export type NodePart = Module | ((context: ModuleContext) => unknown) | Agent | GraphNode;

/** How the tries of a node that fails follow each other. */
export interface NodeRetry {
  /** Tries after the first one; 0 for none. Default: 3, and 0 for a node within a node. */
  maxRetries?: number;
  /** The module that a repetition begins with; those before it keep their results. Default: the first one. */
  retryFrom?: string;
  /**
   * How the wait grows: `fixed` is always `initialDelayMs`, `linear` is 1, 2, 3 … times that, `exponential` is 1, 2, 4 …
   * times that. Default: `exponential`.
   */
  backoff?: "exponential" | "linear" | "fixed";
  /** In milliseconds. Default: 1,000. */
  initialDelayMs?: number;
  /** The longest wait, in milliseconds. Default: 60,000. */
  maxDelayMs?: number;
}

/** What {@link node} takes. */
export interface NodeOptions {
  /** Names it in the graph. */
  name: string;
  modules: readonly NodePart[];
  /** The nodes that must have run before it. Not for a node within a node. Default: none. */
  dependencies?: readonly string[];
  /** Whether its modules run side by side. Default: false, one after the other until one fails. */
  parallel?: boolean;
  /**
   * Whether one success is enough: the modules are tried until one succeeds; side by side, the others are stopped then.
   * Default: false, all must succeed.
   */
  stopOnSuccess?: boolean;
  /** Asked before each visit; where it is false the node is skipped, and those that depend on it go on without it. */
  condition?: Condition;
  /** Keys of the cache that must have values before it runs. */
  inputs?: readonly string[];
  /** Keys of the cache that must have values when it has run. */
  outputs?: readonly string[];
  /** False for one try only. */
  retry?: NodeRetry | false;
  /** How often it may be visited in a run; 0 for any number. Not for a node within a node. Default: 5. */
  maxVisits?: number;
  /** Not for a node within a node. Default: `never`. */
  snapshot?: SnapshotMode;
  /** Its result is published here. */
  outputMailbox?: string;
}

/** A node of a graph. Made by {@link node}. */
export interface GraphNode {
  readonly kind: "node";
  readonly name: string;
  readonly modules: readonly (Module | GraphNode)[];
  readonly dependencies: readonly string[];
  readonly parallel: boolean;
  readonly stopOnSuccess: boolean;
  readonly condition: Condition | undefined;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly retry: Readonly<NodeRetry> | false;
  readonly maxVisits: number;
  readonly snapshot: SnapshotMode;
  readonly outputMailbox: string | undefined;
}
