import type { AgentOptions, RespondOptions, TurnContext } from "./agent-options.ts";
import type { ContextFitter } from "./context/context-fitter.ts";
import { ConfigError, errorJson } from "./errors.ts";
import type { AgentEvent, Final, MessageAdded, ModelName, RunInfo, StopReason } from "./events.ts";
import { deepFreeze } from "./freeze.ts";
import { repairHistory, simplify } from "./history.ts";
import type { HookRunner, Hooks } from "./hooks.ts";
import { logHookError } from "./log-hooks.ts";
import { type Message, textOf } from "./messages.ts";
import type { RunBudget } from "./run-budget.ts";
import { RunControl } from "./run-control.ts";
import type { RunWrapper } from "./run-wrapper.ts";
import { type Bound, bindContext } from "./runtime.ts";
import type { SchemaAdapter } from "./schema-adapter.ts";
import type { OfferedTool } from "./tool.ts";
import { addUsage, noUsage, type Usage } from "./usage.ts";

/** An event before it has its place in the run. */
export type Unstamped<Event = AgentEvent> = Event extends AgentEvent ? Omit<Event, "seq" | "at" | "run"> : never;

/** What an agent's options and a call's overrides come to. */
export interface RunOptions extends Omit<AgentOptions, "name" | "description" | "tools" | "output" | "hooks"> {
  readonly tools: readonly OfferedTool[];
  readonly output: SchemaAdapter | undefined;
  readonly deps: unknown;
  readonly signal: RespondOptions["signal"];
}

/** How a conversation reaches a run. It must not hold on to the run: one that is dropped could never be ended. */
export interface Conversation {
  history: readonly Message[] | ((runId: string) => Promise<readonly Message[]>);
  onAdded?: (message: Message) => void;
  onEnd?: (runId: string) => void;
}

/** The run that a tool call belongs to, by the call's signal: a sub-agent's run finds the one above it. */
export const runOf: WeakMap<AbortSignal, RunState> = new WeakMap();

/**
 * Says that what `signal` cuts belongs to the run whose tool call `call` cuts: agents that are asked with it are that
 * run's sub-agents. They draw on its budget, and its `wrap` goes around them.
 */
export function joinRun(signal: AbortSignal, call: AbortSignal): void {
  const run = runOf.get(call);
  if (run) runOf.set(signal, run);
}

/** How a run ended. */
export interface Ending {
  stopReason: StopReason;
  error?: Error;
  object?: unknown;
}

/** One run: whose it is, what it has said and spent, and what can stop it. */
export class RunState {
  readonly info: RunInfo;
  readonly options: RunOptions;
  readonly control: RunControl = new RunControl();
  /** Calls the model, tools and questions in the async context of the caller of `respond()`, or one within it. */
  bound: Bound = bindContext();
  /** What goes around this run, and who gave it: its own options or the run above it. */
  wrapper: RunWrapper = {};
  wrappedBy: RunOptions["wrap"];
  /** Who was given to observe the run, and what calls them once it has begun. */
  readonly observers: readonly Hooks[];
  hooks: HookRunner | undefined;
  budget: RunBudget | undefined;
  /** The conversation: what was given and what was added. */
  history: Message[] = [];
  turn = 0;
  usage: Usage = noUsage;
  final: Final | undefined;
  /** Set when nothing can join the history any more. */
  isClosed = false;
  /** Loaded by the first turn of a run with limits on its context. */
  fitter: ContextFitter | undefined;
  /** Set by a call of this turn whose tool ends the run. */
  isEndedByTool = false;
  /** How often a structured answer was asked for again. */
  outputAttempts = 0;
  /** Aborted by a stop. Given to questions; tools and requests have signals of their own. */
  readonly signal: AbortSignal;
  readonly #added: Message[] = [];
  readonly #sent: Message[] = [];
  readonly #startedAt = Date.now();
  readonly #conversation: Conversation;
  #seq = 0;

  constructor(info: RunInfo, options: RunOptions, conversation: Conversation, observers: readonly Hooks[]) {
    this.#conversation = conversation;
    this.observers = observers;
    this.info = info;
    this.options = options;
    const controller = new AbortController();
    this.signal = controller.signal;
    this.control.onStop(() => controller.abort(new DOMException("The run was stopped", "AbortError")));
  }

  /** Begins to listen to everything that can stop the run. `control.close()` ends it. */
  listen(): void {
    const { signal, stop, timeouts } = this.options;
    if (signal) this.control.follow(signal);
    if (timeouts?.runMs !== undefined) this.control.limit(timeouts.runMs);
    if (!stop?.check) return;
    const { check, everyMs = 3000 } = stop;
    const { userId, chatId, id: runId } = this.info;
    this.control.poll(
      () => this.bound(() => check({ userId, chatId, runId })),
      everyMs,
      (error) => this.report(error),
    );
  }

