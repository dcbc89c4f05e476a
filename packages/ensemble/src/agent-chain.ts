import { ConfigError } from "millrace";
import { list } from "millrace/runs";
import type { InteractionContext } from "./interaction-context.ts";
import type { MessageSequencePromise } from "./message-sequence.ts";
import { MiniAgent, type MiniAgentOptions, miniagent } from "./miniagent.ts";

/** In a chain: what was passed on so far is waited for before the next agent is called. */
export const AWAIT = "AWAIT";

/** In a chain: the next agent gets no messages. */
export const CLEAR = "CLEAR";

/** One step of a chain. Where there is none, messages pass. */
export type ChainStep = MiniAgent | typeof AWAIT | typeof CLEAR | null | undefined;

/**
 * An agent that sends what it gets through others: each gets what the one before it replies, and all of them work at once,
 * message by message and token by token.
 *
 * @throws {@link ConfigError} for what is no step
 * @example
 * ```ts
 * import { agentChain, miniagent } from "@millrace/ensemble";
 *
 * const shout = miniagent(async function shout(ctx) {
 *   for await (const message of ctx.messages) ctx.reply(`${await message}!`);
 * });
 * const shoutTwice = agentChain([shout, shout]);
 * ```
 */
export function agentChain(
  steps: readonly ChainStep[],
  { alias = "AGENT_CHAIN", ...options }: MiniAgentOptions = {},
): MiniAgent {
  const checked = checkSteps(steps);
  return miniagent(
    async (ctx) => {
      const { messages } = await passOn(ctx.messages, checked, ctx);
      ctx.reply(messages);
    },
    { alias, ...options },
  );
}

/** A copy of steps that are some. @internal */
export function checkSteps(steps: readonly ChainStep[]): readonly ChainStep[] {
  list(steps, "steps");
  for (const [at, step] of steps.entries()) {
    if (step === AWAIT || step === CLEAR || step === null || step === undefined || step instanceof MiniAgent) continue;
    throw new ConfigError(`steps[${at}]`, `expected an agent, AWAIT, CLEAR or nothing, got a ${typeof step}`);
  }
  return [...steps];
}

/** Messages that are passed on. An object of their own: what is awaited would be awaited with all its messages. */
interface Passed {
  messages: MessageSequencePromise | undefined;
}

/** Sends messages through all steps. @internal */
export async function passOn(
  messages: MessageSequencePromise | undefined,
  steps: readonly ChainStep[],
  within: InteractionContext,
): Promise<Passed> {
  const passed: Passed = { messages };
  for (const step of steps) {
    if (step === AWAIT) await passed.messages;
    else if (step === CLEAR) passed.messages = undefined;
    else if (step) passed.messages = step.trigger(passed.messages, {}, { within });
  }
  return passed;
}
