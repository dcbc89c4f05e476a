import {
  type Decoder,
  type FinishReason,
  isObject,
  type Json,
  type JsonObject,
  MessageBuilder,
  type ModelEvent,
  type ProviderData,
  type SourcePart,
  toModelError,
  type Usage,
} from "millrace/provider";
import { failureOf } from "./failure.ts";
import { wire } from "./wire.ts";

/** A block whose end needs a look: a client tool's call, or one that is kept exactly as it came. */
interface OpenBlock {
  readonly kind: "call" | "whole";
  block: JsonObject;
  /** The streamed input, where the block has one. */
  json: string;
}

const finishReasons: ReadonlyMap<unknown, FinishReason> = new Map([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["tool_use", "tool-calls"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["pause_turn", "pause"],
  // With `pause_after_compaction`: the provider waits to be asked again with the summary appended.
  ["compaction", "pause"],
  ["refusal", "content-filter"],
]);

/**
 * Reads one answer of the Messages API, streamed or whole. A block's index is the slot of its part. What is no text,
 * thinking or client tool call (server tools, their results, compaction, blocks not known yet) becomes a provider-tool
 * part that keeps the exact block, to be sent back unchanged.
 */
export class AnthropicDecoder implements Decoder {
  done = false;
  readonly #builder = new MessageBuilder();
  readonly #open = new Map<unknown, OpenBlock>();
  readonly #toolNames = new Map<unknown, string>();
  readonly #citations = new Map<number, Json[]>();
  #sources = 0;
  #started = false;
  #stopReason: string | undefined;
  #container: Json | undefined;
  #input = 0;
  #cacheRead = 0;
  #cacheWrite = 0;
  #output = 0;
  #reasoning = 0;

  event(data: unknown, out: ModelEvent[]): void {
    if (!isObject(data)) return;
    switch (data["type"]) {
      case "content_block_delta":
        if (isObject(data["delta"]) && typeof data["index"] === "number")
          this.#delta(data["index"], data["delta"], out);
        return;
      case "content_block_start":
        if (isObject(data["content_block"]) && typeof data["index"] === "number") {
          this.#startBlock(data["index"], data["content_block"], out);
        }
        return;
      case "content_block_stop":
        this.#endBlock(data["index"], out);
        return;
      case "message_start":
        this.#startMessage(data["message"], out);
        return;
      case "message_delta":
        this.#readUsage(data["usage"]);
        if (isObject(data["delta"])) this.#readStop(data["delta"], out);
        return;
      case "message_stop":
        this.done = true;
        return;
      case "error":
        throw toModelError({ ...failureOf(data), provider: wire });
    }
  }

  body(json: unknown, out: ModelEvent[]): void {
    const blocks = isObject(json) ? json["content"] : undefined;
    if (!isObject(json) || json["type"] === "error" || !Array.isArray(blocks)) {
      const kind = isObject(json) && json["error"] ? undefined : "protocol";
      const message = "expected a message with a list as its content";
      throw toModelError({ ...failureOf(json), provider: wire, ...(kind && { kind, body: undefined, message }) });
    }
    this.#readUsage(json["usage"]);
    this.readBlocks(blocks, out);
    this.#readStop(json, out);
    this.done = true;
    this.end(false, out);
  }

  end(_sawDone: boolean, out: ModelEvent[]): void {
    if (!this.done) return;
    for (const index of [...this.#open.keys()]) this.#endBlock(index, out);
    const container = this.#container;
    const providerData: ProviderData | undefined = container === undefined ? undefined : { [wire]: { container } };
    out.push(
      this.#builder.finish({
        reason: finishReasons.get(this.#stopReason) ?? "other",
        rawReason: this.#stopReason,
        usage: this.#usage(),
        ...(providerData && { providerData }),
      }),
    );
  }

  /** Reads blocks that came whole, and gives the message so far. */
  readBlocks(blocks: readonly unknown[], out: ModelEvent[]): MessageBuilder {
    for (const [index, block] of blocks.entries()) {
      if (!isObject(block)) continue;
      this.#startBlock(index, block, out);
      this.#endBlock(index, out);
    }
    return this.#builder;
  }

  #startMessage(message: unknown, out: ModelEvent[]): void {
    if (this.#started) {
      // Two answers spliced into one stream (a proxy's fault): parts of both would be mixed up.
      throw toModelError({
        provider: wire,
        kind: "protocol",
        message: "a second message began before the first ended",
      });
    }
    this.#started = true;
    if (!isObject(message)) return;
    this.#readUsage(message["usage"]);
    this.#readContainer(message);
    out.push({ type: "usage", usage: this.#usage() });
  }

  #startBlock(index: number, block: JsonObject, out: ModelEvent[]): void {
    const builder = this.#builder;
    switch (block["type"]) {
      case "text":
        if (block["text"] && typeof block["text"] === "string") out.push(builder.text(block["text"], index));
        if (Array.isArray(block["citations"])) for (const cited of block["citations"]) this.#cite(index, cited, out);
        return;
      case "thinking": {
        const { type: _type, thinking, signature, ...others } = block;
        // Begun even where it stays empty: thinking that the provider leaves out is a signature without a text.
        builder.openReasoning(index);
        if (thinking && typeof thinking === "string") out.push(builder.reasoning(thinking, index));
        if (signature) builder.attach(index, wire, { signature });
        if (Object.keys(others).length > 0) builder.attach(index, wire, others);
        return;
      }
      case "redacted_thinking":
        builder.openReasoning(index);
        builder.attach(index, wire, { redacted: block["data"] ?? "" });
        return;
      case "tool_use":
        this.#startCall(index, block, out);
        return;
      default:
        this.#open.set(index, { kind: "whole", block, json: "" });
        this.#keep(index, block);
    }
  }

  #startCall(index: number, block: JsonObject, out: ModelEvent[]): void {
    const { type: _type, id, name, input: _input, caller, ...others } = block;
    out.push(this.#builder.toolCall(index, String(name ?? ""), typeof id === "string" ? id : undefined));
    // A call by the model itself is the rule and need not be said; one by its code must be answered to that code.
    if (isObject(caller) && caller["type"] !== "direct") this.#builder.attach(index, wire, { caller });
    if (Object.keys(others).length > 0) this.#builder.attach(index, wire, others);
    this.#open.set(index, { kind: "call", block, json: "" });
  }

  #delta(index: number, delta: JsonObject, out: ModelEvent[]): void {
    switch (delta["type"]) {
      case "text_delta":
        if (typeof delta["text"] === "string" && delta["text"] !== "") {
          out.push(this.#builder.text(delta["text"], index));
        }
        return;
      case "input_json_delta":
        if (typeof delta["partial_json"] === "string" && delta["partial_json"] !== "") {
          this.#inputDelta(index, delta["partial_json"], out);
        }
        return;
      case "thinking_delta":
        if (typeof delta["thinking"] === "string" && delta["thinking"] !== "") {
          out.push(this.#builder.reasoning(delta["thinking"], index));
        }
        return;
      case "signature_delta":
        this.#builder.openReasoning(index);
        this.#builder.attach(index, wire, { signature: delta["signature"] ?? "" });
        return;
      case "citations_delta":
        this.#cite(index, delta["citation"], out);
        return;
      default:
        this.#wholeDelta(index, delta);
    }
  }

  #inputDelta(index: number, json: string, out: ModelEvent[]): void {
    const delta = this.#builder.toolArgs(index, json);
    if (delta) {
      out.push(delta);
      return;
    }
    const open = this.#open.get(index);
    if (open) open.json += json;
  }

  /** A delta of a block that is kept whole, such as `compaction_delta`: it carries the final values of some fields. */
  #wholeDelta(index: number, delta: JsonObject): void {
    const open = this.#open.get(index);
    if (open?.kind !== "whole") return;
    const { type: _type, ...fields } = delta;
    open.block = { ...open.block, ...fields };
    this.#keep(index, open.block);
  }

  #endBlock(index: unknown, out: ModelEvent[]): void {
    const open = this.#open.get(index);
    if (!open || typeof index !== "number") return;
    this.#open.delete(index);
    if (open.kind === "call") this.#endCall(index, open.block["input"], out);
    else this.#endWhole(index, open, out);
  }

  /** The arguments of a call stand in its first event where the provider does not stream them. */
  #endCall(index: number, input: unknown, out: ModelEvent[]): void {
    if (!isObject(input) || Object.keys(input).length === 0 || this.#builder.soFar(index) !== "") return;
    const delta = this.#builder.toolArgs(index, JSON.stringify(input));
    if (delta) out.push(delta);
  }

  #endWhole(index: number, open: OpenBlock, out: ModelEvent[]): void {
    const block = open.json === "" ? open.block : { ...open.block, input: inputOf(open.json) };
    const part = this.#keep(index, block);
    const type = String(block["type"]);
    const { callId, name, input, output } = part;
    if (type.endsWith("tool_use")) {
      out.push({ type: "provider-tool", callId, name, state: "started", ...(input !== undefined && { input }) });
    } else if (type.endsWith("tool_result")) {
      const state = part.isError ? "failed" : "done";
      out.push({ type: "provider-tool", callId, name, state, ...(output !== undefined && { output }) });
    }
  }

  #keep(index: number, block: JsonObject): WholePart {
    const part = wholePart(index, block, this.#toolNames);
    this.#builder.put(index, part);
    return part;
  }

  #cite(index: number, citation: unknown, out: ModelEvent[]): void {
    if (!isObject(citation)) return;
    let citations = this.#citations.get(index);
    if (!citations) {
      citations = [];
      this.#citations.set(index, citations);
      if (!this.#builder.has(index)) this.#builder.text("", index);
      this.#builder.attach(index, wire, { citations });
    }
    citations.push(citation);
    const source = sourceOf(citation);
    this.#builder.put(`source ${this.#sources++}`, source);
    out.push({ type: "source", source });
  }

  #readStop(stop: JsonObject, out: ModelEvent[]): void {
    this.#readContainer(stop);
    if (typeof stop["stop_reason"] === "string") this.#stopReason = stop["stop_reason"];
    if (this.#stopReason !== "refusal" || this.#builder.has("refusal")) return;
    const details = isObject(stop["stop_details"]) ? stop["stop_details"] : {};
    const explanation = details["explanation"];
    const delta = this.#builder.refusal(typeof explanation === "string" ? explanation : "");
    // Marks the text as the provider's, not the model's: it is never sent back.
    this.#builder.attach("refusal", wire, { stop_details: details });
    if (delta.text !== "") out.push(delta);
  }

  #readContainer(carrier: JsonObject): void {
    const container = carrier["container"];
    if (isObject(container) && typeof container["id"] === "string") this.#container = container["id"];
  }

  /** Each report is cumulative; a field that it leaves out keeps its last value. */
  #readUsage(usage: unknown): void {
    if (!isObject(usage)) return;
    const details = usage["output_tokens_details"];
    this.#input = count(usage["input_tokens"], this.#input);
    this.#cacheRead = count(usage["cache_read_input_tokens"], this.#cacheRead);
    this.#cacheWrite = count(usage["cache_creation_input_tokens"], this.#cacheWrite);
    this.#output = count(usage["output_tokens"], this.#output);
    if (isObject(details)) this.#reasoning = count(details["thinking_tokens"], this.#reasoning);
  }

  #usage(): Usage {
    return {
      inputTokens: this.#input + this.#cacheRead + this.#cacheWrite,
      outputTokens: this.#output,
      cacheReadTokens: this.#cacheRead,
      cacheWriteTokens: this.#cacheWrite,
      reasoningTokens: this.#reasoning,
    };
  }
}

