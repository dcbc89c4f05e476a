import { type Agent, type AgentEvent, type ChatStore, ConfigError, MillraceError } from "millrace";
import { attach } from "./attach.ts";
import { type ChatHandlerOptions, checkChatHandlerOptions } from "./chat-handler-options.ts";
import { detach, runHere, stopRun } from "./detach.ts";
import { type EventLog, EventLogError, type RunQuery } from "./event-log.ts";
import { type Frames, framesOf, framesOfLines, loggedFrames, startingWith } from "./frames.ts";
import { HttpError } from "./http-error.ts";
import { LiveRuns } from "./live-runs.ts";
import { memoryChatStore } from "./memory-chat-store.ts";
import type { ChatRequest } from "./protocol/chat-protocol.ts";
import type { ChatMessage } from "./read-message.ts";
import { report } from "./report.ts";

/** The events of a run as another protocol has them. */
export type ToLines = (events: AsyncIterable<AgentEvent>) => AsyncGenerator<string, void, undefined>;

/** A run that a client reads. */
export interface Reading {
  readonly runId: string;
  readonly frames: Frames;
}

/**
 * What users may do with the runs of one agent, whatever they ask over. A user reaches only runs of their own; others are
 * answered like those that do not exist. Throws {@link HttpError} for what may not be.
 */
export class ChatRuns {
  readonly #agent: Agent;
  readonly #options: ChatHandlerOptions;
  readonly #store: ChatStore;
  readonly #live = new LiveRuns();

  /** @throws {@link ConfigError} for options that cannot work */
  constructor(agent: Agent, options: ChatHandlerOptions) {
    if (typeof options?.authenticate !== "function") {
      throw new ConfigError("authenticate", "expected a function that gives the user's id of a request");
    }
    checkChatHandlerOptions(options, "");
    this.#agent = agent;
    this.#options = options;
    this.#store = options.store ? guardedStore(options.store, options.onError) : memoryChatStore();
  }

  /** The user who asks, or the response that turns them away. */
  async userOf(request: Request): Promise<string | Response> {
    const user = await this.#options.authenticate(request);
    if (!user) throw new HttpError(401, "unauthenticated", "the request does not say who asks, or not rightly");
    return user;
  }

  /** Begins a run. Without a log it lives until its frames are read or left. */
  async begin(
    { chatId, input, history }: ChatRequest,
    userId: string,
    request: Request,
    toLines?: ToLines,
  ): Promise<Reading> {
    const { respondOptions, log, onError, waitUntil } = this.#options;
    const own = await respondOptions?.({ userId, chatId }, request);
    const kept = history ? { history } : { store: this.#store };
    const run = this.#agent.chat({ userId, chatId, ...kept }).respond(input, own);
    if (log) {
      const { done } = await detach(run, log, { ...(onError && { onError }) });
      waitUntil?.(done);
      return { runId: run.id, frames: this.#framesOf(log, run.id, 0, toLines) };
    }
    const events = this.#live.begin(run);
    if (!events) throw busy();
    return { runId: run.id, frames: toLines ? framesOfLines(toLines(events)) : framesOf(events) };
  }

  /** Reads a run again. Undefined where there is nothing (more) to read: in other protocols, of a run that has ended. */
  async attach(query: RunQuery, userId: string, from: number, toLines?: ToLines): Promise<Reading | undefined> {
    const { log } = this.#options;
    if (!log) throw new HttpError(405, "method-not-allowed", "runs are not kept here: there is no log");
    const found = await log.find(query);
    if (!found && "chatId" in query) return undefined;
    if (found?.run.userId !== userId) throw notFound();
    const runId = found.run.id;
    if (found.isOver && toLines) return undefined;
    const frames = this.#framesOf(log, runId, from, toLines);
    if (!found.isOver) return { runId, frames };
    const first = await frames.next();
    return first && { runId, frames: startingWith(first, frames) };
  }

  /** Stops a run. */
  async stop(query: RunQuery, userId: string): Promise<void> {
    const { log } = this.#options;
    const run = await this.#find(query, userId);
    if (log) await stopRun(log, run.id);
    else this.#live.find({ runId: run.id })?.stop("stopped by the user");
  }

  /** Puts a message of the user into a live run; only the process that makes the run can. */
  async send(input: ChatMessage["input"], query: RunQuery, userId: string): Promise<void> {
    const { log } = this.#options;
    const run = await this.#find(query, userId);
    const live = log ? runHere(log, run.id) : this.#live.find({ runId: run.id });
    if (!live?.send || live.final) {
      throw new HttpError(409, "run-not-live", "the run has ended, or another process makes it");
    }
    live.send(input);
  }

  /** Other protocols have no numbers: they are read from their beginning. */
  #framesOf(log: EventLog, runId: string, from: number, toLines: ToLines | undefined): Frames {
    const guarded = guardedReading(log, this.#options.onError);
    return toLines ? framesOfLines(toLines(attach(guarded, runId))) : loggedFrames(guarded, runId, from);
  }

  async #find(query: RunQuery, userId: string): Promise<{ readonly id: string }> {
    const { log } = this.#options;
    const run = log ? (await log.find(query))?.run : this.#live.find(query)?.info;
    if (run?.userId !== userId) throw notFound();
    return run;
  }
}

/** What a store throws when it is read would reach the client as what the run failed with. */
function guardedStore(store: ChatStore, onError: ChatHandlerOptions["onError"]): ChatStore {
  return {
    async load(chat) {
      try {
        return await store.load(chat);
      } catch (error) {
        throw unreadable("the chat", error, onError);
      }
    },
    append: (chat, message) => store.append(chat, message),
  };
}

/** What a log throws when it is read would reach the client as what has broken the stream off. */
function guardedReading(log: EventLog, onError: ChatHandlerOptions["onError"]): Pick<EventLog, "read"> {
  return {
    async *read(runId, options) {
      try {
        yield* log.read(runId, options);
      } catch (error) {
        throw error instanceof EventLogError ? error : unreadable("the run", error, onError);
      }
    },
  };
}

/** The error as a client may see it; what it comes from is for `onError`. */
function unreadable(what: string, cause: unknown, onError: ChatHandlerOptions["onError"]): MillraceError {
  void report(cause, onError);
  return new MillraceError(`${what} could not be read: something went wrong on the server`);
}

export function notFound(): HttpError {
  return new HttpError(404, "not-found", "there is no such run, or no longer");
}

function busy(): HttpError {
  return new HttpError(409, "chat-busy", "the chat has a run that goes on; wait for it, or stop it");
}

/** The error as a client may see it; what is not meant for it goes to `onError`. */
export function toHttpError(error: unknown, onError?: (error: unknown) => void): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof EventLogError && error.kind === "chat-busy") return busy();
  if (error instanceof EventLogError && error.kind === "not-found") return notFound();
  void report(error, onError);
  return new HttpError(500, "internal", "something went wrong on the server");
}
