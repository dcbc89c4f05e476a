import { type Agent, type AgentEvent, type OutputOf, type Schema, type Tool, type ToolContext, tool } from "millrace";
import { SubAgentProgress } from "millrace/runs";
import { Ensemble } from "./ensemble.ts";
import type { AgentIdentity } from "./interaction-context.ts";
import { Message } from "./message.ts";
import type { MessageInput } from "./message-input.ts";
import type { MessageSequencePromise } from "./message-sequence.ts";
import type { CallOptions, MiniAgent } from "./miniagent.ts";
import { currentScope, type ToolCall, type Within } from "./scope.ts";

const oneText = {
  type: "object",
  properties: { input: { type: "string", description: "What the agent is asked, with all that it needs to know." } },
  required: ["input"],
  additionalProperties: false,
} as const;

/** An agent that takes what a model gives. */
export interface ToolAgent<Args> extends AgentIdentity {
  trigger(messages: MessageInput, args: Args, options: CallOptions): MessageSequencePromise;
}

/** Options of {@link asTool}. */
export interface AsToolOptions {
  /** Default: the agent's alias in lower case. */
  name?: string;
  /** Default: the agent's description. */
  description?: string;
  /** The ensemble that the agent works in. Default: the one that the run is in; one of its own for each call, if none. */
  within?: Within;
}

/**
 * An agent of an ensemble as a tool of an `Agent`. The text of its replies is the result, its tokens arrive as
 * `ToolProgress`, the events of the runs within it as those of sub-agents: what they spend counts in the run and draws on
 * its budget. It works for the user and the chat of the run, and is cancelled with it.
 *
 * @param agent gets what the model gives: without an `input` schema one text; with one a message of these fields, which
 *   are its arguments too
 * @throws a `ConfigError` for options that cannot work
 * @example
 * ```ts
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 * import { asTool, miniagent } from "@millrace/ensemble";
 *
 * const archive = miniagent(
 *   async function archive(ctx) {
 *     for await (const question of ctx.messages) ctx.reply(`Nothing is known of ${await question}.`);
 *   },
 *   { description: "Answers from the archive" },
 * );
 * const agent = new Agent({ name: "historian", model: echoModel(), tools: [asTool(archive)] });
 * ```
 */
export function asTool(agent: MiniAgent, options?: AsToolOptions): Tool<{ readonly input: string }, string>;
export function asTool<S extends Schema>(
  agent: ToolAgent<OutputOf<S>>,
  options: AsToolOptions & { input: S },
): Tool<OutputOf<S>, string>;
export function asTool(
  agent: ToolAgent<unknown>,
  { name, description, input, within }: AsToolOptions & { input?: Schema } = {},
): Tool {
  return tool({
    name:
      name ??
      agent.alias
        .toLowerCase()
        .replaceAll(/[^a-z0-9_-]/g, "_")
        .slice(0, 64),
    description: description ?? agent.description ?? `Asks the agent "${agent.alias}".`,
    input: input ?? oneText,
    execute(given, context) {
      const args: object = Object(given);
      return input
        ? ask(agent, new Message({ ...args }), args, context, within)
        : ask(agent, "input" in args ? String(args.input) : "", {}, context, within);
    },
  });
}

async function* ask(
  agent: ToolAgent<unknown>,
  message: string | Message,
  args: object,
  { userId, chatId, runId, callId, signal }: ToolContext,
  within: Within | undefined,
): AsyncGenerator<string | SubAgentProgress, string, unknown> {
  const outer = currentScope(within);
  const own = outer.ensemble ? undefined : new Ensemble();
  const runs = new RunsWithin();
  const call: ToolCall = { runId, callId, signal, tell: (by, event) => runs.add(by, event) };
  const scope = { ...(own?.scope ?? outer), owner: { userId, chatId, call } };
  const texts: string[] = [];
  try {
    for await (const reply of agent.trigger(message, args, { within: { scope }, signal })) {
      for await (const token of reply) {
        yield* runs.take();
        if (String(token) !== "") yield String(token);
      }
      texts.push(String(await reply));
    }
  } finally {
    await own?.idle();
    // The last event of each says what it has spent, also where the agent failed or was stopped.
    if (signal.aborted) await runs.ended();
    yield* runs.take();
  }
  return texts.join("\n\n");
}

/** What the runs within a call of a tool have told. */
class RunsWithin {
  #told: SubAgentProgress[] = [];
  #open = 0;
  #whenEnded: (() => void)[] = [];

  add(agent: Agent, event: AgentEvent): void {
    this.#told.push(new SubAgentProgress(agent, event));
    if (event.type === "run-start") this.#open++;
    if (event.type === "final" && --this.#open === 0) for (const resolve of this.#whenEnded.splice(0)) resolve();
  }

  /** What they have told since this was called last. */
  take(): SubAgentProgress[] {
    return this.#told.splice(0);
  }

  /** Resolves when those that have begun have ended. */
  async ended(): Promise<void> {
    if (this.#open > 0) await new Promise<void>((resolve) => this.#whenEnded.push(resolve));
  }
}
