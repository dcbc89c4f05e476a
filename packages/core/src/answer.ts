import type { TurnContext } from "./agent-options.ts";
import { MillraceError, ModelError } from "./errors.ts";
import type { AgentEvent, ModelName } from "./events.ts";
import { GrowingText, LazyObjectDelta, LazyToolCallDelta } from "./lazy-events.ts";
import { isTimeToParse, parseLenient } from "./lenient-json.ts";
import type { AssistantMessage, AssistantPart } from "./messages.ts";
import type { ModelEvent, ModelFinish, ModelToolCallDelta } from "./model.ts";
import type { Turn } from "./prepare-turn.ts";
import type { RunState } from "./run-state.ts";
import { type OpenCall, type Tool, type ToolContext, toolContext } from "./tool.ts";
import type { Usage } from "./usage.ts";

/**
 * What has arrived of one answer: kept so that a cut loses nothing. The model's `finish` is the authority once it
 * has come.
 */
export class Answer {
  finish: ModelFinish | undefined;
  readonly #run: RunState;
  /** Who answers; another one after a switch. */
  model: ModelName;
  readonly #watchers: ReadonlyMap<string, Tool>;
  /** How many were sent, estimated. */
  readonly #tokens: number;
  #texts: { type: "text" | "reasoning" | "refusal"; text: string }[] = [];
  #files: AssistantPart[] = [];
  readonly #calls = new Map<string, GrowingText & { previewed: number }>();
  /** Calls of streaming tools that have begun while their arguments arrive. */
  readonly openCalls: Map<string, OpenCall> = new Map();
  /** The first event that showed something of this answer: what a repetition makes void. */
  #firstSeq: number | undefined;
  #object: GrowingText | undefined;
  /** What previews are told: made once, the history does not change while the answer arrives. */
  #context: TurnContext | undefined;
  #told: Partial<Usage> = {};

  constructor(run: RunState, { model, tools, tokens }: Turn) {
    this.#run = run;
    this.model = { provider: model.provider, id: model.id };
    this.#tokens = tokens;
    const watchers = tools.filter((tool) => tool.preview || tool.begin);
    this.#watchers = new Map(watchers.map((tool) => [tool.name, tool]));
    this.#object = run.options.output && new GrowingText();
  }

  /** Whether anything has come. */
  get hasBegun(): boolean {
    return this.#firstSeq !== undefined;
  }

  /** Keeps a piece of text. */
  append(type: "text" | "reasoning" | "refusal", text: string, part: number): void {
    const known = this.#texts[part];
    if (known) known.text += text;
    else this.#texts[part] = { type, text };
  }

