import { MillraceError, type RunInfo } from "millrace";

/** A run that a log knows. */
export interface LoggedRun {
  readonly run: RunInfo;
  /** Whether it has ended: no more lines will come. */
  readonly isOver: boolean;
}

/** Which run is meant: by its id, or the latest one of a user's chat. */
export type RunQuery = { readonly runId: string } | { readonly userId: string; readonly chatId: string };

/**
 * Keeps the events of runs as lines of text (those of `millrace/wire`), so that a run can be read by anyone, at any time,
 * from any line on. Line 0 is the event with `seq` 0, and so on. Shared by several processes where its storage is.
 */
export interface EventLog {
  /** Opens a run. False where the latest run of its user's chat still goes on: a chat has one run at a time. */
  begin(run: RunInfo): Promise<boolean>;
  /** Adds lines. Only who has opened the run does so. */
  append(runId: string, lines: readonly string[]): Promise<void>;
  /**
   * The lines from number `from` on, then those that come, until the run ends or `signal` aborts.
   *
   * @throws {@link EventLogError} for a run that is not known, or whose writer has gone
   */
  read(runId: string, options: { from: number; signal: AbortSignal }): AsyncIterable<string>;
  /**
   * Adds the last lines and closes the run, at once: who has read its end finds the chat free. Readers come to their end.
   */
  end(runId: string, lines: readonly string[]): Promise<void>;
  /** The run that is meant; undefined where the log has none, or no longer. */
  find(query: RunQuery): Promise<LoggedRun | undefined>;
  /** Asks whoever writes the run to stop it. */
  requestStop(runId: string, reason: string): Promise<void>;
  /** Called by the writer every second or so: it is alive. Gives why the run shall stop, once that was asked for. */
  beat(runId: string): Promise<string | undefined>;
}

/** Something that a log cannot give. */
export class EventLogError extends MillraceError {
  static {
    EventLogError.prototype.name = "EventLogError";
  }

  /**
   * `not-found`: the run is not known, or no longer. `chat-busy`: the chat has a run that goes on. `lost`: the process
   * that made the run is gone, and the run with it.
   */
  readonly kind: "not-found" | "chat-busy" | "lost";

  constructor(kind: EventLogError["kind"], runId: string) {
    super(explanations[kind].replace("{run}", () => runId));
    this.kind = kind;
  }
}

const explanations = {
  "not-found": "there is no run {run} in the log, or no longer",
  "chat-busy": "run {run} cannot begin: its chat has a run that goes on; wait for it, or stop it",
  lost: "run {run} was lost: the process that made it is gone",
};
