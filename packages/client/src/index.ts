/**
 * Runs of a server, read in a browser or in Node as the same stream of events.
 *
 * @module
 */
export { type AttachOptions, type Client, type ConnectOptions, connect, type RemoteRespondOptions } from "./connect.ts";
export { ConnectionError, type ConnectionErrorFacts, type ConnectionErrorKind } from "./connection-error.ts";
export type { HttpOptions } from "./http-transport.ts";
export type { ClientSocket } from "./open-socket.ts";
export { RemoteRun } from "./remote-run.ts";
export type { RetryOptions } from "./retry.ts";
export type { SocketOptions } from "./socket-transport.ts";
export type { RemoteInput } from "./transport.ts";
