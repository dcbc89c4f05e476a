import { type Client, ConnectionError, type RemoteInput, type RemoteRun } from "@millrace/client";
import {
  type AgentEvent,
  ConfigError,
  type Message,
  type MessageView,
  type RunInfo,
  type RunView,
  reduceRun,
  showHistory,
} from "millrace";
import { atNextFrame } from "./frame.ts";

/** What a page shows of a chat. What did not change keeps its identity from one to the next. */
export interface ChatView {
  /** The conversation, the answer that arrives included. */
  readonly messages: readonly MessageView[];
  /** `sending`: nothing has come from the server yet. `stopped` also where a limit (turns, budget) ended the run. */
  readonly status: "sending" | RunView["status"];
  /** What the run or the connection failed with. */
  readonly error: Error | undefined;
  /** The latest run, from its first event on. */
  readonly run: RunInfo | undefined;
}

/** What a {@link ChatSession} is made of. */
export interface ChatSessionOptions {
  readonly client: Client;
  readonly chatId: string;
  readonly initialMessages: readonly Message[];
  /** Whether {@link ChatSession.open} reads the chat's latest run. */
  readonly resume: boolean;
}

/** One chat as a store that React can subscribe to: it reads runs, folds their events, and tells once per frame. */
export class ChatSession {
  readonly #options: ChatSessionOptions;
  readonly #listeners = new Set<() => void>();
  #state: RunView;
  #view: ChatView;
  /** What was sent and is not yet part of the run's messages. */
  #sent: { readonly input: RemoteInput; readonly isShown: boolean } | undefined;
  #run: RemoteRun | undefined;
  #isReading = false;
  #error: Error | undefined;
  #cancelFrame: (() => void) | undefined;

  constructor(options: ChatSessionOptions) {
    this.#options = options;
    this.#state = showHistory(options.initialMessages);
    this.#view = this.#look();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly view = (): ChatView => this.#view;

  /** Goes on with a run that was left, or with the chat's latest one. */
  open(): void {
    const { client, chatId, resume } = this.#options;
    if (this.#isReading || this.#error || this.#run?.final) return;
    if (this.#run?.id !== undefined) void this.#read(client.attach(this.#run.id));
    else if (resume) void this.#read(client.attach({ chatId }));
  }

  /** Leaves the run, which goes on where the server keeps it. */
  close(): void {
    this.#isReading = false;
    this.#cancelFrame?.();
    this.#cancelFrame = undefined;
    this.#view = this.#look();
    void this.#run?.return();
  }

  readonly send = (input: RemoteInput): void => {
    // Whoever opens a chat may write at once: that it is asked for its latest run is no run.
    const isSearching = this.#run?.id === undefined && !this.#sent;
    if (this.#isReading && !isSearching) {
      throw new ConfigError("send", "the chat has a run that goes on; wait for it, or stop it");
    }
    void this.#run?.return();
    const { client, chatId } = this.#options;
    this.#sent = { input, isShown: true };
    void this.#read(client.respond(input, { chatId }));
  };

  readonly stop = (): void => {
    const run = this.#run;
    run?.stop().catch((error: unknown) => {
      if (run && this.#follows(run)) this.#fail(error);
    });
  };

  readonly retry = (): void => {
    const { status } = this.#look();
    if (status !== "failed" && status !== "stopped") return;
    // A run whose end is not known may go on: sent again, the message would start a second one.
    const { id, final } = this.#run ?? {};
    if (id !== undefined && !final && !isGone(this.#error)) void this.#read(this.#options.client.attach(id));
    else if (this.#sent) this.send(this.#sent.input);
  };

  async #read(run: RemoteRun): Promise<void> {
    this.#run = run;
    this.#isReading = true;
    this.#error = undefined;
    this.#changed();
    try {
      for await (const event of run) {
        if (!this.#follows(run)) return;
        this.#fold(event);
        this.#changed();
      }
    } catch (error) {
      if (this.#follows(run)) this.#fail(error);
    }
    if (!this.#follows(run)) return;
    this.#isReading = false;
    this.#changed();
  }

  #follows(run: RemoteRun): boolean {
    return this.#isReading && this.#run === run;
  }

  #fold(event: AgentEvent): void {
    if (event.type === "run-start" && !this.#sent) this.#take(event.input);
    if (event.type === "message-added" && this.#sent) this.#sent = { ...this.#sent, isShown: false };
    this.#state = reduceRun(this.#state, event);
  }

  /** A run that was begun elsewhere: it tells its messages again, so what the history has of them goes. */
  #take([first]: readonly Message[]): void {
    if (first?.role !== "user") return;
    this.#sent = { input: first.content, isShown: false };
    const { initialMessages } = this.#options;
    const text = JSON.stringify(first);
    const at = initialMessages.findLastIndex((message) => JSON.stringify(message) === text);
    if (at >= 0) this.#state = showHistory(initialMessages.slice(0, at));
  }

  #fail(error: unknown): void {
    this.#error = error instanceof Error ? error : new Error(String(error), { cause: error });
    this.#isReading = false;
    void this.#run?.return();
    this.#changed();
  }

  #changed(): void {
    this.#cancelFrame ??= atNextFrame(() => {
      this.#cancelFrame = undefined;
      this.#view = this.#look();
      for (const listener of this.#listeners) listener();
    });
  }

  #look(): ChatView {
    const { messages, run } = this.#state;
    return {
      messages: this.#sent?.isShown ? [...messages, sentMessage(this.#sent.input)] : messages,
      status: this.#status(),
      error: this.#error,
      run,
    };
  }

  #status(): ChatView["status"] {
    if (this.#error) return "failed";
    if (this.#isReading && this.#sent?.isShown) return "sending";
    return this.#state.status === "running" && !this.#isReading ? "idle" : this.#state.status;
  }
}

/** Whether the server knows that the run does not go on: the process that made it has died, or it is forgotten. */
function isGone(error: Error | undefined): boolean {
  if (error instanceof ConnectionError) return error.status === 404 || error.status === 410;
  return error !== undefined && "kind" in error && error.kind === "lost";
}

function sentMessage(input: RemoteInput): MessageView {
  return { role: "user", parts: typeof input === "string" ? [{ type: "text", text: input }] : input };
}
