import {
  type Decoder,
  type FinishReason,
  type ImagePart,
  isObject,
  type Json,
  type JsonObject,
  MessageBuilder,
  type ModelEvent,
  newId,
  type ProviderToolPart,
} from "millrace/provider";
import { protocolError, streamError } from "./failure.ts";
import { Sources } from "./sources.ts";
import { responsesUsage } from "./usage.ts";
import { isList, textIn, without } from "./wire.ts";

/** An output item that has begun. */
interface Item {
  /** The slot of its first part; the others count on from there. */
  readonly slot: number;
  readonly type: string;
  readonly id: string;
  done: boolean;
}

/** How many parts an item may have before its slots meet the next one's. */
const slotsPerItem = 4096;
/** Where in an item the slots of `reasoning_text` begin, after those of the summary. */
const reasoningTextSlot = 2048;

/** Items that the caller must answer. */
const callTypes: ReadonlySet<string> = new Set([
  "function_call",
  "custom_tool_call",
  "apply_patch_call",
  "computer_call",
]);

/** Events that only repeat what deltas or the items say. */
const repetitions: ReadonlySet<string> = new Set([
  "response.created",
  "response.queued",
  "response.in_progress",
  "response.content_part.added",
  "response.content_part.done",
  "response.output_text.done",
  "response.refusal.done",
  "response.function_call_arguments.done",
  "response.reasoning_summary_part.added",
  "response.reasoning_summary_part.done",
  "response.reasoning_summary_text.done",
  "response.reasoning_text.done",
]);

/**
 * Reads one answer of the Responses API, streamed or whole. An item is what `output_item.done` says of it; what its
 * deltas left out is added then. An item that is no message, reasoning or function call becomes a provider-tool part
 * that keeps the exact item, to be sent back unchanged.
 *
 * Servers differ: no `event:` lines, no deltas for arguments, no `output_item.done`, an `output_index` or an item id
 * used twice, only the closing event.
 */
export class ResponsesDecoder implements Decoder {
  done = false;
  readonly skips: ReadonlySet<string> = repetitions;
  readonly #provider: string;
  readonly #builder = new MessageBuilder();
  readonly #sources = new Sources(this.#builder);
  readonly #items: Item[] = [];
  readonly #byIndex = new Map<unknown, Item>();
  #lastIndex: unknown;
  #lastItem: Item | undefined;
  #response: JsonObject | undefined;
  #awaitsCaller = false;

  constructor(options: { readonly provider: string }) {
    this.#provider = options.provider;
  }

