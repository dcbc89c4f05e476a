import { type Attributes, type Context, context, type Span, SpanKind, trace } from "@opentelemetry/api";
import type { AgentEvent, Final, Hooks, RunStart, RunWrapper } from "millrace";
import { answerJson, messagesJson } from "./content.ts";
import { names, providerName } from "./conventions.ts";
import { endSpan, isReal, quietly, spanErrorOf, type Telemetry } from "./telemetry.ts";
import { ModelTrace } from "./trace-model.ts";
import { ToolTrace } from "./trace-tool.ts";
import { usageAttributes } from "./usage-attributes.ts";

/** A run that is traced: whose it is, and where its spans belong. */
export interface TracedRun {
  readonly telemetry: Telemetry;
  /** On every span of the run. */
  readonly identity: Attributes;
  /** In which the run's own work is called. */
  readonly context: Context;
}

/** Starts the span of a run and gives what goes around it: nothing where nobody listens. */
export function traceRun(telemetry: Telemetry, start: RunStart, parent: Context = context.active()): RunWrapper {
  const { id, agentName, userId, chatId } = start.run;
  const identity = { [names.conversation]: chatId, [names.user]: userId, [names.agent]: agentName, [names.run]: id };
  const attributes = { ...identity, ...startAttributes(telemetry, start) };
  const options = { kind: SpanKind.INTERNAL, startTime: start.at, attributes };
  const span = telemetry.start(`invoke_agent ${agentName}`, options, parent);
  const instruments = telemetry.instruments();
  if (!isReal(span) && !instruments) return {};

  const traced: TracedRun = { telemetry, identity, context: isReal(span) ? trace.setSpan(parent, span) : parent };
  const tools = new ToolTrace(traced);
  return {
    model: (model) => new ModelTrace(traced, model, instruments),
    tool: (tool) => tools.around(tool),
    call: (callback) => context.with(traced.context, callback),
    hooks: observe(span, tools, telemetry.captureContent),
  };
}

function startAttributes(telemetry: Telemetry, { model, input }: RunStart): Attributes {
  return {
    [names.operation]: "invoke_agent",
    ...(model && { [names.provider]: providerName(model.provider), [names.requestModel]: model.id }),
    ...(telemetry.captureContent && { [names.inputMessages]: quietly(() => messagesJson(input)) }),
  };
}

/** Ends what the wrappers began: each tool call, and the run. */
function observe(span: Span | undefined, tools: ToolTrace, captureContent: boolean): Hooks {
  const note = (event: AgentEvent, attributes: Attributes): void => {
    quietly(() => span?.addEvent(`millrace.${event.type}`, attributes, event.at));
  };
  return {
    onToolResult: (event) => tools.succeeded(event),
    onToolError: (event) => tools.failed(event),
    onContextOverflow: (event) => note(event, { tokens: event.tokens, limit: event.limit, by: event.by }),
    onMessagesDropped: (event) => note(event, { messages: event.messages.length }),
    onBudgetExceeded: (event) => note(event, { by: event.by, spent: event.spent, limit: event.limit }),
    onStopped: (event) => note(event, { reason: event.reason, by: event.by }),
    onFinal: (final) => {
      tools.close(final.at);
      if (span) endSpan(span, endOf(final, captureContent));
    },
  };
}

/** A stop is no error: only a run that failed ended in one. */
function endOf(final: Final, captureContent: boolean): Parameters<typeof endSpan>[1] {
  const { stopReason, turns, usage, costUsd, error, at } = final;
  const attributes = {
    ...usageAttributes(usage),
    [names.stopReason]: stopReason,
    [names.turns]: turns,
    ...(costUsd !== undefined && { [names.costUsd]: costUsd }),
    ...(captureContent && { [names.outputMessages]: quietly(() => outputJson(final)) }),
  };
  return { attributes, at, ...(error && { error: spanErrorOf(error) }) };
}

function outputJson({ history }: Final): string | undefined {
  const message = history.added.findLast(({ role }) => role === "assistant");
  return message?.role === "assistant" ? answerJson({ message, reason: "stop" }) : undefined;
}
