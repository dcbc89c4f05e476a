import type { MillraceError } from "./errors.ts";
import type { AssistantMessage, FilePart, ImagePart, Json, Message, SourcePart } from "./messages.ts";
import type { Usage } from "./usage.ts";

/** A JSON Schema (draft-07 or 2020-12). */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** A tool as the model sees it. */
export interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments, always of type `object`. */
  readonly parameters: JsonSchema;
  /** Ask the provider to hold the model to the schema, where it can. */
  readonly strict?: boolean;
}

/** Settings that most providers know; what they do not know they leave out. */
export interface ModelSettings {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  /** The cap on output tokens of one request. Default: the provider's (Anthropic demands one: see its package). */
  readonly maxOutputTokens?: number;
  /** Default: `auto`. */
  readonly toolChoice?: "auto" | "none" | "required" | { readonly tool: string };
  /** Whether the model may ask for several tools in one turn. Default: the provider's. */
  readonly parallelToolCalls?: boolean;
  readonly seed?: number;
  readonly stopSequences?: readonly string[];
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly reasoning?: {
    readonly effort?: "none" | "minimal" | "low" | "medium" | "high" | "xhigh";
    /** The cap on reasoning tokens, where the provider counts them so. */
    readonly budgetTokens?: number;
    /** Ask for a readable summary, where the provider hides its reasoning. */
    readonly summary?: "auto" | "concise" | "detailed";
  };
  /** Any other field of the vendor's request body, put into it as it is and last. */
  readonly provider?: { readonly [field: string]: unknown };
}

/** The form of a structured output. */
export interface OutputFormat {
  readonly name: string;
  readonly description?: string;
  readonly schema: JsonSchema;
}

/** One request to a model. */
export interface ModelRequest {
  readonly messages: readonly Message[];
  /** The system prompt. */
  readonly instructions?: string;
  readonly tools: readonly ToolDefinition[];
  readonly output?: OutputFormat;
  readonly settings: ModelSettings;
}

/** Text arrives. `part` counts the content parts of this message: a new index is a new block. */
export interface ModelTextDelta {
  readonly type: "text-delta";
  readonly text: string;
  readonly part: number;
}

/** Readable reasoning arrives. */
export interface ModelReasoningDelta {
  readonly type: "reasoning-delta";
  readonly text: string;
  readonly part: number;
}

/** The text of a refusal arrives. */
export interface ModelRefusalDelta {
  readonly type: "refusal-delta";
  readonly text: string;
  readonly part: number;
}

/** A tool call begins (an empty delta will do) or its arguments arrive. Deltas of one call carry the same `callId`. */
export interface ModelToolCallDelta {
  readonly type: "tool-call-delta";
  readonly callId: string;
  readonly name: string;
  readonly delta: string;
}

/** A tool that the provider itself runs began, ended or failed. */
export interface ModelProviderTool {
  readonly type: "provider-tool";
  readonly callId: string;
  readonly name: string;
  readonly state: "started" | "done" | "failed";
  readonly input?: Json;
  readonly output?: Json;
}

/** The model cites a place. */
export interface ModelSource {
  readonly type: "source";
  readonly source: SourcePart;
}

/** The model made a file or an image. */
export interface ModelFileOutput {
  readonly type: "file-output";
  readonly file: FilePart | ImagePart;
}

/** What the provider has told about usage so far: kept in case the stream is cut before its end. */
export interface ModelUsage {
  readonly type: "usage";
  readonly usage: Partial<Usage>;
}

/** Said by a wrapper that will repeat the request: what has arrived of this answer is void. */
export interface ModelRetry {
  readonly type: "retry";
  /** 1 for the first repetition. */
  readonly attempt: number;
  readonly error: MillraceError;
  /** How long it waits before. */
  readonly delayMs: number;
}

/** Said by a wrapper that asks another model instead: what has arrived of this answer is void. */
export interface ModelSwitch {
  readonly type: "model-switched";
  /** The model that failed, and the one that takes over, as `provider/id`. */
  readonly from: string;
  readonly to: string;
  readonly error: MillraceError;
}

/**
 * Why the model stopped. `pause` means that the provider wants to be asked again with what it has written so far
 * (Anthropic's `pause_turn`).
 */
export type FinishReason = "stop" | "length" | "tool-calls" | "content-filter" | "pause" | "error" | "other";

/** The end of a complete answer: `message` is the authority over all deltas. */
export interface ModelFinish {
  readonly type: "finish";
  readonly message: AssistantMessage;
  readonly reason: FinishReason;
  /** The provider's own word for the reason, such as `end_turn`. */
  readonly rawReason?: string;
  readonly usage: Usage;
}

/** What a model streams. */
export type ModelEvent =
  | ModelTextDelta
  | ModelReasoningDelta
  | ModelRefusalDelta
  | ModelToolCallDelta
  | ModelProviderTool
  | ModelSource
  | ModelFileOutput
  | ModelUsage
  | ModelRetry
  | ModelSwitch
  | ModelFinish;

/**
 * A language model: the whole contract of a provider.
 *
 * `stream` does nothing before it is iterated. It yields deltas and then exactly one `finish`, only when the provider's
 * own end marker was seen. It throws `ModelError`, or `signal.reason` after an abort, and releases its connection in
 * `finally`. The vendor's client is used with its own retries off.
 */
export interface Model {
  /** Who serves it: `openai`, `anthropic`, `groq` … */
  readonly provider: string;
  /** The provider's name of the model. */
  readonly id: string;
  stream(request: ModelRequest, options: { signal: AbortSignal }): AsyncIterable<ModelEvent>;
}
