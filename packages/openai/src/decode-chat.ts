import {
  type Decoder,
  type FinishReason,
  type ImagePart,
  isObject,
  type Json,
  type JsonObject,
  MessageBuilder,
  type ModelEvent,
  noUsage,
  type Usage,
} from "millrace/provider";
import { protocolError, streamError } from "./failure.ts";
import { ReasoningDetails } from "./reasoning-details.ts";
import { Sources } from "./sources.ts";
import { ThinkTags } from "./think-tags.ts";
import { ToolCallDeltas } from "./tool-call-deltas.ts";
import { chatUsage } from "./usage.ts";
import { isList, textIn } from "./wire.ts";

/** How to read an answer. */
export interface ChatDecoderOptions {
  /** The provider's name, for errors and for what goes back only to it. */
  readonly provider: string;
  /** Read `<think>…</think>` at the beginning of the text as reasoning. Default: false. */
  readonly thinkTags?: boolean;
}

const finishReasons: ReadonlyMap<string, FinishReason> = new Map([
  ["stop", "stop"],
  ["length", "length"],
  ["model_length", "length"],
  ["tool_calls", "tool-calls"],
  ["function_call", "tool-calls"],
  ["content_filter", "content-filter"],
  ["error", "error"],
  // DeepSeek: the request was broken off for want of capacity.
  ["insufficient_system_resource", "error"],
]);

/**
 * Reads one answer of Chat Completions, streamed or whole, from OpenAI or from one of the many servers that speak it.
 *
 * What differs between them is read from the traffic: reasoning as `reasoning_content`, `reasoning`,
 * `reasoning_details`, content parts of type `thinking`, or `<think>` in the text; usage in any chunk, the last one
 * counts; tool calls as {@link ToolCallDeltas} says. Only choice 0 counts. The end was seen when a `finish_reason` or
 * `[DONE]` came: usage follows after the former, and a second finish chunk may.
 */
export class ChatDecoder implements Decoder {
  /** Never: what comes after the finish reason is told by `[DONE]` or the end of the stream only. */
  readonly done = false;
  readonly #provider: string;
  readonly #builder = new MessageBuilder();
  readonly #calls = new ToolCallDeltas(this.#builder);
  readonly #sources = new Sources(this.#builder);
  readonly #details = new ReasoningDetails();
  #tags: ThinkTags | undefined;
  #reasoningField: string | undefined;
  #hasBegun = false;
  #images = 0;
  #finish: string | undefined;
  #usage: Usage = noUsage;

  constructor(options: ChatDecoderOptions) {
    this.#provider = options.provider;
    this.#tags = options.thinkTags ? new ThinkTags() : undefined;
  }

