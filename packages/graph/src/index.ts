/**
 * Task graphs: nodes of functions and agents with what they depend on, flow control, retries, and snapshots to go on from.
 *
 * @module
 */

export {
  type AgentDecision,
  type AgentDirectedFlowOptions,
  agentDirectedFlow,
  type DecisionExample,
} from "./agent-directed-flow.ts";
export { type AgentModuleOptions, agentModule } from "./agent-module.ts";
export type { Condition, ConditionExpression, Values } from "./condition.ts";
export { toDot, toMermaid } from "./draw.ts";
export * from "./errors.ts";
export type * from "./events.ts";
export { type FlowControlOptions, flowControl } from "./flow-control.ts";
export { GraphAgent } from "./graph-agent.ts";
export {
  type GraphNode,
  type NodeOptions,
  type NodePart,
  type NodeRetry,
  node,
  type SnapshotMode,
} from "./graph-node.ts";
export type { GraphHooks, GraphOptions, GraphRunOptions, ResumeOptions } from "./graph-options.ts";
export type { GraphRun } from "./graph-run.ts";
export {
  type AgentAskOptions,
  type AgentUse,
  type Decision,
  type Middleware,
  type Module,
  type ModuleContext,
  type ModuleKind,
  type Outcome,
  type OutcomeOptions,
  outcome,
} from "./module.ts";
export { type GraphView, initialGraphState, type NodeView, reduceGraph } from "./reduce-graph.ts";
export { generatorExhausted } from "./run-module.ts";
export type { SavedModule, SavedNode, Snapshot } from "./snapshot.ts";
export { type CacheSnapshotsOptions, cacheSnapshots, type SnapshotStore } from "./snapshot-store.ts";
export { Task, TaskError, type TaskOptions, type TaskState, type TaskStatus } from "./task.ts";
