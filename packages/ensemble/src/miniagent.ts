import { ConfigError } from "millrace";
import { wrong } from "millrace/runs";
import { AgentCall } from "./agent-call.ts";
import { type Fields, Freezable, freezeValue } from "./frozen.ts";
import { type AgentIdentity, InteractionContext } from "./interaction-context.ts";
import { AgentCallNode, AgentReplyNode } from "./interaction-nodes.ts";
import { freezeInput, type MessageInput } from "./message-input.ts";
import { MessagePromise } from "./message-promise.ts";
import { MessageSequencePromise } from "./message-sequence.ts";
import { AbortDomain, currentScope, type EnsembleCore, ensembleOf, type Scope, type Within } from "./scope.ts";
import { SequenceWriter } from "./sequence-writer.ts";

/** What an agent does in a call. It may be asynchronous. */
export type AgentFunction<Args extends object> = (ctx: InteractionContext, args: Args) => unknown;

/** An agent as a class: one instance for each call. */
export interface AgentClass<Args extends object> {
  new (ctx: InteractionContext, args: Args): { run(): unknown };
}

/** Options of {@link miniagent}. */
export interface MiniAgentOptions {
  /** Its name. Default: that of the function, `myAgent` as `MY_AGENT`. */
  alias?: string;
  /** What it does, for people and for models. `{AGENT_ALIAS}` stands for its alias. Runs of white space become one blank. */
  description?: string;
  /** Stands in the record of each of its calls. */
  interactionMetadata?: Fields;
  /** Whether its replies end only once they are stored. Default: the ensemble's. */
  awaitReplyPersistence?: boolean;
}

/** Options of {@link MiniAgent.fork}. */
export interface ForkOptions<Args> extends MiniAgentOptions {
  /** Arguments that are no plain data, such as clients and functions: not copied, not frozen, and in no record. */
  shared?: Partial<Args>;
}

/** Options of one call. */
export interface CallOptions {
  /** Whether the agent starts by itself, or when its replies are first read. Default: the ensemble's, which is true. */
  startSoon?: boolean;
  /** Whether its errors come as `ErrorMessage`s. Default: the ensemble's, which is false. */
  errorsAsMessages?: boolean;
  /** Cancels the call and all that it starts. */
  signal?: AbortSignal;
  /** The ensemble, or the context of the agent that calls. Needed only where the runtime has no `AsyncLocalStorage`. */
  within?: Within;
}

/** The arguments of a call: none are needed where all have been given, or none are required. */
export type CallArgs<Args> =
  Record<never, never> extends Args ? [args?: Args, options?: CallOptions] : [args: Args, options?: CallOptions];

/** What an agent is made of. */
interface Definition<Args extends object> {
  readonly act: (ctx: InteractionContext, args: Args) => unknown;
  readonly alias: string;
  readonly description: string | undefined;
  readonly interactionMetadata: Fields;
  readonly awaitReplyPersistence: boolean | undefined;
  /** The arguments that were given in advance. */
  readonly presets: Fields;
  /** Which of them are no plain data, and so in no record. */
  readonly shared: ReadonlySet<string>;
}

/**
 * An agent that talks in messages. Immutable: `fork()` makes another one. Made by {@link miniagent}.
 *
 * @typeParam Args what it takes beside messages
 */
export class MiniAgent<Args extends object = Record<never, never>> extends Freezable implements AgentIdentity {
  readonly #definition: Definition<Args>;

  /** @internal */
  constructor(definition: Definition<Args>) {
    super();
    this.#definition = definition;
  }

  get alias(): string {
    return this.#definition.alias;
  }

  get description(): string | undefined {
    return this.#definition.description;
  }

  /** Stands in the record of each of its calls. */
  get interactionMetadata(): Fields {
    return this.#definition.interactionMetadata;
  }

  /**
   * Calls the agent. Returns at once, before the agent has begun; what it replies comes in the promise.
   *
   * @throws a `ValidationError` at once for arguments that are no plain data, and a `NoEnsembleError`
   */
  trigger(messages?: MessageInput | null, ...[args, options]: CallArgs<Args>): MessageSequencePromise {
    // Before the call: what cannot be sent is to leave no agent behind that waits for it.
    const sent = freezeInput(messages);
    const { input, replies } = this.#call(args, options);
    // Closed already: cancelled before it has begun, which the replies tell.
    if (!input.isClosed) input.add(sent);
    input.close();
    return replies;
  }

