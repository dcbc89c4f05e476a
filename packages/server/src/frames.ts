import type { StreamEvent } from "millrace";
import { encodeFailure, WireEncoder } from "millrace/wire";
import type { EventLog } from "./event-log.ts";

/** A line for the wire, with its number where it is an event. */
export interface Frame {
  readonly seq?: number;
  readonly line: string;
}

/** What is sent over a connection, frame by frame, as it is asked for. */
export interface Frames {
  /** The next one; undefined at the end. Never throws: what goes wrong is told in a frame. */
  next(): Promise<Frame | undefined>;
  /** The connection is gone. */
  leave(): Promise<void>;
}

/** The frames of a run, or of anything that gives its events. Leaving them leaves the run. */
export function framesOf(events: AsyncIterable<StreamEvent>): Frames {
  const encoder = new WireEncoder();
  let iterator: AsyncIterator<StreamEvent> | undefined;
  let isOver = false;
  return {
    async next() {
      if (isOver) return undefined;
      try {
        iterator ??= events[Symbol.asyncIterator]();
        const { done, value } = await iterator.next();
        if (done || isOver) return undefined;
        if (value.type === "final") {
          // A run is over for its hooks and its store when its reader has asked once more. What it throws is in the final.
          await iterator.next().catch(() => {});
          isOver = true;
        }
        return { seq: value.seq, line: encoder.encode(value) };
      } catch (error) {
        if (isOver) return undefined;
        isOver = true;
        return { line: encodeFailure(error) };
      }
    },
    async leave() {
      isOver = true;
      iterator ??= events[Symbol.asyncIterator]();
      await iterator.return?.();
    },
  };
}

/** The frames of a run in a log. Leaving them does not touch the run. */
export function loggedFrames(log: Pick<EventLog, "read">, runId: string, from: number): Frames {
  const leaving = new AbortController();
  const lines = log.read(runId, { from, signal: leaving.signal })[Symbol.asyncIterator]();
  let seq = from;
  let isOver = false;
  return {
    async next() {
      if (isOver) return undefined;
      try {
        const { done, value } = await lines.next();
        return done ? undefined : { seq: seq++, line: value };
      } catch (error) {
        isOver = true;
        return { line: encodeFailure(error) };
      }
    },
    async leave() {
      isOver = true;
      leaving.abort();
      await lines.return?.();
    },
  };
}

/** The frames of a protocol of others, which has no numbers. */
export function framesOfLines(lines: AsyncGenerator<string, void, undefined>): Frames {
  return {
    async next() {
      const { done, value } = await lines.next();
      return done ? undefined : { line: value };
    },
    async leave() {
      await lines.return();
    },
  };
}

/** The frames of which the first was read already. */
export function startingWith(first: Frame, rest: Frames): Frames {
  let isSent = false;
  return {
    async next() {
      if (isSent) return rest.next();
      isSent = true;
      return first;
    },
    leave: () => rest.leave(),
  };
}
