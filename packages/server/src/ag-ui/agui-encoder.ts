import {
  type AgentEvent,
  type EventOf,
  type Final,
  type Json,
  type Message,
  type RunInfo,
  toolCallsOf,
  type Usage,
} from "millrace";
import { jsonOf } from "millrace/wire";
import { noResult, noticeOf, plain, safeMessage, voidCall } from "../protocol/plain.ts";
import type { EventEncoder } from "../protocol/translate.ts";
import type { AGUIEvent, AGUIUsage } from "./agui-event.ts";
import { maxText, resultContent } from "./agui-result.ts";
import { type AGUIThread, fits } from "./agui-thread.ts";

/** Begins the ids of calls of tools that the provider runs: they come back in histories, and no agent has such tools. */
export const providerCallPrefix = "provider-run:";

interface Call {
  readonly toolCallId: string;
  /** Whether its arguments still arrive. */
  isArriving: boolean;
  hasArgs: boolean;
  isOver: boolean;
}

interface Block {
  readonly key: string;
  readonly type: "text" | "reasoning";
  readonly id: string;
}

interface SubAgent {
  readonly callId: string;
  readonly encoder: AGUIEncoder;
}

/** The events of one run as those of AG-UI. A turn is a step; the run of a sub-agent is one of its own. */
export class AGUIEncoder implements EventEncoder<AGUIEvent> {
  readonly #thread: AGUIThread;
  /** Undefined for a run of the thread itself. */
  readonly #parent: { readonly subagentRunId?: string; readonly toolCallId: string } | undefined;
  #run: RunInfo | undefined;
  #step: string | undefined;
  #block: Block | undefined;
  /** The calls of this turn, by the ids of their events. */
  #calls = new Map<string, Call>();
  #answers = 0;
  /** The messages that this answer has begun: a retry makes them void. */
  #messageIds: string[] = [];
  readonly #subAgents = new Map<string, SubAgent>();

  constructor(thread: AGUIThread, parent?: { readonly subagentRunId?: string; readonly toolCallId: string }) {
    this.#thread = thread;
    this.#parent = parent;
  }

  encode(event: AgentEvent): readonly AGUIEvent[] {
    this.#run ??= event.run;
    const notice = noticeOf(event);
    const told =
      notice && event.type !== "retry" && event.type !== "model-switched" ? [custom(event.type, notice)] : [];
    return this.#sent([...told, ...this.#encode(event)]);
  }

  fail(error: unknown): readonly AGUIEvent[] {
    return this.#sent([...this.#endAll(), { type: "RUN_ERROR", message: safeMessage(error), ...codeOf(error) }]);
  }

  /** Ends the run of a sub-agent that has no `final`. */
  cut(): readonly AGUIEvent[] {
    const subagentRunId = this.#run?.id ?? "";
    return this.#sent([...this.#endAll(), { type: "SUBAGENT_ERROR", subagentRunId, message: noResult }]);
  }

  #sent(events: readonly AGUIEvent[]): readonly AGUIEvent[] {
    if (!this.#parent || !this.#run) return this.#thread.follow(events);
    const subagentRunId = this.#run.id;
    return events.map((event) => (event.subagentRunId === undefined ? { ...event, subagentRunId } : event));
  }

