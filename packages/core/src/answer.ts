import type { AgentEvent } from "./events.ts";
import { GrowingText, LazyObjectDelta, LazyToolCallDelta } from "./lazy-events.ts";
import { parseLenient } from "./lenient-json.ts";
import type { AssistantMessage, AssistantPart } from "./messages.ts";
import type { Model, ModelEvent, ModelFinish, ModelToolCallDelta } from "./model.ts";
import { toModelError } from "./model-error.ts";
import type { RunState } from "./run-state.ts";
import type { Tool, ToolContext } from "./tool.ts";
import type { Usage } from "./usage.ts";

/**
 * What has arrived of one answer: kept so that a cut loses nothing. The model's `finish` is the authority once it
 * has come.
 */
export class Answer {
  finish: ModelFinish | undefined;
  readonly #run: RunState;
  readonly #model: Model;
  readonly #tools: readonly Tool[];
  readonly #texts: { type: "text" | "reasoning" | "refusal"; text: string }[] = [];
  readonly #files: AssistantPart[] = [];
  readonly #calls = new Map<string, GrowingText & { previewed?: number }>();
  readonly #object: GrowingText | undefined;
  #told: Partial<Usage> = {};

  constructor(run: RunState, model: Model, tools: readonly Tool[]) {
    this.#run = run;
    this.#model = model;
    this.#tools = tools;
    this.#object = run.options.output && new GrowingText();
  }

  /** Keeps a piece of text. */
  append(type: "text" | "reasoning" | "refusal", text: string, part: number): void {
    const known = this.#texts[part];
    if (known) known.text += text;
    else this.#texts[part] = { type, text };
  }

  /** Takes an event of the model and gives those of the run, if it means any. */
  *take(event: ModelEvent, at: number): Generator<AgentEvent, void> {
    const run = this.#run;
    switch (event.type) {
      case "text-delta":
        this.append("text", event.text, event.part);
        yield run.emit({
          type: "text-delta",
          seq: run.nextSeq(),
          at,
          run: run.info,
          text: event.text,
          part: event.part,
        });
        if (this.#object) {
          this.#object.text += event.text;
          yield run.emit(new LazyObjectDelta(at, run.nextSeq(), run.info, this.#object));
        }
        break;
      case "reasoning-delta":
        this.append("reasoning", event.text, event.part);
        yield run.stamp({ type: "reasoning-delta", text: event.text, part: event.part });
        break;
      case "refusal-delta":
        this.append("refusal", event.text, event.part);
        yield run.stamp({ type: "refusal-delta", text: event.text, part: event.part });
        break;
      case "tool-call-delta":
        yield run.emit(new LazyToolCallDelta(at, run.nextSeq(), run.info, event, this.#grow(event)));
        break;
      case "provider-tool":
        yield run.stamp({ ...event });
        break;
      case "source":
        this.#files.push(event.source);
        yield run.stamp({ type: "source", source: event.source });
        break;
      case "file-output":
        this.#files.push(event.file);
        yield run.stamp({ type: "file-output", file: event.file });
        break;
      case "usage":
        this.#told = { ...this.#told, ...event.usage };
        break;
      case "finish":
        this.finish = event;
        break;
    }
  }

  /** What the called tool makes of its half-arrived arguments, if it has a `preview` and it is time for one. */
  preview(event: ModelToolCallDelta): { show: () => unknown } | undefined {
    const tool = this.#tools.find((offered) => offered.name === event.name);
    const json = this.#calls.get(event.callId);
    if (!tool?.preview || !json || !isTimeForPreview(json.text.length, json.previewed ?? 0)) return undefined;
    json.previewed = json.text.length;
    const partial = parseLenient(json.text);
    if (partial === undefined) return undefined;
    const { signal, turn: _, usage: __, ...context } = this.#run.context(this.#run.signal);
    const toolContext: ToolContext = { ...context, callId: event.callId, signal };
    return { show: () => this.#run.bound(() => tool.preview?.(partial, toolContext)) };
  }

  /** The message of a complete answer. Throws where the model broke its contract. */
  complete(): ModelFinish {
    const { finish } = this;
    const { provider, id } = this.#model;
    if (!finish) {
      const message = `the stream of ${id} ended without its finish event`;
      throw toModelError({ provider, kind: "protocol", message });
    }
    if (finish.reason === "error") {
      const message = `${id} ended its answer with an error (${finish.rawReason ?? "no reason given"})`;
      throw toModelError({ provider, kind: "server-error", message });
    }
    return finish;
  }

  /** What stays of an answer that was cut: its text; calls whose arguments may be incomplete go. */
  partial(): AssistantMessage | undefined {
    const content: AssistantPart[] = [...this.#texts.filter((part) => part?.text), ...this.#files];
    return content.some((part) => part.type !== "reasoning") ? { role: "assistant", content } : undefined;
  }

  /** What the answer cost: as told by the provider, else estimated. */
  usage(estimatedInput: number): Usage {
    const told = this.finish?.usage ?? this.#told;
    if (this.finish && (this.finish.usage.inputTokens || this.finish.usage.outputTokens)) return this.finish.usage;
    const arrived = this.#texts.reduce((sum, part) => sum + (part?.text.length ?? 0), 0);
    const asked = [...this.#calls.values()].reduce((sum, json) => sum + json.text.length, 0);
    return {
      inputTokens: told.inputTokens || estimatedInput,
      outputTokens: Math.max(told.outputTokens ?? 0, Math.ceil((arrived + asked) / 4)),
      cacheReadTokens: told.cacheReadTokens ?? 0,
      cacheWriteTokens: told.cacheWriteTokens ?? 0,
      reasoningTokens: told.reasoningTokens ?? 0,
      estimated: true,
    };
  }

  #grow(event: ModelToolCallDelta): GrowingText {
    let json = this.#calls.get(event.callId);
    if (!json) {
      json = new GrowingText();
      this.#calls.set(event.callId, json);
    }
    json.text += event.delta;
    return json;
  }
}

/**
 * Every delta at first, then each time the arguments have grown by a sixteenth: parsing them again and again costs no
 * more than a constant times their length.
 */
function isTimeForPreview(length: number, previewed: number): boolean {
  return length > previewed && (length < 2048 || length - previewed > length / 16);
}