  /** Another word for {@link trigger}. */
  inquire(messages?: MessageInput | null, ...rest: CallArgs<Args>): MessageSequencePromise {
    return this.trigger(messages, ...rest);
  }

  /**
   * Calls the agent, to send to it by and by.
   *
   * @throws a `ValidationError` at once for arguments that are no plain data, and a `NoEnsembleError`
   */
  initiateCall(...[args, options]: CallArgs<Args>): AgentCall {
    const { input, replies } = this.#call(args, options);
    return new AgentCall(input, replies, currentScope(options?.within).calls);
  }

  /**
   * The same agent with arguments given in advance. They are copied and frozen; a call may still give others.
   *
   * @throws a `ValidationError` for arguments that are no plain data: give these as `shared`
   */
  fork<Given extends Partial<Args>>(
    args: Given,
    options: ForkOptions<Args> = {},
  ): MiniAgent<Omit<Args, keyof Given> & Partial<Args>> {
    const { act, presets, shared, ...before } = this.#definition;
    const { alias = this.alias, description = this.description } = options;
    const frozen = frozenArgs(args, alias);
    const kept = [...shared].filter((name) => !(name in frozen));
    return new MiniAgent({
      act: (ctx: InteractionContext, all: object) => act(ctx, merged(all)),
      alias,
      description: describe(description, alias),
      interactionMetadata: { ...before.interactionMetadata, ...frozenArgs(options.interactionMetadata ?? {}, alias) },
      awaitReplyPersistence: options.awaitReplyPersistence ?? before.awaitReplyPersistence,
      presets: { ...presets, ...frozen, ...options.shared },
      shared: new Set([...kept, ...Object.keys(options.shared ?? {})]),
    });
  }

  override toPlain(): Record<string, unknown> {
    return { class_: "MiniAgent", alias: this.alias, description: this.description ?? null };
  }

  override toString(): string {
    return this.alias;
  }

  #call(args: Args | undefined, options: CallOptions = {}): { input: SequenceWriter; replies: MessageSequencePromise } {
    const { within, startSoon, signal } = options;
    const scope = cutBy(currentScope(within), signal);
    const ensemble = ensembleOf(scope);
    const { act, presets, shared, interactionMetadata, awaitReplyPersistence } = this.#definition;
    const given = { ...presets, ...frozenArgs(args ?? {}, this.alias) };
    const input = new SequenceWriter({ scope });
    const messages = new MessageSequencePromise(input, { within: { scope }, startSoon });
    const telling = (options.errorsAsMessages ?? ensemble.errorsAsMessages) && {
      withStacks: ensemble.errorStacksInMessages,
    };
    const awaitsPersistence = awaitReplyPersistence ?? ensemble.awaitReplyPersistence;
    const ctx: InteractionContext = new InteractionContext({
      agent: this,
      outer: scope,
      messages,
      replies: (feeder, inside) =>
        new SequenceWriter({
          scope: inside,
          feeder,
          telling: telling || undefined,
          onStart: () => ctx.start(() => act(ctx, merged(given)), { logsErrors: !telling }),
          beforeEnd: awaitsPersistence ? (replies) => persist(replies, ensemble) : undefined,
        }),
    });
    const replies = new MessageSequencePromise(ctx.replies, { within: ctx, startSoon });
    // Not in a closure of this function: it would share its variables with the agent, which would so keep its replies.
    if (ensemble.isObserved)
      recordSoon(recordOf(given, shared, interactionMetadata, this.alias), messages, replies, ctx);
    return { input, replies };
  }
}

