import type { MessageInput } from "./message-input.ts";
import { checkAgent, type MiniAgent, type MiniAgentOptions, miniagent } from "./miniagent.ts";

/** What {@link promptAgent} sends beside what it gets. */
export interface PromptAgentOptions extends MiniAgentOptions {
  /** Sent before, each time anew. */
  prefix?: MessageInput | null;
  /** Sent after, each time anew. */
  suffix?: MessageInput | null;
}

/** An agent that asks another one, with something before or after what it gets itself. */
export function promptAgent(
  target: MiniAgent,
  { prefix, suffix, alias = "PROMPT_AGENT", ...options }: PromptAgentOptions,
): MiniAgent {
  checkAgent(target, "target");
  return miniagent(
    (ctx) => {
      ctx.reply(target.trigger([prefix ?? [], ctx.messages, suffix ?? []], {}, { within: ctx }));
    },
    { alias, ...options },
  );
}