  #encode(event: AgentEvent): AGUIEvent[] {
    switch (event.type) {
      case "run-start":
        return [this.#started(event.run)];
      case "turn-start":
        return this.#beginTurn(event.turn);
      case "text-delta":
      case "reasoning-delta":
      case "refusal-delta":
        return this.#grow(event);
      case "tool-call-delta":
        return this.#growCall(event.callId, event.name, event.delta);
      case "provider-tool":
        return this.#providerTool(event);
      case "source": {
        const { providerData: _, ...source } = event.source;
        return [...this.#endBlock(), custom("source", plain(source))];
      }
      case "file-output": {
        const { providerData: _, ...file } = event.file;
        return [...this.#endBlock(), custom("file", plain(file))];
      }
      case "message-added":
        return this.#endAnswer(event.message);
      case "tool-call-start":
        return this.#endArgs(event.callId, event.name, event.args);
      case "tool-progress": {
        const { callId, name, progress } = event;
        const toolCallId = this.#calls.get(callId)?.toolCallId ?? callId;
        return [custom("tool-progress", { toolCallId, toolCallName: name, progress: plain(progress) })];
      }
      case "sub-agent":
        return this.#subAgent(event);
      case "tool-result":
      case "tool-error":
        return this.#endCall(event);
      case "turn-end":
        return this.#endAll();
      case "retry":
      case "model-switched":
        return this.#retry(event);
      case "final":
        return this.#end(event);
      default:
        return [];
    }
  }

  #started({ id, agentName, chatId }: RunInfo): AGUIEvent {
    if (this.#parent) {
      const { subagentRunId: parentSubagentRunId, toolCallId: parentToolCallId } = this.#parent;
      const above = parentSubagentRunId !== undefined && { parentSubagentRunId };
      return { type: "SUBAGENT_STARTED", subagentRunId: id, name: agentName, ...above, parentToolCallId };
    }
    const { threadId = chatId, runId = id, parentRunId } = this.#thread.options;
    return { type: "RUN_STARTED", threadId, runId, ...(parentRunId !== undefined && { parentRunId }) };
  }

  #beginTurn(turn: number): AGUIEvent[] {
    const ended = this.#endAll();
    this.#beginAnswer();
    this.#step = `turn ${turn}`;
    return [...ended, { type: "STEP_STARTED", stepName: this.#step }];
  }

  #beginAnswer(): void {
    this.#answers++;
    this.#messageIds = [];
  }

  /** The message of the answer that arrives: its text and its calls. */
  get #messageId(): string {
    return `${this.#run?.id}-${this.#answers}`;
  }

  #begin(id: string): string {
    if (!this.#messageIds.includes(id)) this.#messageIds.push(id);
    return id;
  }

  #grow({ type, text, part }: EventOf<"text-delta" | "reasoning-delta" | "refusal-delta">): AGUIEvent[] {
    if (text === "") return [];
    const key = `${type}:${part}`;
    if (this.#block?.key === key) return content(this.#block, text);
    const ended = this.#endBlock();
    if (type === "reasoning-delta") {
      const id = this.#begin(`${this.#messageId}-reasoning-${this.#messageIds.length}`);
      this.#block = { key, type: "reasoning", id };
      const start: AGUIEvent = { type: "REASONING_MESSAGE_START", messageId: id, role: "reasoning" };
      return [...ended, { type: "REASONING_START", messageId: id }, start, ...content(this.#block, text)];
    }
    const id = this.#begin(this.#messageId);
    this.#block = { key, type: "text", id };
    return [...ended, { type: "TEXT_MESSAGE_START", messageId: id, role: "assistant" }, ...content(this.#block, text)];
  }

  #endBlock(): AGUIEvent[] {
    if (!this.#block) return [];
    const { type, id: messageId } = this.#block;
    this.#block = undefined;
    if (type === "text") return [{ type: "TEXT_MESSAGE_END", messageId }];
    return [
      { type: "REASONING_MESSAGE_END", messageId },
      { type: "REASONING_END", messageId },
    ];
  }

  #growCall(callId: string, name: string, delta: string, prefix = ""): AGUIEvent[] {
    const events = this.#endBlock();
    let call = this.#calls.get(callId);
    if (!call) {
      const parentMessageId = this.#begin(this.#messageId);
      const toolCallId = this.#thread.newCallId(`${prefix}${callId}`, parentMessageId);
      call = { toolCallId, isArriving: true, hasArgs: false, isOver: false };
      this.#calls.set(callId, call);
      events.push({ type: "TOOL_CALL_START", toolCallId, toolCallName: name, parentMessageId });
    }
    if (delta === "" || !call.isArriving) return events;
    call.hasArgs = true;
    const { toolCallId } = call;
    return [
      ...events,
      ...pieces(delta).map((piece): AGUIEvent => ({ type: "TOOL_CALL_ARGS", toolCallId, delta: piece })),
    ];
  }

  /** A call has all its arguments: those that arrived, or these where none did. */
  #endArgs(callId: string, name: string, args: unknown, prefix = ""): AGUIEvent[] {
    const known = this.#calls.get(callId);
    if (known && !known.isArriving) return [];
    const events = this.#growCall(
      callId,
      name,
      known?.hasArgs ? "" : typeof args === "string" ? args : jsonOf(args),
      prefix,
    );
    const call = this.#calls.get(callId);
    if (!call) return events;
    call.isArriving = false;
    return [...events, { type: "TOOL_CALL_END", toolCallId: call.toolCallId }];
  }

  #endAnswer(message: Message): AGUIEvent[] {
    if (message.role !== "assistant") return [];
    const calls = toolCallsOf(message);
    const ended = calls.flatMap(({ callId, name, args, invalidArgs }) =>
      this.#endArgs(callId, name, invalidArgs ?? args),
    );
    return [...this.#endBlock(), ...ended];
  }

  #providerTool({ callId, name, state, input, output }: EventOf<"provider-tool">): AGUIEvent[] {
    // Its input may be told only at its end.
    if (state === "started" && input === undefined) return this.#growCall(callId, name, "", providerCallPrefix);
    const events = this.#endArgs(callId, name, input ?? {}, providerCallPrefix);
    const call = this.#calls.get(callId);
    if (!call || state === "started" || call.isOver) return events;
    return [
      ...events,
      this.#result(call, output ?? (state === "failed" ? "The provider's tool failed." : ""), state === "failed"),
    ];
  }

