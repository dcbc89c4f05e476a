import type { MillraceError, ToolCallError } from "./errors.ts";
import type { FilePart, ImagePart, Json, Message, SourcePart } from "./messages.ts";
import type { FinishReason } from "./model.ts";
import type { Usage } from "./usage.ts";

/** Whose run it is. One frozen object, shared by all events of the run. */
export interface RunInfo {
  readonly id: string;
  readonly agentName: string;
  readonly userId: string;
  readonly chatId: string;
  /** In a sub-agent: the run and the tool call that it serves. */
  readonly parent?: { readonly runId: string; readonly callId: string };
}

/** What every event of every run has, an agent's or another's (such as a graph's): what a wire or a log needs. */
export interface StreamEvent {
  readonly type: string;
  readonly seq: number;
  readonly at: number;
  readonly run: RunInfo;
}

interface Base {
  /** 0, 1, 2 … within the run, no gaps. */
  readonly seq: number;
  /** When, in milliseconds since 1970. */
  readonly at: number;
  readonly run: RunInfo;
}

/** The first event of a run. */
export interface RunStart extends Base {
  readonly type: "run-start";
  /** The messages that this run adds to the history before the first turn. */
  readonly input: readonly Message[];
  /** The agent's model; undefined where it is chosen for each turn. */
  readonly model?: ModelName;
  /** Names of the agent's tools. */
  readonly tools: readonly string[];
}

/** Which model, in words. */
export interface ModelName {
  readonly provider: string;
  readonly id: string;
}

/** Before each model request. */
export interface TurnStart extends Base {
  readonly type: "turn-start";
  /** 1, 2, 3 … */
  readonly turn: number;
  readonly model: ModelName;
  /** How many messages are sent. */
  readonly messages: number;
  /** How many tokens they hold, estimated. */
  readonly tokens: number;
}

/** Text arrives. */
export interface TextDelta extends Base {
  readonly type: "text-delta";
  readonly text: string;
  /** Index of the content part it belongs to: a new index is a new block. */
  readonly part: number;
}

/** Reasoning arrives. */
export interface ReasoningDelta extends Base {
  readonly type: "reasoning-delta";
  readonly text: string;
  readonly part: number;
}

/** The text of a refusal arrives; the run's `stopReason` will be `refused`. */
export interface RefusalDelta extends Base {
  readonly type: "refusal-delta";
  readonly text: string;
  readonly part: number;
}

/** Arguments of a tool call arrive. The first delta of a call may be empty. */
export interface ToolCallDelta extends Base {
  readonly type: "tool-call-delta";
  readonly callId: string;
  readonly name: string;
  readonly delta: string;
  /**
   * The arguments so far, parsed leniently (unfinished strings are kept) each time this is read; undefined while
   * nothing can be read. Not part of the event's JSON.
   */
  readonly args?: unknown;
}

/** Structured output grows. Comes beside the text delta that made it grow. */
export interface ObjectDelta extends Base {
  readonly type: "object-delta";
  /** The value so far, parsed leniently each time this is read. Not part of the event's JSON. */
  readonly object?: unknown;
}

/** A tool that the provider itself runs (web search, code execution …). */
export interface ProviderTool extends Base {
  readonly type: "provider-tool";
  readonly callId: string;
  readonly name: string;
  readonly state: "started" | "done" | "failed";
  readonly input?: Json;
  readonly output?: Json;
}

/** A citation arrives. */
export interface Source extends Base {
  readonly type: "source";
  readonly source: SourcePart;
}

/** The model made a file or an image. */
export interface FileOutput extends Base {
  readonly type: "file-output";
  readonly file: FilePart | ImagePart;
}

/** A message joined the history. Every message of the run passes here exactly once, whole and frozen. */
export interface MessageAdded extends Base {
  readonly type: "message-added";
  readonly message: Message;
}

/** A tool begins to execute. */
export interface ToolCallStart extends Base {
  readonly type: "tool-call-start";
  readonly callId: string;
  readonly name: string;
  /** Validated, and edited where `authorize` did so. */
  readonly args: unknown;
}

/** A generator tool yields, or a tool's `preview` turned half-arrived arguments into something to show. */
export interface ToolProgress extends Base {
  readonly type: "tool-progress";
  readonly callId: string;
  readonly name: string;
  readonly progress: unknown;
}

/** An event of an agent that runs as a tool. A sub-agent of a sub-agent is nested once more. */
export interface SubAgent extends Base {
  readonly type: "sub-agent";
  readonly callId: string;
  /** The sub-agent's name. */
  readonly agent: string;
  /** A whole event, with its own `run` and `seq`. */
  readonly event: AgentEvent;
}

/** A tool succeeded. */
export interface ToolResult extends Base {
  readonly type: "tool-result";
  readonly callId: string;
  readonly name: string;
  readonly args: unknown;
  readonly result: unknown;
  readonly durationMs: number;
}

