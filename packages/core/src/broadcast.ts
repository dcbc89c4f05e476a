import { ConfigError } from "./errors.ts";
import type { AgentEvent } from "./events.ts";
import type { Run } from "./run.ts";

/** One run for several readers; see {@link broadcast}. */
export interface Broadcast {
  /** A reader of its own. It gets every event from now on; the first reader gets all. */
  subscribe(): AsyncGenerator<AgentEvent, void, undefined>;
}

interface Reader {
  readonly queue: AgentEvent[];
  wake: () => void;
  hasLeft: boolean;
}

/**
 * Lets several readers read one run. The run is read as the quickest of them asks; when another is `buffer` events
 * behind, the quickest waits for it. The run is left when its last reader leaves. What the run fails with is thrown to
 * every reader.
 *
 * @param options `buffer`: how far one reader may be ahead of another, in events. Default: 1,000.
 * @throws {@link ConfigError} for a buffer that holds nothing
 */
export function broadcast(run: Run, { buffer = 1000 }: { buffer?: number } = {}): Broadcast {
  if (!(buffer >= 1)) throw new ConfigError("buffer", `expected a number of events from 1, got ${buffer}`);
  const readers = new Set<Reader>();
  let pulling: Promise<void> | undefined;
  let end: { readonly error?: unknown } | undefined;

  const wakeAll = (): void => {
    for (const reader of readers) reader.wake();
  };
  const pull = async (): Promise<void> => {
    try {
      const { done, value } = await run.next();
      if (done) end = {};
      else for (const reader of readers) reader.queue.push(value);
    } catch (error) {
      end = { error };
    }
    pulling = undefined;
    wakeAll();
  };
  const hasRoom = (): boolean => [...readers].every((reader) => reader.queue.length < buffer);

  async function* read(reader: Reader): AsyncGenerator<AgentEvent, void, undefined> {
    try {
      while (!reader.hasLeft) {
        const event = reader.queue.shift();
        if (event) {
          if (reader.queue.length === buffer - 1) wakeAll();
          yield event;
        } else if (end) {
          if ("error" in end) throw end.error;
          return;
        } else {
          if (!pulling && hasRoom()) pulling = pull();
          await new Promise<void>((resolve) => {
            reader.wake = resolve;
          });
        }
      }
    } finally {
      await leave(reader);
    }
  }

  const leave = async (reader: Reader): Promise<void> => {
    if (reader.hasLeft) return;
    reader.hasLeft = true;
    readers.delete(reader);
    reader.wake();
    wakeAll();
    if (readers.size === 0 && !end) await run.return();
  };

  return {
    subscribe() {
      const reader: Reader = { queue: [], wake: () => {}, hasLeft: false };
      readers.add(reader);
      const events = read(reader);
      const endGenerator = events.return.bind(events);
      // A generator that has not begun, or that waits, would not hear of it.
      events.return = async () => {
        await leave(reader);
        return endGenerator();
      };
      return events;
    },
  };
}