  event(data: unknown, out: ModelEvent[]): void {
    if (!isObject(data)) throw protocolError(this.#provider, "an event of a response", data);
    switch (data.type) {
      case "response.output_text.delta":
        if (data.delta)
          out.push(this.#builder.text(textIn(data.delta), this.#slot(data, "message", data.content_index)));
        return;
      case "response.function_call_arguments.delta":
        this.#args(this.#slot(data, "function_call", 0), textIn(data.delta), out);
        return;
      case "response.reasoning_summary_text.delta":
        this.#reasoning(this.#slot(data, "reasoning", data.summary_index), data.delta, out);
        return;
      case "response.reasoning_text.delta":
        this.#reasoning(this.#slot(data, "reasoning", data.content_index) + reasoningTextSlot, data.delta, out);
        return;
      case "response.refusal.delta":
        out.push(this.#builder.refusal(textIn(data.delta), this.#slot(data, "message", data.content_index)));
        return;
      case "response.output_item.added":
        if (isObject(data.item)) this.#open(data.output_index, data.item, out);
        return;
      case "response.output_item.done":
        if (isObject(data.item)) this.#close(this.#itemOf(data, data.item, out), data.item, out);
        return;
      case "response.output_text.annotation.added":
        this.#sources.annotation(data.annotation, out);
        return;
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
      case "response.cancelled":
        if (isObject(data.response)) this.#complete(data.response, out);
        return;
      case "error":
        throw streamError(this.#provider, isObject(data.error) ? data : without(data, "type"));
      case undefined:
        if (data.error || data.message || data.detail) throw streamError(this.#provider, data);
    }
  }

  body(json: unknown, out: ModelEvent[]): void {
    if (isObject(json) && json.error && !isList(json.output)) throw streamError(this.#provider, json);
    if (!isObject(json) || !isList(json.output))
      throw protocolError(this.#provider, "a response with its output", json);
    this.#complete(json, out);
    this.end(false, out);
  }

  end(_sawDone: boolean, out: ModelEvent[]): void {
    const response = this.#response;
    if (!response) return;
    const rawReason = rawReasonOf(response);
    const usage = responsesUsage(response.usage);
    out.push(this.#builder.finish({ reason: this.#reason(rawReason), rawReason, usage }));
  }

  /** The slot of a delta. A delta that no item was announced for opens one. */
  #slot(data: JsonObject, type: string, part: unknown): number {
    const index = data.output_index;
    let item = index === this.#lastIndex ? this.#lastItem : this.#byIndex.get(index);
    if (item?.type !== type || item.done) {
      const id = textIn(data.item_id);
      item =
        this.#items.find((open) => open.type === type && open.id === id && !open.done) ?? this.#add(index, type, id);
    }
    this.#lastIndex = index;
    this.#lastItem = item;
    return item.slot + (typeof part === "number" ? part : 0);
  }

  #add(index: unknown, type: string, id: string): Item {
    const item: Item = { slot: this.#items.length * slotsPerItem, type, id, done: false };
    this.#items.push(item);
    this.#byIndex.set(index, item);
    this.#lastIndex = undefined;
    return item;
  }

  #open(index: unknown, item: JsonObject, out: ModelEvent[]): Item {
    const type = textIn(item.type);
    const opened = this.#add(index, type, textIn(item.id));
    if (type === "function_call") this.#beginCall(opened.slot, item, out);
    else if (isProviderTool(type)) {
      // Its place among the parts is where it began.
      const part = providerTool(item, this.#provider);
      this.#builder.put(opened.slot, part);
      out.push(toolEvent(part, "started"));
    }
    return opened;
  }

  #beginCall(slot: number, item: JsonObject, out: ModelEvent[]): void {
    out.push(this.#builder.toolCall(slot, textIn(item.name), textIn(item.call_id) || textIn(item.id)));
  }

  /** The opened item that an `output_item.done` closes. */
  #itemOf(data: JsonObject, item: JsonObject, out: ModelEvent[]): Item {
    const known = this.#byIndex.get(data.output_index);
    if (known && !known.done && known.type === item.type) return known;
    return this.#findOpen(item) ?? this.#open(data.output_index, item, out);
  }

  #findOpen(item: JsonObject): Item | undefined {
    return this.#items.find((open) => !open.done && open.type === item.type && open.id === textIn(item.id));
  }

  #close(opened: Item, item: JsonObject, out: ModelEvent[]): void {
    opened.done = true;
    if (callTypes.has(opened.type)) this.#awaitsCaller = true;
    if (opened.type === "message") this.#closeMessage(opened.slot, item, out);
    else if (opened.type === "reasoning") this.#closeReasoning(opened.slot, item, out);
    else if (opened.type === "function_call") this.#closeCall(opened.slot, item, out);
    else this.#closeProviderTool(opened.slot, item, out);
  }

  #closeMessage(slot: number, item: JsonObject, out: ModelEvent[]): void {
    const kept = this.#own(without(item, "type", "role", "content", "status"));
    listIn(item.content).forEach((part, index) => {
      if (!isObject(part)) return;
      const isRefusal = part.type === "refusal";
      const at = this.#partSlot(slot, index, isRefusal ? part.refusal : part.text);
      const missing = this.#missing(at, isRefusal ? part.refusal : part.text);
      if (missing !== "") out.push(isRefusal ? this.#builder.refusal(missing, at) : this.#builder.text(missing, at));
      const annotations = listIn(part.annotations);
      for (const annotation of annotations) this.#sources.annotation(annotation, out);
      if (this.#builder.soFar(at) === "") return;
      this.#builder.attach(at, "openai-responses", { ...kept, ...(annotations.length > 0 && { annotations }) });
    });
  }

  /** Some servers count a message's parts from another number in the deltas than in the item. */
  #partSlot(slot: number, index: number, whole: unknown): number {
    if (this.#builder.has(slot + index)) return slot + index;
    for (let at = slot; at < slot + 8; at++) {
      if (this.#builder.has(at) && this.#builder.soFar(at) === whole) return at;
    }
    return slot + index;
  }

  #closeReasoning(slot: number, item: JsonObject, out: ModelEvent[]): void {
    const readAll = (parts: readonly Json[], from: number) =>
      parts.forEach((part, index) => {
        const at = from + index;
        this.#reasoning(at, this.#missing(at, isObject(part) ? part.text : ""), out);
      });
    readAll(listIn(item.summary), slot);
    readAll(listIn(item.content), slot + reasoningTextSlot);
    const first = [slot, slot + reasoningTextSlot].find((at) => this.#builder.has(at)) ?? slot;
    if (!this.#builder.has(first)) this.#builder.openReasoning(first);
    const isEmpty = isList(item.content) && item.content.length === 0;
    this.#builder.attach(first, "openai-responses", this.#own({ item: isEmpty ? without(item, "content") : item }));
  }

  #closeCall(slot: number, item: JsonObject, out: ModelEvent[]): void {
    // Where only deltas of its arguments announced it, which name nothing.
    if (!this.#builder.has(slot)) this.#beginCall(slot, item, out);
    this.#args(slot, this.#missing(slot, item.arguments), out);
    const kept = without(item, "type", "call_id", "name", "arguments");
    this.#builder.attach(slot, "openai-responses", this.#own(kept));
  }

  #closeProviderTool(slot: number, item: JsonObject, out: ModelEvent[]): void {
    const part = providerTool(item, this.#provider);
    this.#builder.put(slot, part);
    out.push(toolEvent(part, part.isError ? "failed" : "done"));
    const file = imageOf(item);
    if (!file) return;
    this.#builder.put(slot + 1, file);
    out.push({ type: "file-output", file });
  }

  #complete(response: JsonObject, out: ModelEvent[]): void {
    if (response.status === "failed" || (response.error && response.status !== "completed")) {
      if (isObject(response.usage)) out.push({ type: "usage", usage: responsesUsage(response.usage) });
      throw streamError(this.#provider, isObject(response.error) ? response : { error: response });
    }
    const streamed = this.#items.length > 0;
    for (const item of listIn(response.output)) {
      if (!isObject(item)) continue;
      const opened = this.#findOpen(item) ?? (streamed ? undefined : this.#open(undefined, item, out));
      if (opened) this.#close(opened, item, out);
    }
    this.#response = response;
    this.done = true;
  }

  #args(slot: number, delta: string, out: ModelEvent[]): void {
    if (delta === "") return;
    const event = this.#builder.toolArgs(slot, delta);
    if (event) out.push(event);
  }

  #reasoning(slot: number, delta: unknown, out: ModelEvent[]): void {
    if (typeof delta === "string" && delta !== "") out.push(this.#builder.reasoning(delta, slot));
  }

  /** What of a whole text has not come as deltas. */
  #missing(slot: number, whole: unknown): string {
    const text = textIn(whole);
    const came = this.#builder.soFar(slot);
    return text.length > came.length && text.startsWith(came) ? text.slice(came.length) : "";
  }

  #own(kept: JsonObject): JsonObject {
    return { provider: this.#provider, ...kept };
  }

  #reason(raw: string | undefined): FinishReason {
    if (raw === "incomplete:max_output_tokens") return "length";
    if (raw === "incomplete:content_filter") return "content-filter";
    if (raw !== undefined && raw !== "completed" && raw !== "complete") return "other";
    return this.#awaitsCaller ? "tool-calls" : "stop";
  }
}

/** `completed`, or `incomplete:` and why. */
function rawReasonOf(response: JsonObject): string | undefined {
  const status = typeof response.status === "string" ? response.status : undefined;
  const details = response.incomplete_details;
  const why = isObject(details) ? textIn(details.reason) : "";
  return status !== undefined && why !== "" ? `${status}:${why}` : status;
}

function isProviderTool(type: string): boolean {
  return type !== "message" && type !== "reasoning";
}

/** Fields under which items tell what was asked and what came of it. */
const inputFields = ["action", "arguments", "input", "code", "queries", "operation", "actions"] as const;
const outputFields = ["output", "outputs", "results", "result", "tools"] as const;

function providerTool(item: JsonObject, provider: string): ProviderToolPart {
  const type = textIn(item.type);
  const input = inputFields.map((field) => item[field]).find(isTold);
  const output = outputFields.map((field) => item[field]).find(isTold);
  const failed = item.status === "failed" || item.status === "incomplete" || isTold(item.error);
  return {
    type: "provider-tool",
    callId: textIn(item.id) || textIn(item.call_id) || newId("item"),
    name: type === "mcp_call" || type === "custom_tool_call" ? textIn(item.name) || type : type.replace(/_call$/, ""),
    ...(isTold(input) && { input }),
    // The picture is a part of its own.
    ...(isTold(output) && type !== "image_generation_call" && { output }),
    ...(failed && { isError: true }),
    providerData: { "openai-responses": { provider, item } },
  };
}

function toolEvent(part: ProviderToolPart, state: "started" | "done" | "failed"): ModelEvent {
  const { callId, name, input, output } = part;
  return {
    type: "provider-tool",
    callId,
    name,
    state,
    ...(input !== undefined && { input }),
    ...(output !== undefined && state !== "started" && { output }),
  };
}

function imageOf(item: JsonObject): ImagePart | undefined {
  if (item.type !== "image_generation_call" || typeof item.result !== "string" || item.result === "") return undefined;
  const format = textIn(item.output_format) || "png";
  return { type: "image", data: item.result, mediaType: `image/${format}` };
}

function isTold(value: Json | undefined): value is Json {
  return value !== undefined && value !== null;
}

function listIn(value: unknown): readonly Json[] {
  return isList(value) ? value : [];
}