/**
 * Makes an agent of a function, or of a class with a method `run()`, of which each call gets an instance.
 *
 * @throws {@link ConfigError} for what is neither, and for one without a name and an `alias`
 * @example
 * ```ts
 * import { miniagent } from "@millrace/ensemble";
 *
 * const greeter = miniagent(
 *   async function greeter(ctx, { greeting }: { greeting: string }) {
 *     for await (const message of ctx.messages) ctx.reply(`${greeting}, ${await message}!`);
 *   },
 *   { description: "{AGENT_ALIAS} greets." },
 * );
 * const politeGreeter = greeter.fork({ greeting: "Good morning" });
 * ```
 */
export function miniagent<Args extends object = Record<never, never>>(
  act: AgentFunction<Args> | AgentClass<Args>,
  options: MiniAgentOptions = {},
): MiniAgent<Args> {
  if (typeof act !== "function") throw new ConfigError("act", `expected a function or a class, got a ${typeof act}`);
  const alias = options.alias ?? aliasOf(act.name);
  if (typeof alias !== "string") throw new ConfigError("alias", `expected a name, got a ${typeof alias}`);
  if (alias.trim() === "") throw new ConfigError("alias", "expected a name: the function has none");
  return new MiniAgent<Args>({
    act: isAgentClass(act) ? (ctx, args) => new act(ctx, args).run() : act,
    alias,
    description: describe(options.description, alias),
    interactionMetadata: frozenArgs(options.interactionMetadata ?? {}, alias),
    awaitReplyPersistence: options.awaitReplyPersistence,
    presets: {},
    shared: new Set(),
  });
}

/** Throws a {@link ConfigError} for what is no agent. @internal */
export function checkAgent(value: unknown, at: string): void {
  if (!(value instanceof MiniAgent)) throw wrong(at, "an agent made by miniagent()", value);
}

function isAgentClass<Args extends object>(act: AgentFunction<Args> | AgentClass<Args>): act is AgentClass<Args> {
  const prototype: unknown = act.prototype;
  return typeof prototype === "object" && prototype !== null && "run" in prototype;
}

/** `myAgent` as `MY_AGENT`, `OpenAIAgent` as `OPENAI_AGENT`. */
function aliasOf(name: string): string {
  return name.replace(/([A-Za-z0-9])([A-Z][a-z])/g, "$1_$2").toUpperCase();
}

function describe(description: string | undefined, alias: string): string | undefined {
  return description?.replace(/\s+/g, " ").trim().replaceAll("{AGENT_ALIAS}", alias);
}

/** Arguments as a call has them: copied and frozen. One that is undefined was not given. */
function frozenArgs(args: object, alias: string): Fields {
  const given = Object.entries(args).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, freezeValue(value, name, alias)]));
}

/** The arguments of a call, whose types the compiler has checked where they were given. */
function merged<Args extends object>(...given: object[]): Args {
  const all: Args = Object.assign({}, ...given);
  return all;
}

function cutBy(scope: Scope, signal: AbortSignal | undefined): Scope {
  if (!signal) return scope;
  const signals = scope.domain ? [scope.domain.signal, signal] : [signal];
  return { ...scope, domain: new AbortDomain(AbortSignal.any(signals)) };
}

async function persist(replies: readonly MessagePromise[], ensemble: EnsembleCore): Promise<void> {
  const outcomes = await Promise.allSettled(replies);
  await ensemble.persistMessages(
    outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : [])),
  );
}

function recordOf(given: Fields, shared: ReadonlySet<string>, metadata: Fields, agent: string): Fields {
  const recorded = Object.entries(given).filter(([name]) => !shared.has(name));
  return { ...Object.fromEntries(recorded), ...metadata, agent };
}

/** Makes the record of a call: messages like others, that nobody gets but the handlers of the ensemble. */
function recordSoon(
  facts: Fields,
  messages: MessageSequencePromise,
  replies: MessageSequencePromise,
  within: Within,
): void {
  within.scope.ensemble?.background(async () => {
    const [sent, replied] = await Promise.allSettled([messages, replies]);
    if (sent.status === "rejected") return;
    const call = new AgentCallNode({ ...facts, messages: sent.value });
    new MessagePromise({ message: call, within });
    if (replied.status === "rejected") return;
    const reply = new AgentReplyNode({ agent: facts.agent, agent_call: call, replies: replied.value });
    new MessagePromise({ message: reply, within });
  });
}
