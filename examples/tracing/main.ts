// OpenTelemetry: the spans of a run with a tool, a sub-agent, a request that is repeated and a tool that fails, as a tree.
import { tracing } from "@millrace/otel";
import { context, metrics, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { Agent, ModelError, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { z } from "zod";

// What a program does once; in production the SDK sends to a collector instead.
const exporter = new InMemorySpanExporter();
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));

const getForecast = tool({
  name: "get_forecast",
  description: "Get the forecast for a city",
  input: z.object({ city: z.string() }),
  async execute({ city }) {
    // A span of the program's own finds its place by itself, as those of instrumented HTTP clients and databases do.
    return trace.getTracer("weather-service").startActiveSpan("look up", async (span) => {
      await null;
      span.end();
      return `Sunny in ${city}`;
    });
  },
});

const bookTable = tool({
  name: "book_table",
  description: "Book a table",
  execute() {
    throw new Error("the restaurant is full");
  },
});

const weather = new Agent({
  name: "weather",
  description: "Knows the weather",
  model: scriptedModel([{ toolCalls: [{ name: "get_forecast", args: { city: "Tokyo" } }] }, "Sunny."], { id: "small" }),
  tools: [getForecast],
});

function busy(): never {
  throw new ModelError("try again", { kind: "overloaded", provider: "scripted" });
}

const concierge = new Agent({
  name: "concierge",
  model: scriptedModel(
    [
      busy,
      { toolCalls: [{ name: "weather", args: { input: "Tokyo?" } }, { name: "book_table" }] },
      "It is sunny, but no table is free.",
    ],
    { id: "large" },
  ),
  tools: [weather.asTool(), bookTable],
  retry: { initialDelayMs: 1 },
  ...tracing(),
});

const { output } = await concierge.sendMessage("Can we eat outside in Tokyo?", { userId: "u1", chatId: "c1" });
console.log(output);
show(exporter.getFinishedSpans());

const root = exporter.getFinishedSpans().find(({ name }) => name === "invoke_agent concierge");
for (const [name, value] of Object.entries(root?.attributes ?? {})) {
  if (name !== "millrace.run.id") console.log(`  ${name}: ${value}`);
}

for (const api of [context, trace, metrics]) api.disable();

function show(spans: readonly ReadableSpan[], parent?: string, indent = ""): void {
  const under = spans.filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent);
  for (const span of under.toSorted((a, b) => startOf(a) - startOf(b))) {
    const error = span.attributes["error.type"];
    console.log(`${indent}${span.name}${error === undefined ? "" : ` !${error}`}`);
    show(spans, span.spanContext().spanId, `${indent}  `);
  }
}

function startOf({ startTime: [seconds, nanos] }: ReadableSpan): number {
  return seconds * 1000 + nanos / 1_000_000;
}
