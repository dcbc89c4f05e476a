import { type Attributes, type Context, context, type Span, SpanKind, trace } from "@opentelemetry/api";
import type { Model, ModelEvent, ModelName, ModelRequest, Usage } from "millrace";
import { answerJson, instructionsJson, messagesJson } from "./content.ts";
import { names, providerName } from "./conventions.ts";
import type { Instruments } from "./instruments.ts";
import { endSpan, isReal, quietly, spanErrorOf } from "./telemetry.ts";
import type { TracedRun } from "./trace-run.ts";
import { usageAttributes } from "./usage-attributes.ts";

/** The same model, with a span for each attempt at a request. */
export class ModelTrace implements Model {
  readonly provider: string;
  readonly id: string;
  readonly #run: TracedRun;
  readonly #model: Model;
  readonly #instruments: Instruments | undefined;

  constructor(run: TracedRun, model: Model, instruments: Instruments | undefined) {
    this.provider = model.provider;
    this.id = model.id;
    this.#run = run;
    this.#model = model;
    this.#instruments = instruments;
  }

  stream(request: ModelRequest, options: { signal: AbortSignal }): AsyncIterable<ModelEvent> {
    const start = (model: ModelName, repetition: Repetition): Attempt =>
      new Attempt(this.#run, model, request, repetition, this.#instruments);
    return new TracedStream(this.#model, request, options, start);
  }
}

/** That an attempt repeats another one: which repetition it is, and how long it waits before. */
interface Repetition {
  readonly attempt?: number;
  readonly delayMs?: number;
}

type Step = IteratorResult<ModelEvent, undefined>;

const over: Step = { done: true, value: undefined };

/**
 * One request: a span for each attempt at it, that is, from its start to its end or to the `retry` or `model-switched`
 * that tells of its failure. Written by hand: every step has to be taken in the context of its span, and the reader's
 * code never is.
 */
class TracedStream implements AsyncIterableIterator<ModelEvent, undefined> {
  readonly #open: () => AsyncIterator<ModelEvent>;
  readonly #signal: AbortSignal;
  readonly #start: (model: ModelName, repetition: Repetition) => Attempt;
  #events: AsyncIterator<ModelEvent> | undefined;
  #attempt: Attempt | undefined;
  #model: ModelName;
  #repetition: Repetition = {};
  #isOver = false;

  constructor(
    model: Model,
    request: ModelRequest,
    options: { signal: AbortSignal },
    start: (model: ModelName, repetition: Repetition) => Attempt,
  ) {
    this.#open = () => model.stream(request, options)[Symbol.asyncIterator]();
    this.#signal = options.signal;
    this.#start = start;
    this.#model = { provider: model.provider, id: model.id };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    if (!this.#isOver) this.#attempt ??= this.#start(this.#model, this.#repetition);
    try {
      return this.#within((events) => events.next()).then(this.#pass, this.#fail);
    } catch (error) {
      return Promise.reject(error).catch(this.#fail);
    }
  }

  async return(): Promise<Step> {
    this.#end();
    if (this.#events) await this.#within((events) => events.return?.());
    return over;
  }

  #within<T>(step: (events: AsyncIterator<ModelEvent>) => T): T {
    const take = (): T => {
      this.#events ??= this.#open();
      return step(this.#events);
    };
    return this.#attempt ? context.with(this.#attempt.context, take) : take();
  }

  readonly #pass = (step: IteratorResult<ModelEvent>): Step => {
    if (step.done) {
      this.#end();
      return over;
    }
    const event = step.value;
    if (event.type === "retry") {
      this.#attempt?.end({ error: event.error });
      this.#repetition = { attempt: event.attempt, delayMs: event.delayMs };
      this.#attempt = undefined;
    } else if (event.type === "model-switched") {
      const [provider = "", ...id] = event.to.split("/");
      this.#model = { provider, id: id.join("/") };
      this.#repetition = {};
      if (this.#attempt?.isUnasked(event.error)) {
        this.#attempt.rename(this.#model);
      } else {
        this.#attempt?.end({ error: event.error });
        this.#attempt = undefined;
      }
    } else {
      this.#attempt?.take(event);
      if (event.type === "finish") this.#end();
    }
    return step;
  };

  readonly #fail = (error: unknown): never => {
    // An abort is somebody's wish, and no error.
    this.#end(this.#signal.aborted ? {} : { error });
    throw error;
  };

  #end(end: { error?: unknown } = {}): void {
    this.#isOver = true;
    this.#attempt?.end(end);
    this.#attempt = undefined;
  }
}

/** Errors that an attempt has ended with: a fallback tells of them again while it lets a model rest. */
const known = new WeakSet<object>();

/** One attempt at a request. */
class Attempt {
  readonly context: Context;
  readonly #span: Span | undefined;
  readonly #captureContent: boolean;
  readonly #instruments: Instruments | undefined;
  readonly #startedAt: number;
  #metricAttributes: Attributes;
  #firstChunk: number | undefined;
  #usage: Partial<Usage> = {};
  #attributes: Attributes = {};

