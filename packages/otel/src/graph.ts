/**
 * OpenTelemetry spans of graphs.
 *
 * @module
 */
export { traceGraph } from "./trace-graph.ts";
