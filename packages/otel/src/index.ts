/**
 * OpenTelemetry spans and metrics of agents, after the semantic conventions for generative AI.
 *
 * @module
 */
export type { TracingOptions } from "./telemetry.ts";
export { tracing } from "./tracing.ts";
