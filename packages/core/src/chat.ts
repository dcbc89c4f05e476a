import type { RespondOptions } from "./agent-options.ts";
import { ConfigError } from "./errors.ts";
import { readToEnd } from "./event-run.ts";
import type { Final } from "./events.ts";
import { checkMessages } from "./history.ts";
import type { Hooks } from "./hooks.ts";
import type { Input, Message } from "./messages.ts";
import { type Check, callable, fields, list, text } from "./option-checks.ts";
import type { Run } from "./run.ts";
import type { Conversation } from "./run-state.ts";

/** Keeps conversations. Everything a store needs passes it message by message. */
export interface ChatStore {
  /** The messages of a conversation, oldest first; none for a new one. */
  load(chat: { userId: string; chatId: string }): readonly Message[] | Promise<readonly Message[]>;
  /** Keeps one more message. What it throws is reported to `onHookError`. */
  append(chat: { userId: string; chatId: string }, message: Message): void | Promise<void>;
}

/** What a chat is made of. */
export interface ChatOptions {
  userId: string;
  chatId: string;
  /** What was said before. Default: what the store has, or nothing. */
  history?: readonly Message[];
  /** Keeps the conversation. Default: it is kept in this object only. */
  store?: ChatStore;
}

/** The options of one call in a chat. */
export type ChatRespondOptions = Omit<RespondOptions, "userId" | "chatId" | "history">;

type Start = (input: Input, options: RespondOptions, conversation: Conversation) => Run;

/** A conversation that remembers: each run begins where the last one ended, however it ended. */
export class Chat {
  readonly userId: string;
  readonly chatId: string;
  readonly #start: Start;
  readonly #store: ChatStore | undefined;
  readonly #initial: readonly Message[];
  #messages: Message[] | undefined;
  /** The id of the run that is being read. */
  #current: string | undefined;

  /** Made by `agent.chat()`. */
  constructor(agentName: string, options: ChatOptions, start: Start) {
    checkChatOptions(options, "");
    const { userId, chatId, history, store } = options;
    if (userId === undefined) throw new ConfigError("userId", `is required for a chat with ${agentName}`);
    if (chatId === undefined) throw new ConfigError("chatId", `is required for a chat with ${agentName}`);
    checkMessages(history ?? [], "history");
    this.userId = userId;
    this.chatId = chatId;
    this.#start = start;
    this.#store = store;
    this.#initial = history ?? [];
    this.#messages = history || !store ? [...this.#initial] : undefined;
  }

  /** The conversation so far. Empty until a store was read by the first run. */
  get history(): readonly Message[] {
    return [...(this.#messages ?? [])];
  }

  /**
   * Answers within the conversation. One run at a time: what comes while another is read belongs into
   * `run.send()`; a second run that is started meanwhile fails.
   */
  respond(input: Input, options: ChatRespondOptions = {}): Run {
    const { userId, chatId } = this;
    const hooks = [this.#store ? storeHooks(this.#store) : [], options.hooks ?? []].flat();
    return this.#start(
      input,
      { ...options, userId, chatId, hooks },
      {
        history: (runId) => this.#begin(runId),
        onAdded: (message) => this.#messages?.push(message),
        onEnd: (runId) => {
          if (this.#current === runId) this.#current = undefined;
        },
      },
    );
  }

  async #begin(runId: string): Promise<readonly Message[]> {
    if (this.#current !== undefined) {
      throw new ConfigError("chat", "another run of this chat has not ended; use run.send(), or wait for it");
    }
    this.#current = runId;
    if (!this.#messages) {
      const { userId, chatId } = this;
      const loaded = (await this.#store?.load({ userId, chatId })) ?? [];
      checkMessages(loaded, "store.load()");
      // A run that was stopped while it loaded may have been overtaken by the next one.
      this.#messages ??= [...loaded];
    }
    return this.#messages;
  }

  /** Answers, all at once. */
  async sendMessage(input: Input, options: ChatRespondOptions = {}): Promise<Final> {
    return readToEnd(this.respond(input, options));
  }

  /** Forgets what was said since the chat was made. A store is not touched. */
  reset(): void {
    this.#messages = [...this.#initial];
  }
}

const checkStore: Check = (store, at) => {
  for (const method of ["load", "append"]) callable(Object(store)[method], `${at}.${method}`);
};
const checkChatOptions: Check = fields({ userId: text, chatId: text, history: list, store: checkStore });

function storeHooks(store: ChatStore): Hooks {
  return { onMessageAdded: ({ message, run }) => store.append({ userId: run.userId, chatId: run.chatId }, message) };
}
