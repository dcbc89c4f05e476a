import type { RunInfo, Stopped, SubAgent, Usage } from "millrace";
import type { TaskState, TaskStatus } from "./task.ts";

interface Base {
  /** 0, 1, 2 … within the run, no gaps. */
  readonly seq: number;
  /** When, in milliseconds since 1970. */
  readonly at: number;
  /** Whose run it is; `agentName` is the graph's name. */
  readonly run: RunInfo;
}

interface OfModule extends Base {
  /** One execution of the module. */
  readonly callId: string;
  readonly node: string;
  /** The module's path within the node. */
  readonly module: string;
}

/** The first event of a run. */
export interface GraphStart extends Base {
  readonly type: "graph-start";
  readonly task: TaskState;
  /** The nodes and what they depend on. */
  readonly nodes: readonly NodeOutline[];
  /** In a run that goes on from a snapshot: its number. */
  readonly resumedFrom?: number;
}

/** A node, in words. */
export interface NodeOutline {
  readonly name: string;
  readonly dependencies: readonly string[];
  /** Where it has one: what its condition is called. */
  readonly condition?: string;
  /** Its modules, in order, where there are several or nodes among them. */
  readonly modules?: readonly ModuleOutline[];
  /** Where its modules may lead. */
  readonly decisions?: readonly DecisionOutline[];
  /** In a run that goes on from a snapshot: where it stands, unless it waits. */
  readonly status?: NodeStatus;
}

/** A module of a node, or a node within it, in words. */
export interface ModuleOutline {
  readonly name: string;
  /** The modules of a node within the node. */
  readonly modules?: readonly ModuleOutline[];
}

/** A way on from a flow control, in words. */
export interface DecisionOutline {
  readonly next: string;
  /** What it says of itself, or what its condition is called; missing where it is taken without one. */
  readonly label?: string;
  /** Taken when no other one is. */
  readonly isDefault?: boolean;
}

/** The nodes of the next step begin: those whose dependencies have all been dealt with. */
export interface StepStart extends Base {
  readonly type: "step-start";
  /** How many steps the run has made: 1, 2, 3 … */
  readonly iteration: number;
  readonly nodes: readonly string[];
}

/** A node begins. */
export interface NodeStart extends Base {
  readonly type: "node-start";
  readonly node: string;
  /** How often it has been visited: 1, 2, 3 … */
  readonly visit: number;
}

/** A module begins to run: it has one of the graph's places. */
export interface ModuleStart extends OfModule {
  readonly type: "module-start";
  /** 1 for the first try of this visit of the node. */
  readonly attempt: number;
}

/** A module shows progress. */
export interface ModuleProgress extends OfModule {
  readonly type: "module-progress";
  readonly progress: unknown;
}

/**
 * An event of an agent that runs as a module, or that a module asks: the core's `sub-agent` event, and where it happens.
 * Its `callId` is that of the module's execution; of agents that it asks with `_1`, `_2` … behind it.
 */
export interface NodeAgent extends SubAgent {
  readonly node: string;
  readonly module: string;
}

/** A module succeeded. */
export interface ModuleResult extends OfModule {
  readonly type: "module-result";
  /** As the middlewares left it. */
  readonly result: unknown;
  readonly durationMs: number;
}

/** A module failed, took too long, or was stopped. */
export interface ModuleError extends OfModule {
  readonly type: "module-error";
  readonly error: Error;
  readonly durationMs: number;
}

/** A node is tried again. */
export interface NodeRetryEvent extends Base {
  readonly type: "retry";
  readonly node: string;
  /** Where a node within the node is tried again: its path. */
  readonly module?: string;
  /** 1 for the first repetition. */
  readonly attempt: number;
  readonly error: Error;
  readonly delayMs: number;
}

/** A node's condition is false. */
export interface NodeSkipped extends Base {
  readonly type: "node-skipped";
  readonly node: string;
}

/** A node cannot run: one that it depends on failed, or cannot run itself. */
export interface NodeBlocked extends Base {
  readonly type: "node-blocked";
  readonly node: string;
  /** Which one. */
  readonly by: string;
}

