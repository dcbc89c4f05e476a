import { keepArgsJson } from "./args-json.ts";
import { newId } from "./ids.ts";
import { isObject } from "./is-object.ts";
import type { AssistantMessage, AssistantPart, JsonObject, ProviderData, ToolCallPart } from "./messages.ts";
import type {
  FinishReason,
  ModelFinish,
  ModelReasoningDelta,
  ModelRefusalDelta,
  ModelTextDelta,
  ModelToolCallDelta,
} from "./model.ts";
import { parseArgs } from "./parse-args.ts";
import type { Usage } from "./usage.ts";

/** What names a part while a message is being built: the wire's index or item id. */
export type Slot = string | number;

interface TextDraft {
  type: "text" | "reasoning" | "refusal";
  text: string;
  index: number;
  providerData?: ProviderData;
}

interface CallDraft {
  type: "tool-call";
  callId: string;
  name: string;
  json: string;
  index: number;
  providerData?: ProviderData;
}

interface WholeDraft {
  type: "whole";
  part: AssistantPart;
  index: number;
}

type Draft = TextDraft | CallDraft | WholeDraft;

/**
 * Builds a model's message from what arrives, and gives the delta event for each piece. Parts stand in the order in
 * which they began. A decoder keeps one for each answer.
 */
export class MessageBuilder {
  readonly #drafts: Draft[] = [];
  readonly #slots = new Map<Slot, Draft>();
  #latest: TextDraft | undefined;
  #latestSlot: Slot | undefined;

  /** Appends text to the part of this slot. */
  text(text: string, slot: Slot = "text"): ModelTextDelta {
    return { type: "text-delta", text, part: this.#append("text", text, slot).index };
  }

  /** Appends readable reasoning to the part of this slot. */
  reasoning(text: string, slot: Slot = "reasoning"): ModelReasoningDelta {
    return { type: "reasoning-delta", text, part: this.#append("reasoning", text, slot).index };
  }

  /** Appends to a refusal. */
  refusal(text: string, slot: Slot = "refusal"): ModelRefusalDelta {
    return { type: "refusal-delta", text, part: this.#append("refusal", text, slot).index };
  }

  /** Whether a part of this slot has begun. */
  has(slot: Slot): boolean {
    return this.#slots.has(slot);
  }

  /**
   * Begins a tool call. Without an id from the provider, or with one that another call of this message has, it gets
   * an id of its own. Gives the first, empty delta.
   */
  toolCall(slot: Slot, name: string, callId?: string | null): ModelToolCallDelta {
    const taken = this.#drafts.some((other) => other.type === "tool-call" && other.callId === callId);
    const id = callId && !taken ? callId : newId("call");
    const draft: CallDraft = { type: "tool-call", callId: id, name, json: "", index: 0 };
    this.#add(slot, draft);
    return { type: "tool-call-delta", callId: draft.callId, name, delta: "" };
  }

  /** Appends arguments to the tool call of this slot; undefined where no such call has begun. */
  toolArgs(slot: Slot, delta: string): ModelToolCallDelta | undefined {
    const draft = this.#slots.get(slot);
    if (draft?.type !== "tool-call") return undefined;
    draft.json += delta;
    return { type: "tool-call-delta", callId: draft.callId, name: draft.name, delta };
  }

  /** The text or the arguments of a slot so far; empty where it has not begun. */
  soFar(slot: Slot): string {
    const draft = this.#slots.get(slot);
    if (!draft || draft.type === "whole") return "";
    return draft.type === "tool-call" ? draft.json : draft.text;
  }

  /** Puts a part that came whole (a provider's tool, a file, a source) at the end, or over the one of the same slot. */
  put(slot: Slot, part: AssistantPart): void {
    const draft = this.#slots.get(slot);
    if (draft?.type === "whole") draft.part = part;
    else this.#add(slot, { type: "whole", part, index: 0 });
  }

  /** Attaches what the provider needs back to the part of this slot, merged with what is there under the same wire. */
  attach(slot: Slot, wire: string, data: JsonObject): void {
    const draft = this.#slots.get(slot);
    if (!draft || draft.type === "whole") return;
    const before = draft.providerData?.[wire];
    draft.providerData = { ...draft.providerData, [wire]: { ...(isObject(before) && before), ...data } };
  }

  /** Begins an empty reasoning part, for a provider that sends only a signature or encrypted content. */
  openReasoning(slot: Slot): void {
    this.#append("reasoning", "", slot);
  }

  /** Whether the message has a tool call. */
  get hasToolCalls(): boolean {
    return this.#drafts.some((draft) => draft.type === "tool-call");
  }

  /** The message: empty parts that carry nothing are left out, arguments are parsed. */
  message(providerData?: ProviderData): AssistantMessage {
    const content = this.#drafts.map(toPart).filter((part) => part !== undefined);
    return { role: "assistant", content, ...(providerData && { providerData }) };
  }

  /** The closing event. */
  finish(end: {
    reason: FinishReason;
    rawReason?: string | undefined;
    usage: Usage;
    providerData?: ProviderData;
  }): ModelFinish {
    const { reason, rawReason, usage } = end;
    const message = this.message(end.providerData);
    return { type: "finish", message, reason, ...(rawReason !== undefined && { rawReason }), usage };
  }

  #append(type: TextDraft["type"], text: string, slot: Slot): TextDraft {
    let draft = this.#latestSlot === slot ? this.#latest : undefined;
    if (draft?.type !== type) {
      const known = this.#slots.get(slot);
      draft = known?.type === type ? known : this.#add(slot, { type, text: "", index: 0 });
      this.#latest = draft;
      this.#latestSlot = slot;
    }
    draft.text += text;
    return draft;
  }

  #add<D extends Draft>(slot: Slot, draft: D): D {
    draft.index = this.#drafts.length;
    this.#drafts.push(draft);
    this.#slots.set(slot, draft);
    if (this.#latestSlot === slot) this.#latestSlot = undefined;
    return draft;
  }
}

function toPart(draft: Draft): AssistantPart | undefined {
  if (draft.type === "whole") return draft.part;
  const providerData = draft.providerData && { providerData: draft.providerData };
  if (draft.type === "tool-call") {
    const { callId, name, json } = draft;
    const part: ToolCallPart = { type: "tool-call", callId, name, ...parseArgs(json), ...providerData };
    if (json.trim() !== "" && part.invalidArgs === undefined) keepArgsJson(part, json);
    return part;
  }
  if (draft.text === "" && !providerData && draft.type !== "refusal") return undefined;
  return { type: draft.type, text: draft.text, ...providerData };
}
