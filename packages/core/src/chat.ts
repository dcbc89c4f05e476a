import type { Conversation } from "./agent.ts";
import type { RespondOptions } from "./agent-options.ts";
import { ConfigError } from "./errors.ts";
import type { Final } from "./events.ts";
import { checkMessages } from "./history.ts";
import type { Hooks } from "./hooks.ts";
import type { Input, Message } from "./messages.ts";
import type { Run } from "./run.ts";

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
  #current: Run | undefined;

  /** Made by `agent.chat()`. */
  constructor(agentName: string, { userId, chatId, history, store }: ChatOptions, start: Start) {
    if (typeof userId !== "string" || !userId)
      throw new ConfigError("userId", `is required for a chat with ${agentName}`);
    if (typeof chatId !== "string" || !chatId)
      throw new ConfigError("chatId", `is required for a chat with ${agentName}`);
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
    const run: Run = this.#start(
      input,
      { ...options, userId, chatId, hooks },
      {
        history: async () => {
          if (this.#current && this.#current !== run && !this.#current.final) {
            throw new ConfigError("chat", "another run of this chat has not ended; use run.send(), or wait for it");
          }
          this.#current = run;
          this.#messages ??= [...((await this.#store?.load({ userId, chatId })) ?? [])];
          return this.#messages;
        },
        onAdded: (message) => this.#messages?.push(message),
      },
    );
    return run;
  }

  /** Answers, all at once. */
  async sendMessage(input: Input, options: ChatRespondOptions = {}): Promise<Final> {
    const run = this.respond(input, options);
    for (;;) {
      const { done, value } = await run.next();
      if (done) return value;
    }
  }

  /** Forgets what was said since the chat was made. A store is not touched. */
  reset(): void {
    this.#messages = [...this.#initial];
  }
}

function storeHooks(store: ChatStore): Hooks {
  return { onMessageAdded: ({ message, run }) => store.append({ userId: run.userId, chatId: run.chatId }, message) };
}
