import type { AgentEvent, Final, Run } from "millrace";
import type { RunQuery } from "./event-log.ts";

/** A run whose response nobody begins to read for so long is given up for the next one, in milliseconds. */
const unreadMs = 10_000;

interface Live {
  readonly run: Run;
  readonly since: number;
  isRead: boolean;
}

/** The runs of a handler without a log: each lives as long as its connection. */
export class LiveRuns {
  readonly #runs = new Set<Live>();

  /** The run that is meant, if it goes on. */
  find(query: RunQuery): Run | undefined {
    for (const { run } of this.#runs) if (isMeant(run, query)) return run;
    return undefined;
  }

  /** The events of the run, which is live until they are read or left. Undefined where its chat has a live run. */
  begin(run: Run): AsyncGenerator<AgentEvent, Final, undefined> | undefined {
    for (const live of this.#runs) {
      if (!isMeant(live.run, run.info)) continue;
      if (live.isRead || Date.now() - live.since < unreadMs) return undefined;
      this.#runs.delete(live);
    }
    const live: Live = { run, since: Date.now(), isRead: false };
    this.#runs.add(live);
    return this.#watch(live);
  }

  #watch(live: Live): AsyncGenerator<AgentEvent, Final, undefined> {
    const { run } = live;
    const end = (): void => void this.#runs.delete(live);
    // By hand: a generator's return() would wait for the event that its next() waits for.
    return {
      async next() {
        live.isRead = true;
        try {
          const step = await run.next();
          if (step.done) end();
          return step;
        } catch (error) {
          end();
          throw error;
        }
      },
      return: () => run.return().finally(end),
      throw: (error: unknown) => run.throw(error).finally(end),
      [Symbol.asyncIterator]() {
        return this;
      },
      [Symbol.asyncDispose]: async () => {
        await run.return().finally(end);
      },
    };
  }
}

function isMeant({ id, info }: Run, query: RunQuery): boolean {
  if ("runId" in query) return id === query.runId;
  return info.userId === query.userId && info.chatId === query.chatId;
}