  #endCall(event: EventOf<"tool-result" | "tool-error">): AGUIEvent[] {
    const { callId, name, args } = event;
    const events = [...this.#endSubAgents(callId), ...this.#endArgs(callId, name, args)];
    const call = this.#calls.get(callId);
    if (!call) return events;
    if (event.type === "tool-result") return [...events, this.#result(call, event.result)];
    return [...events, this.#result(call, safeMessage(event.error), true)];
  }

  #result(call: Call, result: unknown, isError = false): AGUIEvent {
    call.isOver = true;
    const { toolCallId } = call;
    return {
      type: "TOOL_CALL_RESULT",
      messageId: `${toolCallId}-result`,
      toolCallId,
      role: "tool",
      content: resultContent(result, this.#thread.isNew),
      ...(isError && { metadata: { isError: true } }),
    };
  }

  #subAgent({ callId, event }: EventOf<"sub-agent">): AGUIEvent[] {
    const runId = event.run.id;
    const toolCallId = this.#calls.get(callId)?.toolCallId ?? callId;
    const own = this.#parent && this.#run && { subagentRunId: this.#run.id };
    const subAgent = this.#subAgents.get(runId) ?? {
      callId,
      encoder: new AGUIEncoder(this.#thread, { ...own, toolCallId }),
    };
    this.#subAgents.set(runId, subAgent);
    const events = [...subAgent.encoder.encode(event)];
    if (event.type === "final") this.#subAgents.delete(runId);
    return events;
  }

  #endSubAgents(callId?: string): AGUIEvent[] {
    const events: AGUIEvent[] = [];
    for (const [runId, subAgent] of this.#subAgents) {
      if (callId !== undefined && subAgent.callId !== callId) continue;
      this.#subAgents.delete(runId);
      events.push(...subAgent.encoder.cut());
    }
    return events;
  }

