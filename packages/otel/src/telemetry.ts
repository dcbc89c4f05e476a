import {
  type Attributes,
  type Context,
  diag,
  type Meter,
  metrics,
  type Span,
  type SpanOptions,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { errorJson } from "millrace";
import { captureVariable, names } from "./conventions.ts";
import { type Instruments, instrumentsOf } from "./instruments.ts";

/** Options of {@link tracing}. */
export interface TracingOptions {
  /** Default: the tracer `@millrace/otel` of the registered SDK. */
  tracer?: Tracer;
  /** Default: the meter `@millrace/otel` of the registered SDK. */
  meter?: Meter;
  /**
   * Records what users, models and tools say: messages, instructions, arguments, results, words of a tool's failure.
   * Default: what the environment variable `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` says (`true`,
   * `SPAN_ONLY` or `SPAN_AND_EVENT` turn it on), else `false`.
   */
  captureContent?: boolean;
}

const scope = "@millrace/otel";

/** Where spans and metrics go. Nothing of it throws: what fails in an SDK is told to OpenTelemetry's own log. */
export class Telemetry {
  readonly captureContent: boolean;
  readonly #tracer: Tracer;
  readonly #meter: Meter | undefined;

  constructor({ tracer, meter, captureContent = isCaptureWanted() }: TracingOptions) {
    this.#tracer = tracer ?? trace.getTracer(scope);
    this.#meter = meter;
    this.captureContent = captureContent;
  }

  /** Undefined where nobody collects metrics. Asked for each run: an SDK may be registered late. */
  instruments(): Instruments | undefined {
    return quietly(() => instrumentsOf(this.#meter ?? metrics.getMeter(scope)));
  }

  /** Starts a span; undefined where the tracer fails. */
  start(name: string, options: SpanOptions, parent: Context): Span | undefined {
    return quietly(() => this.#tracer.startSpan(name, options, parent));
  }
}

/** Whether anything is made of a span: it is recorded, or its context is sent on. */
export function isReal(span: Span | undefined): span is Span {
  return span !== undefined && trace.isSpanContextValid(span.spanContext());
}

/** What `work` gives; what it throws goes to OpenTelemetry's log, and never into a run. */
export function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    diag.error(`${scope}: tracing failed`, String(error));
    return undefined;
  }
}

/** Ends a span: with its last attributes, and the error that it ended with. */
export function endSpan(
  span: Span,
  { attributes, error, at }: { attributes?: Attributes; error?: SpanError | undefined; at?: number },
): void {
  quietly(() => {
    if (attributes && span.isRecording()) span.setAttributes(attributes);
    if (error) {
      span.setAttribute(names.errorType, error.type);
      span.setStatus({ code: SpanStatusCode.ERROR, ...(error.message && { message: error.message }) });
    }
  });
  // On its own: a span ends also where its attributes cannot be had.
  quietly(() => span.end(at));
}

/** How a span failed. */
export interface SpanError {
  /** Of few values: an error's `kind`, else its name. */
  readonly type: string;
  readonly message?: string;
}

/** What a span says of an error, without secrets. */
export function spanErrorOf(error: unknown): SpanError {
  const { name, message, kind } = errorJson(error);
  return { type: typeof kind === "string" ? kind : name, message };
}

function isCaptureWanted(): boolean {
  const value = quietly(() => globalThis.process?.env?.[captureVariable]) ?? "";
  return ["true", "span_only", "span_and_event"].includes(value.trim().toLowerCase());
}