  /** Takes an event of the model and gives the run's, if it means one. */
  take(event: ModelEvent, at: number): AgentEvent | undefined {
    const run = this.#run;
    if (event.type !== "retry" && event.type !== "model-switched") this.#firstSeq ??= run.seq;
    switch (event.type) {
      case "retry":
        return run.stamp({ ...event, ...this.#discard() });
      case "model-switched": {
        const switched = run.stamp({ ...event, ...this.#discard() });
        const [provider = "", ...id] = event.to.split("/");
        this.model = { provider, id: id.join("/") };
        return switched;
      }
      case "text-delta": {
        const { text, part } = event;
        this.append("text", text, part);
        if (this.#object) this.#object.text += text;
        return run.emit({ type: "text-delta", seq: run.nextSeq(), at, run: run.info, text, part });
      }
      case "reasoning-delta":
        this.append("reasoning", event.text, event.part);
        return run.stamp({ type: "reasoning-delta", text: event.text, part: event.part });
      case "refusal-delta":
        this.append("refusal", event.text, event.part);
        return run.stamp({ type: "refusal-delta", text: event.text, part: event.part });
      case "tool-call-delta":
        return run.emit(new LazyToolCallDelta(at, run.nextSeq(), run.info, event, this.#grow(event)));
      case "provider-tool":
        return run.stamp({ ...event });
      case "source":
        this.#files.push(event.source);
        return run.stamp({ type: "source", source: event.source });
      case "file-output":
        this.#files.push(event.file);
        return run.stamp({ type: "file-output", file: event.file });
      case "usage":
        this.#told = { ...this.#told, ...event.usage };
        return undefined;
      case "finish":
        this.finish = checkedFinish(event, this.model);
        return undefined;
    }
  }

  /** Forgets what has arrived: the request is repeated. What it cost stays. */
  #discard(): { discardFrom?: number } {
    const discardFrom = this.#firstSeq;
    if (discardFrom === undefined) return {};
    this.#run.spend(this.usage(), this.model);
    this.abandon();
    this.#firstSeq = undefined;
    this.#texts = [];
    this.#files = [];
    this.#calls.clear();
    this.openCalls.clear();
    this.#told = {};
    this.#object &&= new GrowingText();
    return { discardFrom };
  }

  /** The structured output as far as the text has come; undefined for an agent without one. */
  object(at: number): AgentEvent | undefined {
    return this.#object && this.#run.emit(new LazyObjectDelta(at, this.#run.nextSeq(), this.#run.info, this.#object));
  }

  /** Whether this piece of arguments is of a tool that wants to see them, and it is time to show them. */
  wantsPreview({ callId, name }: ModelToolCallDelta): boolean {
    const json = this.#calls.get(callId);
    return json !== undefined && this.#watchers.has(name) && isTimeToParse(json.text.length, json.previewed);
  }

  /**
   * Shows half-arrived arguments to the tool that is called: begins a streaming tool or gives it more, and gives what
   * a `preview` makes of them. A preview that fails shows nothing.
   */
  async preview({ callId, name }: ModelToolCallDelta): Promise<unknown> {
    const json = this.#calls.get(callId);
    const tool = this.#watchers.get(name);
    if (!json || !tool) return undefined;
    json.previewed = json.text.length;
    const partial = parseLenient(json.text);
    if (partial === undefined) return undefined;
    this.#context ??= this.#run.context(this.#run.signal);
    const context = toolContext(this.#context, callId);
    if (tool.begin) this.#begin(tool.begin, context).give(partial);
    try {
      return await this.#run.bound(() => tool.preview?.(partial, context));
    } catch {
      return undefined;
    }
  }

  #begin(begin: NonNullable<Tool["begin"]>, context: ToolContext): OpenCall {
    let call = this.openCalls.get(context.callId);
    if (!call) {
      call = this.#run.bound(() => begin(context));
      this.openCalls.set(context.callId, call);
    }
    return call;
  }

  /** Ends the streaming tools of an answer that will not be finished. */
  abandon(): void {
    for (const [, call] of this.openCalls)
      call.fail(new MillraceError("The model's answer was cut before the call was complete."));
  }

  /** The message of a complete answer. Throws where the model broke its contract. */
  complete(): ModelFinish {
    const { finish } = this;
    const { provider, id } = this.model;
    if (!finish) {
      throw new ModelError(`${provider}: the stream of ${id} ended without its finish event`, {
        kind: "protocol",
        provider,
      });
    }
    if (finish.reason === "error") {
      const why = finish.rawReason ?? "no reason given";
      throw new ModelError(`${provider}: ${id} ended its answer with an error (${why})`, {
        kind: "server-error",
        provider,
      });
    }
    return finish;
  }

  /** What stays of an answer that was cut: its text; calls whose arguments may be incomplete go. */
  partial(): AssistantMessage | undefined {
    const content: AssistantPart[] = [...this.#texts.filter((part) => part?.text), ...this.#files];
    return content.length > 0 ? { role: "assistant", content } : undefined;
  }

  /** What the answer cost: as told by the provider, else estimated. */
  usage(): Usage {
    const told = this.finish?.usage ?? this.#told;
    if (this.finish && isTold(this.finish.usage)) return this.finish.usage;
    const arrived = this.#texts.reduce((sum, part) => sum + (part?.text.length ?? 0), 0);
    const asked = [...this.#calls.values()].reduce((sum, json) => sum + json.text.length, 0);
    return {
      inputTokens: told.inputTokens || this.#tokens,
      // A call costs a token even before its arguments come.
      outputTokens: Math.max(told.outputTokens ?? 0, Math.ceil((arrived + asked) / 4), this.#calls.size),
      cacheReadTokens: told.cacheReadTokens ?? 0,
      cacheWriteTokens: told.cacheWriteTokens ?? 0,
      reasoningTokens: told.reasoningTokens ?? 0,
      estimated: true,
    };
  }

  #grow(event: ModelToolCallDelta): GrowingText {
    let json = this.#calls.get(event.callId);
    if (!json) {
      json = Object.assign(new GrowingText(), { previewed: 0 });
      this.#calls.set(event.callId, json);
    }
    json.text += event.delta;
    return json;
  }
}

/** Zeros say that the provider told nothing, unless they are said to be no estimate. */
function isTold({ inputTokens, outputTokens, estimated }: Usage): boolean {
  return inputTokens > 0 || outputTokens > 0 || estimated === false;
}

/** A model that somebody wrote by hand may forget what the rest of the run counts on. */
function checkedFinish(finish: ModelFinish, { provider, id }: ModelName): ModelFinish {
  const { message, usage }: { message?: Partial<AssistantMessage>; usage?: Partial<Usage> } = finish;
  if (Array.isArray(message?.content) && typeof usage === "object" && usage !== null) return finish;
  throw new ModelError(`${provider}: the finish event of ${id} lacks its message or its usage`, {
    kind: "protocol",
    provider,
  });
}
