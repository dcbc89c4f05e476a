import type { AgentEvent, EventOf, FilePart, Final, ImagePart, Json, SourcePart, StopReason } from "millrace";
import { noResult, noticeOf, plain, safeMessage, voidCall } from "../protocol/plain.ts";
import type { EventEncoder } from "../protocol/translate.ts";
import type { UIFinishReason, UIMessageChunk, UIMessageMetadata } from "./ui-message-chunk.ts";

interface Call {
  /** Its id in the message: a provider may use one again in the next turn. */
  readonly toolCallId: string;
  readonly toolName: string;
  readonly providerExecuted?: boolean;
  /** Whether its whole input was told. */
  hasInput: boolean;
  isOver: boolean;
}

type BlockType = "text" | "reasoning";

/** The events of one run as chunks of one message. A turn is a step; so is an answer that a retry makes void. */
export class UIMessageEncoder implements EventEncoder<UIMessageChunk> {
  #hasStep = false;
  #block: { readonly key: string; readonly type: BlockType; readonly id: string } | undefined;
  /** The calls of this step, by the ids of their events. */
  #calls = new Map<string, Call>();
  readonly #callIds = new Set<string>();
  #count = 0;
  readonly #subAgents = new Map<string, UIMessageEncoder>();

  encode(event: AgentEvent): UIMessageChunk[] {
    const notice = noticeOf(event);
    const told: UIMessageChunk[] = notice ? [{ type: `data-${event.type}`, data: notice, transient: true }] : [];
    return [...told, ...this.#encode(event)];
  }

  fail(error: unknown): UIMessageChunk[] {
    return [...this.#endStep(), { type: "error", errorText: safeMessage(error) }];
  }

  #encode(event: AgentEvent): UIMessageChunk[] {
    switch (event.type) {
      case "run-start":
        return [{ type: "start", messageId: event.run.id, messageMetadata: { runId: event.run.id } }];
      case "turn-start":
        return [...this.#endStep(), ...this.#beginStep()];
      case "text-delta":
      case "reasoning-delta":
      case "refusal-delta":
        return this.#grow(event);
      case "tool-call-delta":
        return this.#growCall(event);
      case "provider-tool":
        return this.#providerTool(event);
      case "source":
        return [...this.#endBlock(), sourceChunk(event.source, this.#newId("source"))];
      case "file-output":
        return [...this.#endBlock(), ...fileChunks(event.file)];
      case "tool-call-start":
        return this.#available(event.callId, event.name, event.args);
      case "tool-progress":
        return this.#progress(event);
      case "sub-agent":
        return this.#subAgent(event);
      case "tool-result":
      case "tool-error":
        return this.#endCall(event);
      case "message-added":
        return event.message.role === "assistant" ? this.#endBlock() : [];
      case "turn-end":
        return this.#endStep();
      case "retry":
      case "model-switched":
        return event.discardFrom === undefined ? [] : this.#discard();
      case "final":
        return this.#end(event);
      default:
        return [];
    }
  }

  #newId(kind: string): string {
    return `${kind}-${++this.#count}`;
  }

  #beginStep(): UIMessageChunk[] {
    this.#hasStep = true;
    return [{ type: "start-step" }];
  }

  #endStep(): UIMessageChunk[] {
    const chunks = this.#endParts(noResult);
    if (this.#hasStep) chunks.push({ type: "finish-step" });
    this.#hasStep = false;
    return chunks;
  }

  #endParts(why: string): UIMessageChunk[] {
    const chunks = this.#endBlock();
    for (const call of this.#calls.values()) if (!call.isOver) chunks.push(failed(call, why));
    this.#calls = new Map();
    return chunks;
  }

  /** What the step has shown is void. A part that says so ends it: nothing can be taken back that a client has. */
  #discard(): UIMessageChunk[] {
    const ended = this.#endParts(voidCall);
    return [...ended, { type: "data-discarded", data: {} }, ...this.#endStep(), ...this.#beginStep()];
  }

  #grow({ type, text, part }: EventOf<"text-delta" | "reasoning-delta" | "refusal-delta">): UIMessageChunk[] {
    if (text === "") return [];
    const chunks: UIMessageChunk[] = [];
    const key = `${type}:${part}`;
    if (this.#block?.key !== key) {
      chunks.push(...this.#endBlock());
      const block: BlockType = type === "reasoning-delta" ? "reasoning" : "text";
      this.#block = { key, type: block, id: this.#newId(block) };
      const marked = type === "refusal-delta" && { providerMetadata: { millrace: { refusal: true as const } } };
      chunks.push({ type: `${block}-start`, id: this.#block.id, ...marked });
    }
    chunks.push({ type: `${this.#block.type}-delta`, id: this.#block.id, delta: text });
    return chunks;
  }

  #endBlock(): UIMessageChunk[] {
    if (!this.#block) return [];
    const { type, id } = this.#block;
    this.#block = undefined;
    return [{ type: `${type}-end`, id }];
  }

  #growCall({ callId, name, delta }: EventOf<"tool-call-delta">): UIMessageChunk[] {
    const chunks = this.#endBlock();
    let call = this.#calls.get(callId);
    if (!call) {
      call = this.#open(callId, name);
      chunks.push({ type: "tool-input-start", ...toolOf(call) });
    }
    const { toolCallId, hasInput, isOver } = call;
    if (delta !== "" && !hasInput && !isOver)
      chunks.push({ type: "tool-input-delta", toolCallId, inputTextDelta: delta });
    return chunks;
  }

  #open(callId: string, toolName: string, providerExecuted?: true): Call {
    let toolCallId = callId;
    while (this.#callIds.has(toolCallId)) toolCallId = this.#newId(callId);
    this.#callIds.add(toolCallId);
    const call: Call = {
      toolCallId,
      toolName,
      hasInput: false,
      isOver: false,
      ...(providerExecuted && { providerExecuted }),
    };
    this.#calls.set(callId, call);
    return call;
  }

  #available(callId: string, name: string, args: unknown, providerExecuted?: true): UIMessageChunk[] {
    const call = this.#calls.get(callId) ?? this.#open(callId, name, providerExecuted);
    call.hasInput = true;
    return [...this.#endBlock(), { type: "tool-input-available", ...toolOf(call), input: plain(args) }];
  }

  #providerTool({ callId, name, state, input, output }: EventOf<"provider-tool">): UIMessageChunk[] {
    const known = this.#calls.get(callId);
    const isNew = !known || (input !== undefined && !known.isOver);
    const chunks = isNew ? this.#available(callId, name, input ?? {}, true) : [];
    const call = this.#calls.get(callId);
    if (!call || state === "started" || call.isOver) return chunks;
    call.isOver = true;
    const { toolCallId } = call;
    if (state === "failed") return [...chunks, failed(call, textOf(output) ?? "The provider's tool failed.")];
    return [...chunks, { type: "tool-output-available", toolCallId, output: output ?? null, providerExecuted: true }];
  }

  #progress({ callId, progress, name }: EventOf<"tool-progress">): UIMessageChunk[] {
    const call = this.#calls.get(callId);
    if (call?.hasInput && !call.isOver) {
      const { toolCallId } = call;
      return [{ type: "tool-output-available", toolCallId, output: plain(progress), preliminary: true }];
    }
    // A preview: a call whose input still arrives cannot have an output.
    const data = { toolCallId: call?.toolCallId ?? callId, toolName: name, progress: plain(progress) };
    return [{ type: "data-tool-progress", data, transient: true }];
  }

  #subAgent({ callId, agent, event }: EventOf<"sub-agent">): UIMessageChunk[] {
    const runId = event.run.id;
    const encoder = this.#subAgents.get(runId) ?? new UIMessageEncoder();
    this.#subAgents.set(runId, encoder);
    const toolCallId = this.#calls.get(callId)?.toolCallId ?? callId;
    return encoder.encode(event).map((chunk) => ({
      type: "data-sub-agent",
      data: { toolCallId, agent, runId, chunk: plain(chunk) },
      transient: true,
    }));
  }

  #endCall(event: EventOf<"tool-result" | "tool-error">): UIMessageChunk[] {
    const chunks = this.#endBlock();
    const { callId, name, args } = event;
    if (event.type === "tool-result" && !this.#calls.get(callId)?.hasInput) {
      chunks.push(...this.#available(callId, name, args));
    }
    const call = this.#calls.get(callId) ?? this.#open(callId, name);
    call.isOver = true;
    if (event.type === "tool-error") return [...chunks, failed(call, safeMessage(event.error), args)];
    const { toolCallId } = call;
    return [...chunks, { type: "tool-output-available", toolCallId, output: plain(event.result) }];
  }

  #end(final: Final): UIMessageChunk[] {
    const messageMetadata = metadataOf(final);
    const { stopReason, object } = final;
    const chunks = this.#endStep();
    if (object !== undefined) chunks.push({ type: "data-object", data: plain(object) });
    if (stopReason === "stopped") chunks.push({ type: "abort" });
    if (stopReason === "error") {
      // Before the error: clients read no further.
      chunks.push({ type: "message-metadata", messageMetadata });
      chunks.push({ type: "error", errorText: safeMessage(final.error ?? "The run failed.") });
    }
    return [...chunks, { type: "finish", finishReason: finishReasons[stopReason] ?? "other", messageMetadata }];
  }
}

const finishReasons: { readonly [reason in StopReason]?: UIFinishReason } = {
  completed: "stop",
  length: "length",
  "content-filter": "content-filter",
  refused: "content-filter",
  error: "error",
};

function metadataOf({ run, stopReason, usage, costUsd, turns, durationMs }: Final): UIMessageMetadata {
  const spent = { usage: plain(usage), ...(costUsd !== undefined && { costUsd }) };
  return { runId: run.id, stopReason, ...spent, turns, durationMs };
}

function toolOf({ toolCallId, toolName, providerExecuted }: Call): {
  toolCallId: string;
  toolName: string;
  providerExecuted?: boolean;
} {
  return { toolCallId, toolName, ...(providerExecuted && { providerExecuted }) };
}

/** A call without its whole input has no output either, not even one that failed. */
function failed(call: Call, errorText: string, args: unknown = {}): UIMessageChunk {
  if (!call.hasInput) return { type: "tool-input-error", ...toolOf(call), input: plain(args), errorText };
  const { toolCallId, providerExecuted } = call;
  return { type: "tool-output-error", toolCallId, errorText, ...(providerExecuted && { providerExecuted }) };
}

function textOf(output: Json | undefined): string | undefined {
  return output === undefined ? undefined : typeof output === "string" ? output : JSON.stringify(output);
}

/** A citation. */
export function sourceChunk({ url, title, document, quote }: SourcePart, sourceId: string): UIMessageChunk {
  const quoted = quote !== undefined && { providerMetadata: { millrace: { quote } } };
  if (url !== undefined) return { type: "source-url", sourceId, url, ...(title !== undefined && { title }), ...quoted };
  // The protocol wants a type, which providers do not tell.
  return { type: "source-document", sourceId, mediaType: "text/plain", title: title ?? document ?? "", ...quoted };
}

/** A file; none where only its provider can read it. */
export function fileChunks({ type, url, data, mediaType }: FilePart | ImagePart): {
  type: "file";
  url: string;
  mediaType: string;
}[] {
  const ownType = mediaType ?? (type === "image" ? "image/png" : "application/octet-stream");
  const place = url ?? (data === undefined ? undefined : `data:${ownType};base64,${data}`);
  return place === undefined ? [] : [{ type: "file", url: place, mediaType: ownType }];
}