  event(data: unknown, out: ModelEvent[]): void {
    if (!isObject(data)) throw protocolError(this.#provider, "a chunk of a chat completion", data);
    const { choices } = data;
    if (data.error || !isList(choices)) this.#checkError(data);
    if (isList(choices)) {
      for (const choice of choices) if (isObject(choice) && !choice.index) this.#choice(choice, out);
    }
    if (data.usage || data.x_groq) this.#readUsage(data, out);
    if (data.citations || data.search_results) this.#readCitations(data, out);
  }

  body(json: unknown, out: ModelEvent[]): void {
    if (isObject(json) && (json.error || !isList(json.choices))) this.#checkError(json);
    const choices = isObject(json) && isList(json.choices) ? json.choices : [];
    const choice = choices.find((candidate) => isObject(candidate) && !candidate.index);
    if (!isObject(json) || !isObject(choice)) throw protocolError(this.#provider, "a chat completion", json);
    // Perplexity sends an empty `delta` beside the message.
    this.event({ ...json, choices: [{ ...choice, delta: choice.message ?? choice.delta ?? null }] }, out);
    this.#finish ??= textIn(choice.finish_reason);
    this.end(false, out);
  }

  end(sawDone: boolean, out: ModelEvent[]): void {
    // Some servers never tell why they stop: `[DONE]` says at least that they did, where they have begun.
    if (this.#finish === undefined && !(sawDone && this.#hasBegun)) return;
    for (const piece of this.#tags?.end() ?? []) this.#piece(piece.thinking, piece.text, out);
    this.#calls.end(out);
    this.#keepReasoning();
    out.push(this.#builder.finish({ reason: this.#reason(), rawReason: this.#finish, usage: this.#usage }));
  }

  #choice(choice: JsonObject, out: ModelEvent[]): void {
    if (choice.error) throw streamError(this.#provider, choice);
    this.#hasBegun = true;
    const delta = choice.delta ?? choice.message;
    if (isObject(delta)) this.#delta(delta, out);
    const finish = choice.finish_reason;
    if (typeof finish === "string" && finish !== "") this.#finish = finish;
  }

  #delta(delta: JsonObject, out: ModelEvent[]): void {
    const { content } = delta;
    if (delta.reasoning_content || delta.reasoning || delta.reasoning_details) this.#readReasoning(delta, out);
    if (typeof content === "string") {
      if (content !== "") this.#text(content, out);
    } else if (isList(content)) for (const part of content) this.#contentPart(part, out);
    if (isList(delta.tool_calls)) for (const call of delta.tool_calls) this.#toolCall(call, out);
    if (delta.refusal) out.push(this.#builder.refusal(textIn(delta.refusal)));
    if (isObject(delta.function_call)) this.#legacyCall(delta.function_call, out);
    if (isList(delta.annotations)) for (const found of delta.annotations) this.#sources.annotation(found, out);
    if (isList(delta.images)) for (const image of delta.images) this.#image(image, out);
    if (isObject(delta.audio) && delta.audio.transcript) this.#text(textIn(delta.audio.transcript), out);
  }

  #text(text: string, out: ModelEvent[]): void {
    if (this.#tags === undefined) {
      out.push(this.#builder.text(text));
      return;
    }
    for (const piece of this.#tags.push(text)) this.#piece(piece.thinking, piece.text, out);
    if (this.#tags.done) this.#tags = undefined;
  }

  #piece(thinking: boolean, text: string, out: ModelEvent[]): void {
    if (thinking) this.#reasoning("think", text, out);
    else out.push(this.#builder.text(text));
  }

  #reasoning(field: string, text: string, out: ModelEvent[]): void {
    this.#reasoningField ??= field;
    if (text !== "") out.push(this.#builder.reasoning(text));
  }

  /** Servers send the same reasoning under up to three names at once: the first that is there counts. */
  #readReasoning(delta: JsonObject, out: ModelEvent[]): void {
    const detailed = isList(delta.reasoning_details) ? this.#details.push(delta.reasoning_details) : "";
    const content = textIn(delta.reasoning_content);
    if (content !== "") this.#reasoning("reasoning_content", content, out);
    else if (typeof delta.reasoning === "string" && delta.reasoning !== "") {
      this.#reasoning("reasoning", delta.reasoning, out);
    } else if (detailed !== "" && !this.#isNamedTwice()) this.#reasoning("reasoning_details", detailed, out);
    // Where reasoning has a field of its own, a tag in the text is text.
    if (this.#reasoningField !== undefined && this.#reasoningField !== "think") this.#flushTags(out);
  }

  /** Whether the readable text of the details came under another name before. */
  #isNamedTwice(): boolean {
    return this.#reasoningField !== undefined && this.#reasoningField !== "reasoning_details";
  }

  #flushTags(out: ModelEvent[]): void {
    for (const piece of this.#tags?.end() ?? []) this.#piece(piece.thinking, piece.text, out);
    this.#tags = undefined;
  }

  /** Mistral sends content as parts where the model thinks. */
  #contentPart(part: Json, out: ModelEvent[]): void {
    if (!isObject(part)) return;
    if (part.type === "thinking") this.#reasoning("thinking", thinkingIn(part.thinking), out);
    else if (part.type === "image_url") this.#image(part, out);
    else if (part.type === "refusal") out.push(this.#builder.refusal(textIn(part.refusal)));
    else if (typeof part.text === "string" && part.text !== "") this.#text(part.text, out);
  }

  #toolCall(call: Json, out: ModelEvent[]): void {
    if (!isObject(call)) return;
    const slot = this.#calls.push(call, out);
    // Gemini signs its calls here, and refuses them without their signature.
    if (slot !== undefined && isObject(call.extra_content)) {
      this.#builder.attach(slot, "openai-chat", { provider: this.#provider, extra_content: call.extra_content });
    }
    // An id that no other server would take is kept for this one: gateways put signatures into it.
    if (slot !== undefined && typeof call.id === "string" && call.id.length > 40) {
      this.#builder.attach(slot, "openai-chat", { provider: this.#provider });
    }
  }

  /** The form from before `tool_calls`: one call, without id or index. */
  #legacyCall(call: JsonObject, out: ModelEvent[]): void {
    // Snowflake sends the field always, mostly empty.
    if (call.name || call.arguments) this.#calls.push({ function: call }, out);
  }

  #image(image: Json, out: ModelEvent[]): void {
    const url = isObject(image) && isObject(image.image_url) ? textIn(image.image_url.url) : "";
    if (url === "") return;
    const file: ImagePart = { type: "image", url, providerData: { "openai-chat": { provider: this.#provider } } };
    this.#builder.put(`image:${this.#images++}`, file);
    out.push({ type: "file-output", file });
  }

  #readUsage(data: JsonObject, out: ModelEvent[]): void {
    const usage = data.usage ?? (isObject(data.x_groq) ? data.x_groq.usage : undefined);
    if (isObject(data.x_groq) && data.x_groq.error) throw streamError(this.#provider, { error: data.x_groq.error });
    if (!isObject(usage)) return;
    this.#usage = chatUsage(usage);
    out.push({ type: "usage", usage: this.#usage });
  }

  /** Perplexity's sources, beside the message: titles are told in a list of their own. */
  #readCitations(data: JsonObject, out: ModelEvent[]): void {
    for (const result of isList(data.search_results) ? data.search_results : []) {
      if (!isObject(result) || !result.url) continue;
      const title = textIn(result.title);
      this.#sources.add({ type: "source", url: textIn(result.url), ...(title && { title }) }, "", out);
    }
    for (const citation of isList(data.citations) ? data.citations : []) {
      if (typeof citation === "string") this.#sources.add({ type: "source", url: citation }, "", out);
    }
  }

  #keepReasoning(): void {
    const details = this.#details.entries;
    const field = this.#reasoningField ?? (details.length > 0 ? "reasoning_details" : undefined);
    if (field === undefined) return;
    this.#builder.openReasoning("reasoning");
    this.#builder.attach("reasoning", "openai-chat", {
      provider: this.#provider,
      field,
      ...(details.length > 0 && { details }),
    });
  }

  #reason(): FinishReason {
    const reason = finishReasons.get(this.#finish ?? "") ?? "other";
    return reason === "stop" && this.#builder.hasToolCalls ? "tool-calls" : reason;
  }

  #checkError(data: JsonObject): void {
    const isError = data.error || data.object === "error" || data.type === "error";
    // A bare `{"message": …}` or `{"detail": …}` is what frameworks behind a server say when they fail.
    if (isError || ((data.message || data.detail) && data.usage === undefined)) throw streamError(this.#provider, data);
  }
}

function thinkingIn(value: unknown): string {
  if (typeof value === "string") return value;
  if (!isList(value)) return "";
  return value.map((part) => (isObject(part) ? textIn(part.text) : "")).join("");
}