type WholePart = Extract<ReturnType<MessageBuilder["message"]>["content"][number], { type: "provider-tool" }>;

function wholePart(index: number, block: JsonObject, toolNames: Map<unknown, string>): WholePart {
  const type = String(block["type"]);
  const providerData = { [wire]: block };
  if (type.endsWith("tool_result")) {
    const callId = String(block["tool_use_id"] ?? `${type}_${index}`);
    const name = toolNames.get(callId) ?? type.replace(/_tool_result$/, "");
    const output = block["content"];
    const isError = isFailure(block);
    return {
      type: "provider-tool",
      callId,
      name,
      ...(output !== undefined && { output }),
      ...(isError && { isError }),
      providerData,
    };
  }
  const callId = typeof block["id"] === "string" ? block["id"] : `${type}_${index}`;
  const name = typeof block["name"] === "string" ? block["name"] : type;
  const input = block["input"];
  if (type.endsWith("tool_use")) toolNames.set(callId, name);
  return { type: "provider-tool", callId, name, ...(input !== undefined && { input }), providerData };
}

/** `is_error` (MCP), or an error object as the result: `{type: "…_error", error_code}`. */
function isFailure(result: JsonObject): boolean {
  const content = result["content"];
  return result["is_error"] === true || (isObject(content) && String(content["type"]).endsWith("_error"));
}

function inputOf(json: string): Json {
  try {
    const input: Json = JSON.parse(json);
    return input;
  } catch {
    // Cut off by the token limit: kept as an empty input, which is what the API takes back.
    return {};
  }
}

function sourceOf(citation: JsonObject): SourcePart {
  const { url, title, source, cited_text, document_title, file_id, document_index } = citation;
  const page = typeof url === "string" ? url : typeof source === "string" && isUrl(source) ? source : undefined;
  const document = document_title ?? file_id ?? source ?? document_index;
  return {
    type: "source",
    ...(page !== undefined && { url: page }),
    ...(typeof title === "string" && { title }),
    ...(page === undefined && document !== undefined && document !== null && { document: String(document) }),
    ...(typeof cited_text === "string" && { quote: cited_text }),
  };
}

function isUrl(text: string): boolean {
  return text.startsWith("https://") || text.startsWith("http://");
}

function count(value: unknown, before: number): number {
  return typeof value === "number" ? value : before;
}