  constructor(
    { telemetry, identity, context: parent }: TracedRun,
    model: ModelName,
    request: ModelRequest,
    { attempt, delayMs = 0 }: Repetition,
    instruments: Instruments | undefined,
  ) {
    this.#captureContent = telemetry.captureContent;
    this.#instruments = instruments;
    this.#metricAttributes = modelAttributes(model);
    const attributes = {
      ...identity,
      ...this.#metricAttributes,
      ...requestAttributes(request),
      ...(attempt !== undefined && { [names.retry]: attempt, [names.retryDelay]: delayMs / 1000 }),
    };
    const span = telemetry.start(`chat ${model.id}`, { kind: SpanKind.CLIENT, attributes }, parent);
    this.#span = isReal(span) ? span : undefined;
    this.context = this.#span ? trace.setSpan(parent, this.#span) : parent;
    // The wait before a repetition is in its span, and in no metric.
    this.#startedAt = performance.now() + delayMs;
    if (this.#captureContent && this.#span?.isRecording()) quietly(() => this.#span?.setAttributes(contentOf(request)));
  }

  /** Takes what has arrived. */
  take(event: ModelEvent): void {
    this.#firstChunk ??= this.#seconds();
    if (event.type === "usage") this.#usage = { ...this.#usage, ...event.usage };
    if (event.type !== "finish") return;
    this.#usage = event.usage;
    this.#attributes = {
      [names.finishReasons]: [event.rawReason ?? event.reason],
      ...(this.#captureContent && { [names.outputMessages]: quietly(() => answerJson(event)) }),
    };
  }

  /** Whether its model was passed over, for an error of before: it rests after a failure. */
  isUnasked(error: object): boolean {
    return known.has(error) && this.#firstChunk === undefined;
  }

  /** Another model is asked in the first place. */
  rename(model: ModelName): void {
    this.#metricAttributes = modelAttributes(model);
    quietly(() => this.#span?.updateName(`chat ${model.id}`).setAttributes(this.#metricAttributes));
  }

  end({ error }: { error?: unknown }): void {
    if (typeof error === "object" && error !== null) known.add(error);
    const failure = error === undefined ? undefined : quietly(() => spanErrorOf(error));
    quietly(() => this.#measure(failure?.type));
    if (!this.#span) return;
    const attributes = {
      ...this.#attributes,
      ...usageAttributes(this.#usage),
      ...(this.#firstChunk !== undefined && { [names.timeToFirstChunk]: this.#firstChunk }),
    };
    endSpan(this.#span, { attributes, error: failure });
  }

  #measure(errorType: string | undefined): void {
    if (!this.#instruments) return;
    const { duration, timeToFirstChunk, tokens } = this.#instruments;
    const attributes = this.#metricAttributes;
    duration.record(
      this.#seconds(),
      { ...attributes, ...(errorType && { [names.errorType]: errorType }) },
      this.context,
    );
    if (this.#firstChunk !== undefined) timeToFirstChunk.record(this.#firstChunk, attributes, this.context);
    const { inputTokens, outputTokens, estimated } = this.#usage;
    if (estimated) return;
    if (inputTokens) tokens.record(inputTokens, { ...attributes, [names.tokenType]: "input" }, this.context);
    if (outputTokens) tokens.record(outputTokens, { ...attributes, [names.tokenType]: "output" }, this.context);
  }

  #seconds(): number {
    return Math.max(performance.now() - this.#startedAt, 0) / 1000;
  }
}

function modelAttributes({ provider, id }: ModelName): Attributes {
  return { [names.operation]: "chat", [names.provider]: providerName(provider), [names.requestModel]: id };
}

function requestAttributes({ settings, output }: ModelRequest): Attributes {
  const { temperature, topP, topK, maxOutputTokens, seed, stopSequences, presencePenalty, frequencyPenalty } = settings;
  const given: Attributes = {
    [names.stream]: true,
    [names.outputType]: output && "json",
    [names.temperature]: temperature,
    [names.topP]: topP,
    [names.topK]: topK,
    [names.maxTokens]: maxOutputTokens,
    [names.seed]: seed,
    [names.stopSequences]: stopSequences && [...stopSequences],
    [names.presencePenalty]: presencePenalty,
    [names.frequencyPenalty]: frequencyPenalty,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function contentOf({ messages, instructions, tools }: ModelRequest): Attributes {
  const definitions = tools.map(({ name, description, parameters }) => ({
    type: "function",
    name,
    description,
    parameters,
  }));
  return {
    [names.inputMessages]: messagesJson(messages),
    ...(instructions && { [names.instructions]: instructionsJson(instructions) }),
    ...(definitions.length > 0 && { [names.toolDefinitions]: JSON.stringify(definitions) }),
  };
}
