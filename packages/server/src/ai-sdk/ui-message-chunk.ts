import type { Json } from "millrace";

/** What only we understand, where the protocol has room for it. */
interface Metadata {
  readonly providerMetadata?: { readonly millrace: { readonly refusal: true } | { readonly quote: string } };
}

interface ToolInput {
  readonly toolCallId: string;
  readonly toolName: string;
  readonly providerExecuted?: boolean;
}

/** What {@link UIMessageChunk} `finish`, `message-metadata` and `start` tell of a run. */
export interface UIMessageMetadata {
  readonly runId: string;
  /** From the run's end on: that of its `final`, as are the others. */
  readonly stopReason?: string;
  readonly usage?: Json;
  readonly costUsd?: number;
  readonly turns?: number;
  readonly durationMs?: number;
}

/**
 * What is sent: the chunks of the AI SDK's UI message stream (version 1) that clients of `ai` 5, 6 and 7 all know. One that a
 * client does not know ends its stream with an error.
 */
export type UIMessageChunk =
  | { readonly type: "start"; readonly messageId: string; readonly messageMetadata: UIMessageMetadata }
  | { readonly type: "start-step" | "finish-step" | "abort" }
  | ({ readonly type: "text-start" | "reasoning-start" | "text-end" | "reasoning-end"; readonly id: string } & Metadata)
  | { readonly type: "text-delta" | "reasoning-delta"; readonly id: string; readonly delta: string }
  | ({ readonly type: "tool-input-start" } & ToolInput)
  | { readonly type: "tool-input-delta"; readonly toolCallId: string; readonly inputTextDelta: string }
  | ({ readonly type: "tool-input-available"; readonly input: Json } & ToolInput)
  | ({ readonly type: "tool-input-error"; readonly input: Json; readonly errorText: string } & ToolInput)
  | {
      readonly type: "tool-output-available";
      readonly toolCallId: string;
      readonly output: Json;
      readonly preliminary?: boolean;
      readonly providerExecuted?: boolean;
    }
  | {
      readonly type: "tool-output-error";
      readonly toolCallId: string;
      readonly errorText: string;
      readonly providerExecuted?: boolean;
    }
  | ({
      readonly type: "source-url";
      readonly sourceId: string;
      readonly url: string;
      readonly title?: string;
    } & Metadata)
  | ({
      readonly type: "source-document";
      readonly sourceId: string;
      readonly mediaType: string;
      readonly title: string;
    } & Metadata)
  | { readonly type: "file"; readonly url: string; readonly mediaType: string }
  | {
      readonly type: `data-${string}`;
      readonly id?: string;
      readonly data: Json;
      readonly transient?: boolean;
    }
  | { readonly type: "message-metadata"; readonly messageMetadata: UIMessageMetadata }
  | { readonly type: "error"; readonly errorText: string }
  | { readonly type: "finish"; readonly finishReason: UIFinishReason; readonly messageMetadata: UIMessageMetadata };

/** Why a message ended, in the AI SDK's words. */
export type UIFinishReason = "stop" | "length" | "content-filter" | "error" | "other";
