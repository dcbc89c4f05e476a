import type { Json, JsonObject } from "millrace";

interface Base {
  /** The run of a sub-agent, where it is one's. */
  readonly subagentRunId?: string;
}

/** What was spent, in AG-UI's words. */
export interface AGUIUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens: number;
  readonly reasoningTokens: number;
  readonly cachedInputTokens: number;
  readonly cacheWriteInputTokens: number;
}

/** A part of a tool's result, as clients from 1.0 on read it. */
export type AGUIContentPart =
  | { readonly type: "text"; readonly text: string }
  | {
      readonly type: "image" | "audio" | "video" | "document";
      readonly source:
        | { readonly type: "data"; readonly value: string; readonly mimeType: string }
        | { readonly type: "url"; readonly value: string; readonly mimeType?: string };
    };

/** A message that the run has added, as clients keep it. */
export type AGUIMessage =
  | {
      readonly id: string;
      readonly role: "assistant";
      readonly subagentRunId?: string;
      readonly content?: string;
      readonly toolCalls?: readonly {
        readonly id: string;
        readonly type: "function";
        readonly function: { readonly name: string; readonly arguments: string };
      }[];
    }
  | {
      readonly id: string;
      readonly role: "tool";
      readonly subagentRunId?: string;
      readonly toolCallId: string;
      readonly content: string | readonly AGUIContentPart[];
    }
  | { readonly id: string; readonly role: "reasoning"; readonly subagentRunId?: string; readonly content: string };

/** What is sent: the events of AG-UI 1.0 that clients since 0.0.59 all know. */
export type AGUIEvent = Base &
  (
    | {
        readonly type: "RUN_STARTED";
        readonly threadId: string;
        readonly runId: string;
        readonly parentRunId?: string;
      }
    | {
        readonly type: "RUN_FINISHED";
        readonly threadId: string;
        readonly runId: string;
        readonly result?: Json;
        readonly outcome?: { readonly type: "success" | "cancelled" };
        readonly usage: readonly AGUIUsage[];
        readonly metadata: JsonObject;
      }
    | {
        readonly type: "RUN_ERROR";
        readonly message: string;
        readonly code?: string;
        readonly usage?: readonly AGUIUsage[];
      }
    | { readonly type: "STEP_STARTED" | "STEP_FINISHED"; readonly stepName: string }
    | { readonly type: "TEXT_MESSAGE_START"; readonly messageId: string; readonly role: "assistant" }
    | { readonly type: "TEXT_MESSAGE_CONTENT"; readonly messageId: string; readonly delta: string }
    | { readonly type: "TEXT_MESSAGE_END"; readonly messageId: string }
    | { readonly type: "REASONING_START" | "REASONING_END" | "REASONING_MESSAGE_END"; readonly messageId: string }
    | { readonly type: "REASONING_MESSAGE_START"; readonly messageId: string; readonly role: "reasoning" }
    | { readonly type: "REASONING_MESSAGE_CONTENT"; readonly messageId: string; readonly delta: string }
    | {
        readonly type: "TOOL_CALL_START";
        readonly toolCallId: string;
        readonly toolCallName: string;
        readonly parentMessageId: string;
      }
    | { readonly type: "TOOL_CALL_ARGS"; readonly toolCallId: string; readonly delta: string }
    | { readonly type: "TOOL_CALL_END"; readonly toolCallId: string }
    | {
        readonly type: "TOOL_CALL_RESULT";
        readonly messageId: string;
        readonly toolCallId: string;
        readonly role: "tool";
        readonly content: string | readonly AGUIContentPart[];
        readonly metadata?: { readonly isError: true };
      }
    | { readonly type: "MESSAGES_SNAPSHOT"; readonly messages: readonly (AGUIMessage | JsonObject)[] }
    | { readonly type: "CUSTOM"; readonly name: string; readonly value: Json }
    | {
        readonly type: "SUBAGENT_STARTED";
        readonly subagentRunId: string;
        readonly name: string;
        readonly parentSubagentRunId?: string;
        readonly parentToolCallId?: string;
      }
    | {
        readonly type: "SUBAGENT_FINISHED";
        readonly subagentRunId: string;
        readonly outcome: { readonly type: "success" };
      }
    | {
        readonly type: "SUBAGENT_ERROR";
        readonly subagentRunId: string;
        readonly message: string;
        readonly code?: string;
      }
  );
