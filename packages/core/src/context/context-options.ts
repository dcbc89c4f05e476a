import type { TurnContext } from "../agent-options.ts";
import type { ModelName } from "../events.ts";
import type { Message } from "../messages.ts";
import type { Model } from "../model.ts";

/** Counts tokens. What it says of a text is kept, per message. */
export interface TokenCounter {
  /** How many tokens a text has for a model. */
  count(text: string, model: ModelName): number;
  /** Loads what counting for a model needs. Awaited before the first count for it. */
  load?(model: ModelName): unknown;
}

/** What a {@link ContextStrategy} is told. */
export interface StrategyContext extends TurnContext {
  readonly model: ModelName;
  /** How many tokens the messages may take: what instructions and tools leave of `maxTokens`. */
  readonly limit: number;
  /** How many they take. */
  readonly tokens: number;
  /** How many tokens a message takes, by the agent's own count. */
  readonly count: (message: Message) => number;
}

/**
 * Says what of a conversation is sent when it does not fit: a shorter list, of the given messages or of others. The
 * newest user message, and calls that the model has not seen the results of, must be in it. Calls without results and
 * results without calls are put right, and what is still too long is cut as with `oldest`.
 */
export type ContextStrategy = (
  messages: readonly Message[],
  context: StrategyContext,
) => readonly Message[] | Promise<readonly Message[]>;

/** How what is sent is held within a limit. The stored history is never changed. */
export interface ContextOptions {
  /** How many tokens a request may have: messages, instructions and tools. Leave room for the answer. */
  readonly maxTokens: number;
  /**
   * `simple`: a token for every four characters. `accurate`: OpenAI's own count, for which `js-tiktoken` must be
   * installed; other models are close to it. Or a counter of your own. Default: `simple`.
   *
   * An image counts 1,000 tokens, with `detail: "low"` 100; a text file as its text; another file a token for every 50
   * bytes, and at least 1,000.
   */
  readonly count?: "simple" | "accurate" | TokenCounter;
  /**
   * Longer messages are sent cut, with a line that says so. The system prompt never is. Default: none; only where the
   * whole does not fit, results of tools that take more than half of `maxTokens` are cut to that.
   */
  readonly maxMessageTokens?: number;
  /** At most so many messages are sent; leading system messages do not count. Default: none. */
  readonly maxMessages?: number;
  /**
   * What happens to the oldest turns when not all fit: they are left out, or a model's summary stands for them, or a
   * function decides. Default: `oldest`.
   */
  readonly drop?: "oldest" | "summary" | ContextStrategy;
  /** False: of earlier turns only what user and model said is sent, without calls and results. Default: true. */
  readonly keepToolCalls?: boolean;
  /** Told to the model when anything was cut to fit; empty for nothing. Default: an English text. */
  readonly overflowPrompt?: string;
  /** Told to the model when messages were left out; empty for nothing. Default: an English text. */
  readonly droppedPrompt?: string;
  /** Writes the summaries. Default: the agent's own model. */
  readonly summaryModel?: Model;
}
