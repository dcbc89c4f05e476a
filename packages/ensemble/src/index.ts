/**
 * Agents that talk to each other in replayable streamed promises.
 *
 * @module
 */
export { AgentCall } from "./agent-call.ts";
export { AWAIT, agentChain, type ChainStep, CLEAR } from "./agent-chain.ts";
export { type AgentLoopOptions, agentLoop } from "./agent-loop.ts";
export { type AppenderOptions, MessageTokenAppender, StreamAppender, type TokenInput } from "./appender.ts";
export { type AsToolOptions, asTool, type ToolAgent } from "./as-tool.ts";
export { AssistantMessage, SystemMessage, UserMessage } from "./chat-messages.ts";
export { type DialogLoopOptions, dialogLoop } from "./dialog-loop.ts";
export {
  Ensemble,
  type EnsembleOptions,
  type Logger,
  type ResolvedHandler,
} from "./ensemble.ts";
export * from "./errors.ts";
export { EventToken } from "./event-token.ts";
export { type Fields, Freezable, Frozen, type FrozenClass, type FrozenValue } from "./frozen.ts";
export { type HistoryArgs, type InMemoryHistoryOptions, inMemoryHistory } from "./in-memory-history.ts";
export { type AgentIdentity, InteractionContext } from "./interaction-context.ts";
export { AgentCallNode, AgentReplyNode } from "./interaction-nodes.ts";
export { type LlmAgentOptions, type LlmArgs, type LlmLogArgs, type LlmLogger, llmAgent } from "./llm-agent.ts";
export {
  ErrorMessage,
  Message,
  type MessageClass,
  type MessageKind,
  messageClass,
  type SchemaMessageClass,
  TextMessage,
  TextToken,
  Token,
} from "./message.ts";
export type { MessageInput } from "./message-input.ts";
export { type MessageOfOptions, messageOf } from "./message-of.ts";
export {
  MessagePromise,
  type ReadyMessage,
  type StreamedMessage,
  type TokenStreamer,
} from "./message-promise.ts";
export { MessageSequencePromise, type SingleTextOptions } from "./message-sequence.ts";
export {
  type AgentClass,
  type AgentFunction,
  type CallArgs,
  type CallOptions,
  type ForkOptions,
  MiniAgent,
  type MiniAgentOptions,
  miniagent,
} from "./miniagent.ts";
export type { PersistHandler } from "./persister.ts";
export type { PieceSource } from "./piece-log.ts";
export { type PromptAgentOptions, promptAgent } from "./prompt-agent.ts";
export type { Pieces } from "./pump.ts";
export { Float, float } from "./python-json.ts";
export { type RunOfOptions, runOf } from "./run-of.ts";
export type { Within } from "./scope.ts";
export {
  type PromiseOptions,
  StreamedPromise,
  type StreamedPromiseOptions,
  type Streamer,
} from "./streamed-promise.ts";
export { type UserAgentOptions, userAgent } from "./user-agent.ts";
