import { type AgentOptions, checkAgentOptions, checkRespondOptions, type RespondOptions } from "./agent-options.ts";
import { Chat, type ChatOptions } from "./chat.ts";
import { ConfigError } from "./errors.ts";
import { readToEnd } from "./event-run.ts";
import type { Final } from "./events.ts";
import { checkMessages, toMessages } from "./history.ts";
import { newId } from "./ids.ts";
import { debugHooks } from "./log-hooks.ts";
import type { Input } from "./messages.ts";
import { Run } from "./run.ts";
import { type Conversation, type RunOptions, RunState } from "./run-state.ts";
import { adaptSchema } from "./schema-adapter.ts";
import { subAgentTool } from "./sub-agent.ts";
import { offerTools, type Tool } from "./tool.ts";

/**
 * An agent: a model, its instructions and its tools. Immutable and without state: one serves every user of a process.
 *
 * @example
 * ```ts
 * import { Agent } from "millrace";
 * import { openai } from "@millrace/openai";
 *
 * const agent = new Agent({ name: "helper", model: openai("gpt-5.4-mini"), instructions: "Be brief." });
 * for await (const event of agent.respond("Hello!", { userId: "u1", chatId: "c1" })) {
 *   if (event.type === "text-delta") process.stdout.write(event.text);
 * }
 * ```
 */
export class Agent {
  readonly name: string;
  readonly description: string | undefined;
  readonly #options: AgentOptions;
  readonly #run: RunOptions;

  /** @throws {@link ConfigError} naming the option that cannot work */
  constructor(options: AgentOptions) {
    checkAgentOptions(options, "");
    this.name = options.name;
    this.description = options.description;
    this.#options = { ...options };
    this.#run = resolve(options);
  }

  /**
   * Answers: the stream of events of one run. Nothing happens before it is read.
   *
   * @param input text, content parts, or messages; an empty list goes on from the history
   * @throws {@link ConfigError} at once, naming the option, the input or the message that cannot work
   */
  respond(input: Input, options: RespondOptions): Run {
    checkRespondOptions(options, "");
    const { history = [] } = options;
    checkMessages(history, "history");
    return this.#start(input, options, { history });
  }

  /**
   * Answers, all at once: reads {@link respond} to its end and gives the `Final`.
   *
   * @throws what the run failed with; {@link finalOf} gives that run's `Final`
   */
  async sendMessage(input: Input, options: RespondOptions): Promise<Final> {
    return readToEnd(this.respond(input, options));
  }

  /** A conversation that remembers. */
  chat(options: ChatOptions): Chat {
    return new Chat(this.name, options, (input, respond, conversation) => {
      checkRespondOptions(respond, "");
      return this.#start(input, respond, conversation);
    });
  }

  /**
   * This agent as a tool of another one: its events arrive there as `SubAgent` events, its usage counts in the other's
   * run, and its last text (with an `output` schema its object) is the tool's result.
   */
  asTool(options: { name?: string; description?: string } = {}): Tool<unknown, unknown> {
    const graceMs =
      Math.max(this.#run.stop?.graceMs ?? 250, ...this.#run.tools.map(({ tool }) => tool.graceMs ?? 0)) + 250;
    return { ...subAgentTool(this, options), graceMs };
  }

  /** The same agent with other options. */
  with(overrides: Partial<AgentOptions>): Agent {
    return new Agent({ ...this.#options, ...overrides });
  }

  #start(input: Input, options: RespondOptions, conversation: Conversation): Run {
    const { userId, chatId, parent, hooks } = options;
    const { history } = conversation;
    const messages = toMessages(input);
    if (messages.length === 0 && Array.isArray(history) && history.length === 0) {
      throw new ConfigError("input", "expected a prompt or a history to go on from, got neither");
    }
    const info = Object.freeze({ id: newId("run"), agentName: this.name, userId, chatId, ...(parent && { parent }) });
    const all = override(this.#run, options);
    const observers = [debugHooks(all.debug), this.#options.hooks ?? [], hooks ?? []].flat();
    return new Run(new RunState(info, all, conversation, observers), messages);
  }
}

function resolve(options: AgentOptions): RunOptions {
  const { name: _, description: __, hooks: ___, tools = [], output, ...rest } = options;
  return {
    ...rest,
    tools: offerTools(tools),
    output: output === undefined ? undefined : adaptSchema(output, "output"),
    deps: undefined,
    signal: undefined,
  };
}

/** An option that is there but undefined is one that was not given. */
function withoutUndefined(options: RespondOptions): RespondOptions {
  const given = { ...options };
  for (const [key, value] of Object.entries(given)) if (value === undefined) Reflect.deleteProperty(given, key);
  return given;
}

/** The agent's options with those of one call over them; objects of options are merged. */
function override(agent: RunOptions, call: RespondOptions): RunOptions {
  const {
    userId: _,
    chatId: __,
    history: ___,
    parent: ____,
    hooks: _____,
    tools,
    output,
    deps,
    signal,
    ...rest
  } = withoutUndefined(call);
  const { settings, toolExecution, timeouts, stop, context } = rest;
  return {
    ...agent,
    ...rest,
    ...(tools && { tools: offerTools(tools) }),
    ...(output !== undefined && { output: adaptSchema(output, "output") }),
    ...(settings && { settings: { ...agent.settings, ...settings } }),
    ...(toolExecution && { toolExecution: { ...agent.toolExecution, ...toolExecution } }),
    ...(timeouts && { timeouts: { ...agent.timeouts, ...timeouts } }),
    ...(stop && { stop: { ...agent.stop, ...stop } }),
    ...(context && { context: { ...agent.context, ...context } }),
    deps,
    signal,
  };
}
