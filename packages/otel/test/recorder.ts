import {
  type Attributes,
  type Context,
  context,
  metrics,
  type Span,
  SpanKind,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";

/** What a histogram has recorded for one set of attributes. */
interface Point {
  readonly attributes: Attributes;
  readonly count: number;
  readonly sum: number;
}

/** The real SDK, registered, with what it has recorded. */
export class Recorder {
  readonly #open = new Map<string, ReadableSpan>();
  readonly tracer: Tracer;
  readonly #exporter = new InMemorySpanExporter();
  readonly #metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  readonly #meters: MeterProvider;

  constructor(...processors: SpanProcessor[]) {
    const watch: SpanProcessor = {
      onStart: (span) => void this.#open.set(span.spanContext().spanId, span),
      onEnd: (span) => void this.#open.delete(span.spanContext().spanId),
      forceFlush: async () => {},
      shutdown: async () => {},
    };
    const provider = new TracerProvider({
      spanProcessors: [watch, new SimpleSpanProcessor({ exporter: this.#exporter }), ...processors],
    });
    const reader = new PeriodicExportingMetricReader({ exporter: this.#metrics, exportIntervalMillis: 3_600_000 });
    this.#meters = new MeterProvider({ readers: [reader] });
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace.setGlobalTracerProvider(provider);
    metrics.setGlobalMeterProvider(this.#meters);
    this.tracer = provider.getTracer("test");
  }

  /** Takes the SDK away. */
  close(): void {
    context.disable();
    trace.disable();
    metrics.disable();
  }

  /** Forgets the spans so far. */
  reset(): void {
    this.#exporter.reset();
    this.#open.clear();
  }

  /** The names of spans that have begun and not ended. */
  get open(): string[] {
    return [...this.#open.values()].map(({ name }) => name);
  }

  /** The spans that have ended, in the order of their beginning. */
  get spans(): ReadableSpan[] {
    return this.#exporter.getFinishedSpans().toSorted((a, b) => startOf(a) - startOf(b));
  }

  /** The one span of this name. */
  span(name: string): ReadableSpan {
    const found = this.spans.filter((span) => span.name === name);
    if (found.length !== 1 || !found[0]) throw new Error(`${found.length} spans are named "${name}":\n${this.tree()}`);
    return found[0];
  }

  attributes(name: string): Attributes {
    return this.span(name).attributes;
  }

  /** The spans' names, each indented under its parent, with `!` and the type of an error. */
  tree(spans: readonly ReadableSpan[] = this.spans): string {
    return treeOf(spans);
  }

  /** A histogram: its points with what they have summed up, in the order of their attributes. */
  async metric(name: string): Promise<{ descriptor: { unit: string }; boundaries: number[]; points: Point[] }> {
    await this.#meters.forceFlush();
    const all =
      this.#metrics
        .getMetrics()
        .at(-1)
        ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
    const metric = all.find(({ descriptor }) => descriptor.name === name);
    if (metric?.dataPointType !== DataPointType.HISTOGRAM) throw new Error(`no histogram ${name}`);
    const points = metric.dataPoints.map(({ attributes, value: { count, sum = 0 } }) => ({ attributes, count, sum }));
    return { descriptor: metric.descriptor, boundaries: metric.dataPoints[0]?.value.buckets.boundaries ?? [], points };
  }

  /** What an instrumented HTTP client does: a span in the present context, around a real request. */
  async get(url: string): Promise<string> {
    const span = this.tracer.startSpan("GET", { kind: SpanKind.CLIENT });
    return context.with(trace.setSpan(context.active(), span), async () => {
      try {
        return await (await fetch(url)).text();
      } finally {
        span.end();
      }
    });
  }
}

/** The span whose context this is. */
export function spanIn(given: Context = context.active()): string {
  const span: (Span & { readonly name?: string }) | undefined = trace.getSpan(given);
  return span?.name ?? "none";
}

function startOf({ startTime: [seconds, nanos] }: ReadableSpan): number {
  return seconds * 1e3 + nanos / 1e6;
}

/** As indented lines. */
function treeOf(spans: readonly ReadableSpan[], parentId?: string, indent = ""): string {
  const ids = new Set(spans.map((span) => span.spanContext().spanId));
  const isHere = ({ parentSpanContext }: ReadableSpan): boolean =>
    parentId === undefined
      ? parentSpanContext === undefined || !ids.has(parentSpanContext.spanId)
      : parentSpanContext?.spanId === parentId;
  return spans
    .filter(isHere)
    .map((span) => {
      const error = span.attributes["error.type"];
      const line = `${indent}${span.name}${error === undefined ? "" : ` !${error}`}\n`;
      return line + treeOf(spans, span.spanContext().spanId, `${indent}  `);
    })
    .join("");
}
