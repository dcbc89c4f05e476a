import type { ContentPart } from "millrace/provider";

/** What a user says: text, or the parts of one message. */
export type RemoteInput = string | readonly ContentPart[];

/** What starts a run. */
export interface RunRequest {
  readonly input: RemoteInput;
  readonly chatId: string;
}

/** A run by its id, or the latest run of a chat. */
export type RunQuery = { readonly run: string } | { readonly chat: string };

/** A connection that a run is read from. */
export interface Connection {
  /** Told before the first event, where the server does so. */
  readonly runId: string | undefined;
  /** Events as parsed JSON, until the connection ends. Leaving them closes it. */
  readonly events: AsyncIterable<unknown>;
}

/** How a server of runs is asked. All of it throws {@link ConnectionError}, or what `signal` was aborted with. */
export interface Transport {
  /** Starts a run. */
  start(request: RunRequest, signal: AbortSignal): Promise<Connection>;
  /** Reads a run again, from the event after `lastSeq` on. Undefined where a chat has no run. */
  attach(query: RunQuery, lastSeq: number, signal: AbortSignal): Promise<Connection | undefined>;
  /** Stops a run. One that is over already, or forgotten, is no error. */
  stop(runId: string): Promise<void>;
  /** Puts a message into a live run. */
  send(runId: string, input: RemoteInput): Promise<void>;
}
