import type { AgentEvent, Final } from "millrace";
import { WireDecoder } from "millrace/wire";
import type { EventLog } from "./event-log.ts";

/** Options of {@link attach}. */
export interface AttachOptions {
  /** The first event that is wanted, by its `seq`. Default: 0, all of them. */
  from?: number;
}

/**
 * Reads a run from its log: what was recorded, then what comes. Any number of readers may do so; one that leaves does
 * not stop the run. Like the run itself it throws, after the `Final`, what the run failed with.
 *
 * @throws {@link EventLogError} from its `next()`: for a run that is not known, or that was lost with its process
 */
export function attach(
  log: Pick<EventLog, "read">,
  runId: string,
  options: AttachOptions = {},
): AsyncGenerator<AgentEvent, Final | undefined, undefined> {
  const leaving = new AbortController();
  const events = decoded(log, runId, options.from ?? 0, leaving.signal);
  const endGenerator = events.return.bind(events);
  // A generator that waits for an event would not hear of it.
  events.return = (value) => {
    leaving.abort();
    return endGenerator(value);
  };
  return events;
}

async function* decoded(
  log: Pick<EventLog, "read">,
  runId: string,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<AgentEvent, Final | undefined, undefined> {
  const decoder = new WireDecoder();
  // From the first line on: it says whose run it is, and arguments grow from their beginning.
  for await (const line of log.read(runId, { from: 0, signal })) {
    const event = decoder.decode(JSON.parse(line));
    if (event.seq >= from) yield event;
    if (event.type === "final") {
      if (event.stopReason === "error" && event.error) throw event.error;
      return event;
    }
  }
  return undefined;
}
