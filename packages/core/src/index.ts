/**
 * Millrace: LLM agents whose event stream is the agent.
 *
 * @module
 */
export { Agent } from "./agent.ts";
export type { AgentOptions, Authorization, RespondOptions, ToolCallRequest, TurnContext } from "./agent-options.ts";
export { type Broadcast, broadcast } from "./broadcast.ts";
export type { Chat, ChatOptions, ChatRespondOptions, ChatStore } from "./chat.ts";
export { file, fillTemplate, image, text, toBase64 } from "./content.ts";
export type { ContextOptions, ContextStrategy, StrategyContext, TokenCounter } from "./context/context-options.ts";
export * from "./errors.ts";
export type * from "./events.ts";
export { finalOf } from "./final-of.ts";
export { repairHistory } from "./history.ts";
export type { Hooks } from "./hooks.ts";
export * from "./messages.ts";
export type * from "./model.ts";
export {
  initialRunState,
  type MessageView,
  type PartView,
  type ProviderToolCard,
  type RunView,
  reduceRun,
  showHistory,
  type ToolCard,
} from "./reduce-run.ts";
export type { Run } from "./run.ts";
export type { RunWrapper } from "./run-wrapper.ts";
export type { OutputOf, Schema, StandardIssue, StandardResult, StandardSchema } from "./standard-schema.ts";
export { type StreamingToolOptions, streamingTool } from "./streaming-tool.ts";
export {
  type OpenCall,
  type PartialArgs,
  type Tool,
  type ToolAvailability,
  type ToolContext,
  type ToolExecution,
  type Toolkit,
  type ToolOptions,
  type Tools,
  tool,
} from "./tool.ts";
export { addUsage, noUsage, type Usage } from "./usage.ts";