/** A tool call failed, was refused, timed out, named an unknown tool or had bad arguments. The run goes on. */
export interface ToolError extends Base {
  readonly type: "tool-error";
  readonly callId: string;
  readonly name: string;
  readonly args: unknown;
  readonly error: ToolCallError;
  readonly durationMs: number;
}

/** A model turn and its tools are done. */
export interface TurnEnd extends Base {
  readonly type: "turn-end";
  readonly turn: number;
  /** What this turn's requests spent; sub-agents' are counted in `Final`. */
  readonly usage: Usage;
  /** With a `budget`: what this turn's requests cost. */
  readonly costUsd?: number;
  readonly finishReason: FinishReason;
}

/** A model request is repeated. */
export interface Retry extends Base {
  readonly type: "retry";
  /** 1 for the first repetition. */
  readonly attempt: number;
  readonly error: MillraceError;
  readonly delayMs: number;
  /** The deltas from this `seq` on are void. */
  readonly discardFrom?: number;
}

/** A fallback model took over. */
export interface ModelSwitched extends Base {
  readonly type: "model-switched";
  readonly from: string;
  readonly to: string;
  readonly error: MillraceError;
  readonly discardFrom?: number;
}

/** What would be sent exceeds the limit, or the provider said so. Told before the request that is sent instead. */
export interface ContextOverflow extends Base {
  readonly type: "context-overflow";
  /** Of the request; of the longest message where only `maxMessageTokens` was passed. */
  readonly tokens: number;
  readonly limit: number;
  readonly by: "estimate" | "provider";
}

/** The context was cut down for this request; the history keeps everything. */
export interface MessagesDropped extends Base {
  readonly type: "messages-dropped";
  /** Left out from now on: those that this run has not told of before. */
  readonly messages: readonly Message[];
  /** Stands for them and for all that was left out before. */
  readonly summary?: string;
}

/** A cap of the budget is passed, or would be by the next request. Each cap is told once. */
export interface BudgetExceeded extends Base {
  readonly type: "budget-exceeded";
  /** Which cap: money, tokens of the run, or its executed tool calls. */
  readonly by: "usd" | "tokens" | "tool-calls";
  /** Spent so far, in the cap's own unit. */
  readonly spent: number;
  readonly limit: number;
  /** The account's spending, or the run's where the cap is not money. */
  readonly spentUsd: number;
  readonly limitUsd?: number;
}

/** The turn cap ended the run. */
export interface MaxTurnsReached extends Base {
  readonly type: "max-turns-reached";
  readonly maxTurns: number;
}

/** Someone stopped the run. */
export interface Stopped extends Base {
  readonly type: "stopped";
  readonly reason: string;
  /** The caller's signal, `stop.check`, a call (`run.stop()`, or the reader left the loop), or `timeouts.runMs`. */
  readonly by: "signal" | "stop-check" | "call" | "timeout";
}

/** How a run ended. */
export type StopReason =
  | "completed"
  | "stopped"
  | "max-turns"
  | "budget"
  | "length"
  | "content-filter"
  | "refused"
  | "error";

/** The conversation after a run; valid for every provider, however the run ended. */
export interface History {
  /** All of it: what was given and what this run added. */
  readonly messages: readonly Message[];
  /** Only what user and model said to each other: no tool calls, no results, no reasoning. */
  readonly simplified: readonly Message[];
  /** What this run added. */
  readonly added: readonly Message[];
}

/** The last event of every run, whatever happened. */
export interface Final extends Base {
  readonly type: "final";
  readonly stopReason: StopReason;
  /** The text of the model's last message; what had arrived of it when the run was cut. */
  readonly output: string;
  /** With an `output` schema: the validated value. */
  readonly object?: unknown;
  readonly history: History;
  /** All that the run and its sub-agents spent. */
  readonly usage: Usage;
  /** With a `budget`: what the run and its sub-agents cost. */
  readonly costUsd?: number;
  readonly turns: number;
  readonly durationMs: number;
  /** With `stopReason: "error"`: what the generator throws right after this event. */
  readonly error?: Error;
}

/** What an agent streams: one discriminated union. New kinds are added in minor versions, so have a `default:`. */
export type AgentEvent =
  | RunStart
  | TurnStart
  | TextDelta
  | ReasoningDelta
  | RefusalDelta
  | ToolCallDelta
  | ObjectDelta
  | ProviderTool
  | Source
  | FileOutput
  | MessageAdded
  | ToolCallStart
  | ToolProgress
  | SubAgent
  | ToolResult
  | ToolError
  | TurnEnd
  | Retry
  | ModelSwitched
  | ContextOverflow
  | MessagesDropped
  | BudgetExceeded
  | MaxTurnsReached
  | Stopped
  | Final;

/** The event of a given `type`. */
export type EventOf<Type extends AgentEvent["type"]> = Extract<AgentEvent, { type: Type }>;
