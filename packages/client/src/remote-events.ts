import type { AgentEvent, Final } from "millrace";
import { withFinal } from "millrace/provider";
import { WireDecoder } from "millrace/wire";
import { ConnectionError } from "./connection-error.ts";
import { backOff, type RetryPolicy } from "./retry.ts";
import type { Connection } from "./transport.ts";

/** How far a run has been read. */
export interface Position {
  /** Known from the first event on, or before. */
  runId: string | undefined;
  /** Of the last event that was read; -1 before the first. */
  seq: number;
}

/** What {@link remoteEvents} reads from. */
export interface RemoteSource {
  /** Makes a connection that goes on after the position. Undefined: there is no run. */
  connect(position: Position, signal: AbortSignal): Promise<Connection | undefined>;
  /** The first event to hand out. Default: 0. */
  readonly from?: number | undefined;
  readonly retry: RetryPolicy;
  /** Looks at an event before it is handed out; throws where it does not fit. */
  readonly check: ((event: AgentEvent) => Promise<void>) | undefined;
}

/**
 * The events of a run, each once and in order, over as many connections as it takes. A run that failed throws its error
 * after its `Final`. The position is moved along.
 */
export async function* remoteEvents(
  source: RemoteSource,
  position: Position,
  signal: AbortSignal,
): AsyncGenerator<AgentEvent, void, undefined> {
  const { from = 0 } = source;
  // One for all connections: what grows goes on to grow.
  const decoder = new WireDecoder();
  let final: Final | undefined;
  let failures = 0;
  while (!final) {
    try {
      const connection = await source.connect(position, signal);
      if (!connection) return;
      // Known before the first event: a run that is cut there can be read again, too.
      position.runId ??= connection.runId;
      for await (const json of connection.events) {
        if (isKnown(json, position)) continue;
        const event = decoder.decode(json);
        checkOrder(event, position);
        if (source.check) await source.check(event);
        position.seq = event.seq;
        position.runId = event.run.id;
        failures = 0;
        if (event.type === "final") final = event;
        if (event.seq >= from) yield event;
        if (final) break;
      }
      if (!final) throw new ConnectionError("the connection ended before the run did", { kind: "network" });
    } catch (error) {
      // Without an id nothing can be read again, and to send the input again might start a second run.
      if (position.runId === undefined) throw error;
      await backOff(error, ++failures, source.retry, signal);
    }
  }
  if (final.error) throw withFinal(final.error, final);
}

/** Whether it was read before, over an earlier connection. */
function isKnown(json: unknown, { seq }: Position): boolean {
  return typeof json === "object" && json !== null && "seq" in json && Number(json.seq) <= seq;
}

function checkOrder(event: AgentEvent, { seq, runId }: Position): void {
  if (event.seq !== seq + 1) {
    throw new ConnectionError(`expected event ${seq + 1}, got event ${event.seq}: events are missing`, {
      kind: "protocol",
    });
  }
  if (runId !== undefined && event.run.id !== runId) {
    throw new ConnectionError(`expected events of run ${runId}, got one of run ${event.run.id}`, { kind: "protocol" });
  }
}
