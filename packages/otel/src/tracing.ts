import type { AgentOptions } from "millrace";
import { Telemetry, type TracingOptions } from "./telemetry.ts";
import { traceRun } from "./trace-run.ts";

/**
 * OpenTelemetry for an agent, as an option of it: a span for each run, each attempt at a model request and each tool
 * call, and metrics of the requests, after the semantic conventions for generative AI. Sub-agents are traced with the
 * agent that calls them.
 *
 * Whatever the agent's tools, questions and models do belongs to its spans, such as the requests of an instrumented HTTP
 * client. Without a registered SDK it does nothing; what fails in an SDK never breaks a run.
 *
 * @example
 * ```ts
 * import { tracing } from "@millrace/otel";
 * import { openai } from "@millrace/openai";
 * import { Agent } from "millrace";
 *
 * const agent = new Agent({ name: "helper", model: openai("gpt-5.4-mini"), ...tracing() });
 * ```
 */
export function tracing(options: TracingOptions = {}): Required<Pick<AgentOptions, "wrap">> {
  const telemetry = new Telemetry(options);
  return { wrap: (start) => traceRun(telemetry, start) };
}
