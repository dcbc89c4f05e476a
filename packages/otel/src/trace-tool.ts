import { type Context, context, type Span, SpanKind, trace } from "@opentelemetry/api";
import type { OpenCall, Tool, ToolContext, ToolError, ToolExecution, ToolResult } from "millrace";
import { valueJson } from "./content.ts";
import { names } from "./conventions.ts";
import { endSpan, isReal, quietly, spanErrorOf } from "./telemetry.ts";
import type { TracedRun } from "./trace-run.ts";

/**
 * The spans of a run's tool calls. They begin where a tool is called, so that all it does belongs to them; they end with
 * the call's event, which comes also for a tool that was abandoned and never returns.
 */
export class ToolTrace {
  readonly #run: TracedRun;
  readonly #spans = new Map<string, Span>();

  constructor(run: TracedRun) {
    this.#run = run;
  }

  /** The same tool, called within its span. */
  around(tool: Tool): Tool {
    const { begin } = tool;
    return {
      ...tool,
      execute: (args, call) => {
        const within = this.#begin(tool, call);
        this.#capture(call.callId, names.toolArguments, args);
        return callWithin(within, tool, args, call);
      },
      begin:
        begin &&
        ((call) => {
          const within = this.#begin(tool, call);
          return openWithin(
            within,
            context.with(within, () => begin(call)),
          );
        }),
    };
  }

  succeeded({ callId, args, result, at }: ToolResult): void {
    this.#capture(callId, names.toolArguments, args);
    this.#capture(callId, names.toolResult, result);
    this.#end(callId, { at });
  }

  /** A call that never reached its tool (refused, unknown, with bad arguments) gets a span here. */
  failed({ callId, name, args, error, at, durationMs }: ToolError): void {
    if (!this.#spans.has(callId)) this.#start(name, callId, {}, at - durationMs);
    this.#capture(callId, names.toolArguments, args);
    const { type, message } = spanErrorOf(error);
    const { captureContent } = this.#run.telemetry;
    // A stop is no error. What a tool says of its failure is content.
    const isStop = error.kind === "stopped";
    this.#end(callId, { at, ...(!isStop && { error: { type, ...(captureContent && message && { message }) } }) });
  }

  /** Ends the spans of streaming tools whose call was never completed. */
  close(at: number): void {
    for (const callId of [...this.#spans.keys()]) this.#end(callId, { at });
  }

  #begin(tool: Tool, { callId }: ToolContext): Context {
    // A streaming tool whose answer was void may be called again under the same id.
    this.#end(callId, {});
    const span = this.#start(tool.name, callId, { [names.toolDescription]: tool.description }, Date.now());
    return isReal(span) ? trace.setSpan(context.active(), span) : context.active();
  }

  #start(name: string, callId: string, described: { [name: string]: string }, startTime: number): Span | undefined {
    const { telemetry, identity } = this.#run;
    const attributes = {
      ...identity,
      [names.operation]: "execute_tool",
      [names.tool]: name,
      [names.toolCall]: callId,
      [names.toolType]: "function",
      ...described,
    };
    const options = { kind: SpanKind.INTERNAL, startTime, attributes };
    const span = telemetry.start(`execute_tool ${name}`, options, this.#run.context);
    if (span) this.#spans.set(callId, span);
    return span;
  }

  #capture(callId: string, name: string, value: unknown): void {
    if (!this.#run.telemetry.captureContent) return;
    quietly(() => this.#spans.get(callId)?.setAttribute(name, valueJson(value)));
  }

  #end(callId: string, end: Parameters<typeof endSpan>[1]): void {
    const span = this.#spans.get(callId);
    if (!span) return;
    this.#spans.delete(callId);
    endSpan(span, end);
  }
}

/** Calls a tool in a context; a generator's every step too, for it runs in the context of whoever asks for the next. */
function callWithin(within: Context, tool: Tool, args: unknown, call: ToolContext): ToolExecution<unknown> {
  const execution: unknown = context.with(within, () => tool.execute(args, call));
  if (!isGenerator(execution)) return execution;
  const steps: AsyncGenerator<unknown, unknown, unknown> = {
    next: async (...given) => context.with(within, () => execution.next(...given)),
    return: async (value) => context.with(within, () => execution.return(value)),
    throw: async (error) => context.with(within, () => execution.throw(error)),
    [Symbol.asyncIterator]: () => steps,
    [Symbol.asyncDispose]: async () => void (await steps.return(undefined)),
  };
  return steps;
}

function openWithin(within: Context, open: OpenCall): OpenCall {
  return {
    give: (partial) => context.with(within, () => open.give(partial)),
    finish: (args) => context.with(within, () => open.finish(args)),
    fail: (error) => context.with(within, () => open.fail(error)),
  };
}

type AnyGenerator = AsyncGenerator<unknown, unknown, unknown> | Generator<unknown, unknown, unknown>;

function isGenerator(value: unknown): value is AnyGenerator {
  if (typeof value !== "object" || value === null || !("next" in value)) return false;
  return typeof value.next === "function" && (Symbol.asyncIterator in value || Symbol.iterator in value);
}