  /** Ends what is open but the step. Each call gets a result: clients would execute one without. */
  #endParts(why: string): AGUIEvent[] {
    const events = [...this.#endSubAgents(), ...this.#endBlock()];
    for (const [callId, call] of this.#calls) {
      events.push(...this.#endArgs(callId, "", {}));
      if (!call.isOver) events.push(this.#result(call, why, true));
    }
    this.#calls = new Map();
    return events;
  }

  #endAll(): AGUIEvent[] {
    const events = this.#endParts(noResult);
    if (this.#step !== undefined) events.push({ type: "STEP_FINISHED", stepName: this.#step });
    this.#step = undefined;
    return events;
  }

  /** What is void is named, and taken back where the client's messages are known. */
  #retry(event: EventOf<"retry" | "model-switched">): AGUIEvent[] {
    const notice = noticeOf(event) ?? {};
    if (event.discardFrom === undefined) return [custom(event.type, notice)];
    const results = [...this.#calls.values()].map(({ toolCallId }) => `${toolCallId}-result`);
    const ended = this.#endParts(voidCall);
    const discarded = [...this.#messageIds, ...results];
    this.#thread.discard(discarded);
    this.#beginAnswer();
    return [...ended, custom(event.type, { ...notice, discarded })];
  }

  #end(final: Final): AGUIEvent[] {
    const { run, stopReason, error, object, turns, costUsd, durationMs } = final;
    const ended = this.#endAll();
    if (this.#parent) {
      const subagentRunId = run.id;
      if (stopReason !== "error")
        return [...ended, { type: "SUBAGENT_FINISHED", subagentRunId, outcome: { type: "success" } }];
      return [...ended, { type: "SUBAGENT_ERROR", subagentRunId, message: safeMessage(error), ...codeOf(error) }];
    }
    const usage = [usageOf(final.usage)];
    if (stopReason === "error") {
      return [...ended, { type: "RUN_ERROR", message: safeMessage(error), ...codeOf(error), usage }];
    }
    const { threadId = run.chatId, runId = run.id } = this.#thread.options;
    const result = object !== undefined && fits(plain(object)) && { result: plain(object) };
    const metadata = { runId: run.id, stopReason, turns, durationMs, ...(costUsd !== undefined && { costUsd }) };
    return [
      ...ended,
      { type: "RUN_FINISHED", threadId, runId, ...result, ...this.#outcome(stopReason), usage, metadata },
    ];
  }

  /** Older clients have no word for a run that was stopped, and refuse the new one. */
  #outcome(stopReason: Final["stopReason"]): { outcome?: { type: "success" | "cancelled" } } {
    if (stopReason !== "stopped") return { outcome: { type: "success" } };
    return this.#thread.isNew ? { outcome: { type: "cancelled" } } : {};
  }
}

function content({ type, id: messageId }: Block, text: string): AGUIEvent[] {
  const kind = type === "text" ? "TEXT_MESSAGE_CONTENT" : "REASONING_MESSAGE_CONTENT";
  return pieces(text).map((delta) => ({ type: kind, messageId, delta }));
}

/** A text in as many pieces as clients can read. */
function pieces(text: string): string[] {
  const found: string[] = [];
  for (let from = 0; from < text.length; from += maxText) found.push(text.slice(from, from + maxText));
  return found;
}

/** What AG-UI has no event of its own for. */
function custom(name: string, value: Json): AGUIEvent {
  return { type: "CUSTOM", name, value: fits(value) ? value : { tooLong: true } };
}

function codeOf(error: unknown): { code?: string } {
  const kind: unknown = typeof error === "object" && error !== null && "kind" in error ? error.kind : undefined;
  return typeof kind === "string" ? { code: kind } : {};
}

function usageOf(usage: Usage): AGUIUsage {
  const { inputTokens, outputTokens, reasoningTokens, cacheReadTokens, cacheWriteTokens } = usage;
  return {
    inputTokens: whole(inputTokens),
    outputTokens: whole(outputTokens),
    totalTokens: whole(inputTokens + outputTokens),
    reasoningTokens: whole(reasoningTokens),
    cachedInputTokens: whole(cacheReadTokens),
    cacheWriteInputTokens: whole(cacheWriteTokens),
  };
}

/** Clients refuse what is no whole number from 0 on; who writes a model may count as they like. */
function whole(tokens: number): number {
  return Number.isFinite(tokens) ? Math.max(0, Math.round(tokens)) : 0;
}