  /**
   * Reads the history and repairs what a crash may have left of it. Gives the messages of the input: as they are,
   * unless they hold calls without results.
   */
  async load(input: readonly Message[]): Promise<readonly Message[]> {
    const { history } = this.#conversation;
    const parent = this.options.signal && runOf.get(this.options.signal)?.budget;
    if (this.options.budget || parent) {
      const { RunBudget } = await import("./run-budget.ts");
      this.budget = new RunBudget(this.info, this.options.budget, parent);
    }
    const given = typeof history === "function" ? await this.control.wait(history(this.info.id)) : history;
    const whole = [...given, ...input];
    if (whole.length === 0) throw new ConfigError("input", "expected a prompt or a history to go on from, got neither");
    const repaired = repairHistory(whole);
    if (repaired === whole) {
      this.history = [...given];
      return input;
    }
    const isInput = new Set(input);
    const isGiven = new Set(given);
    const from = repaired.findLastIndex((message) => isGiven.has(message)) + 1;
    const start = repaired.findIndex((message, index) => index >= from && isInput.has(message));
    this.history = start < 0 ? [...repaired] : repaired.slice(0, start);
    return start < 0 ? [] : repaired.slice(start);
  }

  /** Reports what went wrong in something that must not break the run. */
  report(error: unknown): void {
    if (this.hooks) this.hooks.report(error);
    else logHookError(error, undefined);
  }

  /** Whether this run has executed tools. */
  get hasCalledTools(): boolean {
    return this.#added.some((message) => message.role === "tool");
  }

  /** Gives an event its place in the run and shows it to the observers. Every event made here is yielded next. */
  stamp(event: Unstamped): AgentEvent {
    return this.emit({ ...event, seq: this.nextSeq(), at: Date.now(), run: this.info });
  }

  /** Shows a whole event to the observers. */
  emit<Event extends AgentEvent>(event: Event): Event {
    this.hooks?.observe(event);
    return event;
  }

  /** The `seq` of the next event. */
  get seq(): number {
    return this.#seq;
  }

  nextSeq(): number {
    return this.#seq++;
  }

  /** Adds a message to the history. */
  add(message: Message): MessageAdded {
    deepFreeze(message);
    this.history.push(message);
    this.#added.push(message);
    this.#conversation.onAdded?.(message);
    return this.emit({ type: "message-added", seq: this.nextSeq(), at: Date.now(), run: this.info, message });
  }

  /** Counts what was spent on a model. */
  spend(usage: Usage, model: ModelName): void {
    this.usage = addUsage(this.usage, usage);
    this.budget?.charge(usage, model);
  }

  /** Books what a cut has left unbooked and ends its reservations. A ledger that fails must not break the run. */
  async settle(): Promise<void> {
    try {
      await this.budget?.settle();
    } catch (error) {
      this.report(error);
    }
  }

  /** Counts what a sub-agent has spent. */
  addSubAgent({ usage, costUsd = 0 }: Final): void {
    this.usage = addUsage(this.usage, usage);
    this.budget?.addSubAgent(costUsd);
  }

  /** Keeps messages that were sent into the live run, for before its next turn. */
  send(messages: readonly Message[]): void {
    if (this.isClosed) throw new ConfigError("send", "the run has ended; start another with respond()");
    const other = messages.find(({ role }) => role !== "user");
    if (other) throw new ConfigError("send", `expected a user's message, got one with the role ${other.role}`);
    this.#sent.push(...messages);
  }

  takeSent(): Message[] {
    return this.#sent.splice(0);
  }

  get hasSent(): boolean {
    return this.#sent.length > 0;
  }

  /** What questions are told. */
  context(signal: AbortSignal): TurnContext {
    const { userId, chatId, agentName, id: runId } = this.info;
    const { turn, usage } = this;
    return {
      userId,
      chatId,
      agentName,
      runId,
      turn,
      usage,
      history: [...this.history],
      deps: this.options.deps,
      signal,
    };
  }

  /** Makes the last event. */
  end({ stopReason, error, object }: Ending): Final {
    const last = this.#added.findLast((message) => message.role === "assistant");
    const final: Final = {
      type: "final",
      seq: this.nextSeq(),
      at: Date.now(),
      run: this.info,
      stopReason,
      output: last ? textOf(last) : "",
      ...(object !== undefined && { object }),
      history: { messages: this.history, simplified: simplify(this.history), added: this.#added },
      usage: this.usage,
      ...(this.budget && { costUsd: this.budget.spentUsd }),
      turns: this.turn,
      durationMs: Date.now() - this.#startedAt,
      ...(error && { error }),
    };
    if (error) Object.defineProperty(final, "toJSON", { value: () => ({ ...final, error: errorJson(error) }) });
    this.final = final;
    this.#conversation.onEnd?.(this.info.id);
    return this.emit(final);
  }
}
