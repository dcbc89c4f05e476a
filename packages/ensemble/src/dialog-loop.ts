import { AWAIT } from "./agent-chain.ts";
import { agentLoop } from "./agent-loop.ts";
import { checkAgent, type MiniAgent, type MiniAgentOptions, miniagent } from "./miniagent.ts";
import { promptAgent } from "./prompt-agent.ts";

/** Options of {@link dialogLoop}. */
export interface DialogLoopOptions extends MiniAgentOptions {
  /** Shows what it gets, and replies what the user says: with all that was said before, if the assistant is to know. */
  user: MiniAgent;
  /** Answers. */
  assistant: MiniAgent;
  /** Whether the assistant gets what this agent was sent after the dialog, or before it. Default: true, after. */
  promptAtTheEnd?: boolean;
}

/**
 * A dialog between a user and an assistant, until the user ends it. What it is sent is the prompt: the assistant gets it
 * each time, and it never gets into the dialog or its history. It replies nothing.
 *
 * @throws a `ConfigError` for what is no agent
 */
export function dialogLoop({
  user,
  assistant,
  promptAtTheEnd = true,
  alias = "DIALOG_LOOP",
  ...options
}: DialogLoopOptions): MiniAgent {
  checkAgent(user, "user");
  checkAgent(assistant, "assistant");
  return miniagent(
    (ctx) => {
      const prompted = promptAgent(assistant, promptAtTheEnd ? { suffix: ctx.messages } : { prefix: ctx.messages });
      const loop = agentLoop([user, AWAIT, prompted], { endsQuietly: true });
      ctx.reply(loop.trigger(null, {}, { within: ctx }));
    },
    { alias, ...options },
  );
}
