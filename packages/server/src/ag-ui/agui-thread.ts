import type { JsonObject } from "millrace";
import { isObject } from "millrace/provider";
import { textFrom } from "../protocol/from-client.ts";
import type { AGUIEvent, AGUIMessage } from "./agui-event.ts";

/** Which run of which thread a client has asked for: the fields of its `RunAgentInput` that an answer needs. */
export interface AGUIThreadOptions {
  /** Default: the run's `chatId`. */
  threadId?: string;
  /** The client's own id for the run. Default: that of the run. */
  runId?: string;
  parentRunId?: string;
  /** The client's messages; the ids of their calls are not used again, and a retry can take back what it makes void. */
  messages?: readonly JsonObject[];
  /** What the client speaks; from "1.0" on it understands parts as results, and that a run was cancelled. */
  protocolVersion?: string;
}

/** What a run and the runs of its sub-agents share: one thread of a client, where no id may be used twice. */
export class AGUIThread {
  readonly options: AGUIThreadOptions;
  /** Whether the client knows what was added with version 1.0. */
  readonly isNew: boolean;
  readonly #callIds = new Set<string>();
  /** The run's messages, by their ids; only where the client's own are known. */
  readonly #added: Map<string, Draft> | undefined;
  #voided: string[] = [];

  constructor(options: AGUIThreadOptions) {
    this.options = options;
    this.isNew = /^[1-9]/.test(options.protocolVersion ?? "");
    this.#added = options.messages && new Map();
    for (const { toolCalls } of options.messages ?? []) {
      for (const call of Array.isArray(toolCalls) ? toolCalls : []) {
        if (isObject(call)) this.#callIds.add(textFrom(call["id"]));
      }
    }
  }

  /** An id that no call of the thread has: a provider may use its ids again in the next turn. */
  newCallId(callId: string, messageId: string): string {
    let id = callId;
    for (let count = 1; this.#callIds.has(id); count++) id = `${callId}-${messageId}-${count}`;
    this.#callIds.add(id);
    return id;
  }

  /** The messages with these ids are void. */
  discard(ids: readonly string[]): void {
    this.#voided.push(...ids);
  }

  /** Follows what is sent. Gives it, and after it the messages that remain, where some have become void. */
  follow(events: readonly AGUIEvent[]): readonly AGUIEvent[] {
    const added = this.#added;
    if (!added) return events;
    for (const event of events) follow(added, event);
    if (this.#voided.length === 0) return events;
    for (const id of this.#voided) {
      const draft = added.get(id);
      // Clients keep reasoning that a snapshot leaves out.
      if (draft?.role === "reasoning") draft.content = "";
      else added.delete(id);
    }
    this.#voided = [];
    const messages = [...(this.options.messages ?? []), ...[...added.values()].map(toMessage)];
    const snapshot: AGUIEvent = { type: "MESSAGES_SNAPSHOT", messages };
    return fits(snapshot) ? [...events, snapshot] : events;
  }
}

/** Clients take at most 10 Mi characters for one event. */
const maxCharacters = 8_000_000;

/** Whether clients can read it as one event. */
export function fits(value: unknown): boolean {
  return JSON.stringify(value).length <= maxCharacters;
}

interface Draft {
  readonly id: string;
  readonly role: "assistant" | "reasoning" | "tool";
  readonly subagentRunId: string | undefined;
  readonly toolCallId?: string;
  content: Extract<AGUIMessage, { role: "tool" }>["content"] | undefined;
  readonly calls: { readonly id: string; readonly name: string; args: string }[];
}

function follow(added: Map<string, Draft>, event: AGUIEvent): void {
  const { subagentRunId } = event;
  const draft = (id: string, role: Draft["role"], fields: Partial<Draft> = {}): Draft => {
    const known = added.get(id) ?? { id, role, subagentRunId, content: undefined, calls: [], ...fields };
    added.set(id, known);
    return known;
  };
  switch (event.type) {
    case "TEXT_MESSAGE_START":
      draft(event.messageId, "assistant").content ??= "";
      break;
    case "REASONING_MESSAGE_START":
      draft(event.messageId, "reasoning").content ??= "";
      break;
    case "TEXT_MESSAGE_CONTENT":
    case "REASONING_MESSAGE_CONTENT": {
      const known = added.get(event.messageId);
      if (known) known.content = `${known.content ?? ""}${event.delta}`;
      break;
    }
    case "TOOL_CALL_START":
      draft(event.parentMessageId, "assistant").calls.push({
        id: event.toolCallId,
        name: event.toolCallName,
        args: "",
      });
      break;
    case "TOOL_CALL_ARGS":
      for (const { calls } of added.values()) {
        for (const call of calls) if (call.id === event.toolCallId) call.args += event.delta;
      }
      break;
    case "TOOL_CALL_RESULT":
      draft(event.messageId, "tool", { toolCallId: event.toolCallId, content: event.content });
      break;
    default:
      break;
  }
}

function toMessage({ id, role, subagentRunId, content, toolCallId = "", calls }: Draft): AGUIMessage {
  const owner = subagentRunId !== undefined && { subagentRunId };
  if (role === "tool") return { id, role, ...owner, toolCallId, content: content ?? "" };
  const text = typeof content === "string" ? content : undefined;
  if (role === "reasoning") return { id, role, ...owner, content: text ?? "" };
  const toolCalls = calls.map(({ id: callId, name, args }) => ({
    id: callId,
    type: "function" as const,
    function: { name, arguments: args },
  }));
  return { id, role, ...owner, ...(text !== undefined && { content: text }), ...(calls.length > 0 && { toolCalls }) };
}
