import { ConfigError } from "millrace";
import { AWAIT, type ChainStep, checkSteps, passOn } from "./agent-chain.ts";
import { DialogEnd } from "./errors.ts";
import { MiniAgent, type MiniAgentOptions, miniagent } from "./miniagent.ts";

/** Options of {@link agentLoop}. */
export interface AgentLoopOptions extends MiniAgentOptions {
  /** Whether a {@link DialogEnd} is the end and nothing more. Default: false, it is thrown to who waits for the loop. */
  endsQuietly?: boolean;
}

/**
 * A chain without an end: what comes out of it goes into it again, until an agent fails or throws a {@link DialogEnd}. It
 * replies nothing.
 *
 * @throws {@link ConfigError} for what is no step, and for a loop without an agent or without `AWAIT`: it would call its
 *   agents faster than they answer
 * @example
 * ```ts
 * import { AWAIT, agentLoop, DialogEnd, miniagent } from "@millrace/ensemble";
 *
 * const questions = ["Who?", "Why?"];
 * const user = miniagent(function user(ctx) {
 *   const question = questions.shift();
 *   if (question === undefined) throw new DialogEnd();
 *   ctx.reply(question);
 * });
 * const assistant = miniagent(async function assistant(ctx) {
 *   ctx.reply(`You asked: ${await ctx.messages.asSingleTextPromise()}`);
 * });
 * const dialog = agentLoop([user, AWAIT, assistant], { endsQuietly: true });
 * ```
 */
export function agentLoop(
  steps: readonly ChainStep[],
  { endsQuietly = false, alias = "AGENT_LOOP", ...options }: AgentLoopOptions = {},
): MiniAgent {
  const checked = checkSteps(steps);
  if (!checked.some((step) => step instanceof MiniAgent)) {
    throw new ConfigError("steps", "expected at least one agent in a loop");
  }
  if (!checked.includes(AWAIT)) {
    throw new ConfigError("steps", "expected AWAIT in a loop: without it agents are called without an end");
  }
  return miniagent(
    async (ctx) => {
      let { messages } = await passOn(ctx.messages, [], ctx);
      try {
        for (;;) ({ messages } = await passOn(messages, checked, ctx));
      } catch (error) {
        if (!(endsQuietly && error instanceof DialogEnd)) throw error;
      }
    },
    { alias, ...options },
  );
}
