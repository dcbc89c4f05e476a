import type { Message } from "./message.ts";
import { type MiniAgent, type MiniAgentOptions, miniagent } from "./miniagent.ts";

/** What an agent that keeps a history is asked. */
export interface HistoryArgs {
  /** Whether it replies all that was ever said, instead of only what it gets. Default: false. */
  returnFullHistory?: boolean;
}

/** Options of {@link inMemoryHistory}. */
export interface InMemoryHistoryOptions extends MiniAgentOptions {
  /** Where the messages are kept. Default: a new list. */
  messages?: Message[];
}

/** An agent that keeps all it gets in a list, and passes it on. */
export function inMemoryHistory({
  messages = [],
  alias = "IN_MEMORY_HISTORY",
  ...options
}: InMemoryHistoryOptions = {}): MiniAgent<HistoryArgs> {
  return miniagent<HistoryArgs>(
    async (ctx, { returnFullHistory = false }) => {
      if (!returnFullHistory) ctx.reply(ctx.messages);
      // One by one: where the user leaves, the answers before that are kept.
      for await (const message of ctx.messages) messages.push(await message);
      // Only now: what was said before may have come in the meantime.
      if (returnFullHistory) ctx.reply([...messages]);
    },
    { alias, ...options },
  );
}