/** A node succeeded. */
export interface NodeResult extends Base {
  readonly type: "node-result";
  readonly node: string;
  /** What its module gave; a list, in the order of the modules, where it has several. */
  readonly result: unknown;
  readonly durationMs: number;
}

/** A node failed, after its repetitions. What does not depend on it goes on. */
export interface NodeFailed extends Base {
  readonly type: "node-failed";
  readonly node: string;
  readonly error: Error;
  /** The node and all that depends on it. */
  readonly chain: readonly string[];
  readonly durationMs: number;
}

/** A flow control, or another module, has decided where the graph goes on. */
export interface DecisionEvent extends Base {
  readonly type: "decision";
  readonly node: string;
  /** The node to go to; undefined where no decision matched: the plan goes on. */
  readonly next?: string;
  /** Whether generators and memories begin anew. */
  readonly cleanup: boolean;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Why it is not followed: there is no such node, or it has failed. The plan goes on. */
  readonly refused?: "unknown" | "failed";
}

/** A module has added nodes. */
export interface NodesAdded extends Base {
  readonly type: "nodes-added";
  /** The node of the module. */
  readonly node: string;
  readonly nodes: readonly NodeOutline[];
}

/** The task was saved. */
export interface SnapshotTaken extends Base {
  readonly type: "snapshot";
  /** 0, 1, 2 … within the task. */
  readonly number: number;
}

/** A snapshot cannot be read; the one before it is tried. */
export interface SnapshotDamaged extends Base {
  readonly type: "snapshot-damaged";
  readonly number: number;
  readonly error: Error;
}

/** The cap of steps ended the run. */
export interface MaxIterationsReached extends Base {
  readonly type: "max-iterations-reached";
  readonly maxTotalIterations: number;
}

/** Someone stopped the run. */
export interface GraphStopped extends Base {
  readonly type: "stopped";
  readonly reason: string;
  readonly by: Stopped["by"];
}

/** Where a node stands. */
export type NodeStatus = "waiting" | "running" | "complete" | "failed" | "blocked" | "skipped" | "stopped";

/** What became of a node. */
export interface NodeReport {
  readonly status: NodeStatus;
  /** How often it was visited. */
  readonly visits: number;
  /** What it gave when it last succeeded. */
  readonly result?: unknown;
  /** With status `failed`: why. */
  readonly error?: Error;
}

/** How a run ended. `completed`: nodes may have failed; the task's status says so. */
export type GraphStopReason = "completed" | "stopped" | "max-iterations" | "error";

/** The last event of every run, whatever happened. */
export interface GraphFinal extends Base {
  readonly type: "final";
  readonly stopReason: GraphStopReason;
  readonly status: TaskStatus;
  /** The task as it is now. */
  readonly task: TaskState;
  /** What each node gave that succeeded, by its name. */
  readonly results: Readonly<Record<string, unknown>>;
  /** What became of each node, by its name. */
  readonly nodes: Readonly<Record<string, NodeReport>>;
  /** For each node that failed: itself and all that depends on it. */
  readonly failedChains: readonly (readonly string[])[];
  /** The steps that were made, in order. */
  readonly steps: readonly (readonly string[])[];
  /** How many steps were made. */
  readonly iterations: number;
  /** All that the agents in the nodes spent. */
  readonly usage: Usage;
  /** Where an agent has a budget: what they cost. */
  readonly costUsd?: number;
  readonly durationMs: number;
  /** With `stopReason: "error"`: what the generator throws right after this event. */
  readonly error?: Error;
}

/** What a graph streams: one discriminated union. New kinds are added in minor versions, so have a `default:`. */
export type GraphEvent =
  | GraphStart
  | StepStart
  | NodeStart
  | ModuleStart
  | ModuleProgress
  | NodeAgent
  | ModuleResult
  | ModuleError
  | NodeRetryEvent
  | NodeSkipped
  | NodeBlocked
  | NodeResult
  | NodeFailed
  | DecisionEvent
  | NodesAdded
  | SnapshotTaken
  | SnapshotDamaged
  | MaxIterationsReached
  | GraphStopped
  | GraphFinal;

/** The event of a given `type`. */
export type GraphEventOf<Type extends GraphEvent["type"]> = Extract<GraphEvent, { type: Type }>;
