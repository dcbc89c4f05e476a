/**
 * Runs of a server, read in a browser or in Node as the same stream of events.
 *
 * @module
 */
export { type AttachOptions, type Client, type ConnectOptions, connect, type RemoteRespondOptions } from "./connect.ts";
export { ConnectionError, type ConnectionErrorFacts, type ConnectionErrorKind } from "./connection-error.ts";
export type { EndpointOptions, RemoteInput } from "./endpoint.ts";
export { RemoteRun } from "./remote-run.ts";
export type { RetryOptions } from "./retry.ts";
