import { errorMessage } from "millrace";
import { anything, type Check, callable, fields, flag, text, wrong } from "millrace/runs";
import { NoEnsembleError } from "./errors.ts";
import type { LlmLogger } from "./llm-agent.ts";
import { Message } from "./message.ts";
import { isAbort } from "./message-promise.ts";
import { checkAgent } from "./miniagent.ts";
import { Persister, type PersistHandler } from "./persister.ts";
import {
  AbortDomain,
  currentScope,
  type EnsembleCore,
  OpenCalls,
  runIn,
  type Scope,
  traceOf,
  type Within,
  withWaiter,
} from "./scope.ts";

/** Where an ensemble tells of errors. `console` is one. */
export interface Logger {
  error(message: string, error: unknown): void;
}

/** Is told of the outcome of a promise: its whole, or what it failed with. */
export type ResolvedHandler = (promise: object, outcome: unknown) => unknown;

/** Options of an {@link Ensemble}. */
export interface EnsembleOptions {
  /** Whether promises and agents start by themselves. False may lead to agents that wait for ever. Default: true. */
  startSoon?: boolean;
  /** Whether appenders make what `fill()` fails with a piece. Default: false. */
  captureErrors?: boolean;
  /** Whether hash keys have 64 digits instead of 40. Default: false. */
  longHashKeys?: boolean;
  /** How many pieces each promise keeps for late readers. Default: all. */
  maxPieces?: number;
  /** Whether an agent's errors come as `ErrorMessage`s. Default: false. */
  errorsAsMessages?: boolean;
  /** Whether these have the stack in them. Default: false. */
  errorStacksInMessages?: boolean;
  /** Called with messages to store, each once, those that others refer to first. */
  onPersistMessages?: PersistHandler | readonly PersistHandler[];
  /** Whether the replies of an agent end only once they are stored. Default: false. */
  awaitReplyPersistence?: boolean;
  /** Called in the background with each promise that has its outcome. */
  onPromiseResolved?: ResolvedHandler | readonly ResolvedHandler[];
  /** Whose runs those of the `llmAgent`s are. Default: the `userId` of the ensemble around this one. */
  userId?: string;
  /** Which conversation they belong to. Default: the `chatId` of the ensemble around this one. */
  chatId?: string;
  /** Is sent a copy of what each `llmAgent` is asked and answers, such as `markdownLlmLogger()`. Default: none. */
  llmLogger?: LlmLogger;
  /** Is told of each error in the background once. Default: `console`. */
  logger?: Logger;
  /** Cancels everything: whatever has not ended ends with the signal's reason. */
  signal?: AbortSignal;
  /** The ensemble that this one is part of; its handlers are told too. Default: the one that this code runs in. */
  within?: Within;
}

/**
 * Where agents live. What is called inside of `run()` works in the background, and `run()` ends when all of it has ended.
 *
 * @example
 * ```ts
 * import { Ensemble, miniagent } from "@millrace/ensemble";
 *
 * const echo = miniagent(async (ctx) => {
 *   for await (const message of ctx.messages) ctx.reply(`You said: ${await message}`);
 * });
 *
 * await new Ensemble().run(async () => {
 *   for await (const reply of echo.trigger(["Hello", "World"])) console.log(String(await reply));
 * });
 * ```
 */
export class Ensemble implements EnsembleCore, Within, AsyncDisposable {
  readonly startSoon: boolean;
  readonly captureErrors: boolean;
  readonly longHashKeys: boolean;
  readonly maxPieces: number | undefined;
  readonly errorsAsMessages: boolean;
  readonly errorStacksInMessages: boolean;
  readonly awaitReplyPersistence: boolean;
  readonly llmLogger: LlmLogger | undefined;
  /** @internal */
  readonly scope: Scope;
  readonly #parent: EnsembleCore | undefined;
  readonly #logger: Logger;
  readonly #resolvedHandlers: readonly ResolvedHandler[];
  readonly #persisters: readonly Persister[];
  readonly #controller: AbortController = new AbortController();
  readonly #reported: WeakSet<object> = new WeakSet();
  #active = 0;
  #isFlushing = false;
  #whenIdle: (() => void)[] = [];

  /** @throws {@link ConfigError} naming the option that cannot work */
  constructor(options: EnsembleOptions = {}) {
    checkOptions(options, "");
    this.startSoon = options.startSoon ?? true;
    this.captureErrors = options.captureErrors ?? false;
    this.longHashKeys = options.longHashKeys ?? false;
    this.maxPieces = options.maxPieces;
    this.errorsAsMessages = options.errorsAsMessages ?? false;
    this.errorStacksInMessages = options.errorStacksInMessages ?? false;
    this.awaitReplyPersistence = options.awaitReplyPersistence ?? false;
    this.#logger = options.logger ?? console;
    this.#resolvedHandlers = listOf(options.onPromiseResolved);
    this.#persisters = listOf(options.onPersistMessages).map((each) => new Persister(each));
    const outer = currentScope(options.within);
    this.#parent = outer.ensemble;
    this.llmLogger = options.llmLogger ?? outer.ensemble?.llmLogger;
    const signals = [this.#controller.signal, options.signal, outer.domain?.signal].filter(
      (each) => each !== undefined,
    );
    this.scope = {
      ensemble: this,
      domain: new AbortDomain(AbortSignal.any(signals)),
      waiter: undefined,
      calls: undefined,
      trace: outer.trace,
      owner: {
        ...outer.owner,
        userId: options.userId ?? outer.owner.userId,
        chatId: options.chatId ?? outer.owner.chatId,
      },
    };
  }

  /**
   * The ensemble that the code runs in.
   *
   * @throws {@link NoEnsembleError} where there is none, or the runtime cannot tell
   */
  static current(): Ensemble {
    const { ensemble } = currentScope();
    if (!(ensemble instanceof Ensemble)) throw new NoEnsembleError();
    return ensemble;
  }

  /** Aborted when everything is cancelled. */
  get signal(): AbortSignal {
    return this.scope.domain?.signal ?? this.#controller.signal;
  }

  /** @internal */
  get isObserved(): boolean {
    return this.#resolvedHandlers.length + this.#persisters.length > 0 || this.#parent?.isObserved === true;
  }

  /**
   * Runs a function in this ensemble, and waits for all that it has started, also when it throws.
   *
   * @throws what the function throws
   */
  async run<T>(main: (ensemble: this) => T | PromiseLike<T>): Promise<T> {
    callable(main, "main");
    const calls = new OpenCalls();
    try {
      return await runIn({ ...withWaiter(this.scope), calls }, async () => main(this));
    } finally {
      calls.finish();
      await this.idle();
    }
  }

  /** Resolves when nothing goes on in the background. */
  async idle(): Promise<void> {
    do {
      while (this.#active > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
      await this.#flush();
    } while (this.#active > 0);
  }

  /** Cancels everything: what has not ended ends with this reason. */
  cancel(reason: unknown = new DOMException("The ensemble was cancelled", "AbortError")): void {
    this.#controller.abort(reason);
  }

  /** Runs a task that the end of the ensemble waits for. What it fails with is logged. */
  background(task: () => unknown): void {
    this.begin();
    const here = currentScope();
    // Nobody waits for it, so what it waits for holds up nobody.
    const scope = { ...(here.ensemble === this ? here : this.scope), waiter: undefined };
    const run = async (): Promise<void> => {
      try {
        await task();
      } catch (error) {
        this.report(error, scope);
      }
      this.finish();
    };
    queueMicrotask(() => void runIn(scope, run));
  }

  /**
   * Gives messages, and those in them, to the handlers of `onPersistMessages` that have not stored them yet; without
   * `messages` those that a handler has failed with.
   *
   * @returns what was stored
   * @throws what a handler throws; what it was given is tried again with its next batch
   */
  async persistMessages(messages: readonly Message[] = []): Promise<readonly Message[]> {
    const stored = this.#persisters.map((persister) => {
      for (const message of messages) persister.add(message);
      return persister.flush();
    });
    const outer = this.#parent ? [this.#parent.persistMessages(messages)] : [];
    const all = await Promise.all([...stored, ...outer]);
    return [...new Set(all.flat())];
  }

  /** Says that a message is stored already, or not worth it. */
  skipPersistence(message: Message): void {
    for (const persister of this.#persisters) persister.skip(message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.idle();
  }

  /** @internal */
  begin(): void {
    this.#active++;
  }

  /** @internal */
  finish(): void {
    if (--this.#active > 0) return;
    const whenIdle = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of whenIdle) resolve();
  }

  /** @internal */
  settled(promise: object, outcome: unknown): void {
    for (const handler of this.#resolvedHandlers) this.background(() => handler(promise, outcome));
    if (outcome instanceof Message && this.#persisters.length > 0) {
      for (const persister of this.#persisters) persister.add(outcome);
      this.#flushSoon();
    }
    this.#parent?.settled(promise, outcome);
  }

  /** @internal */
  report(error: unknown, scope: Scope): void {
    if (isAbort(scope, error)) return;
    if (typeof error === "object" && error !== null) {
      if (this.#reported.has(error)) return;
      this.#reported.add(error);
    }
    const trace = traceOf(scope);
    const where = trace.length > 0 ? ` in ${trace.join(" <- ")}` : "";
    this.#logger.error(`An error in the background${where}: ${errorMessage(error)}`, error);
  }

  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.background(async () => {
      this.#isFlushing = false;
      await this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const pending = this.#persisters.filter((persister) => persister.hasPending);
    const outcomes = await Promise.allSettled(pending.map((persister) => persister.flush()));
    for (const outcome of outcomes) if (outcome.status === "rejected") this.report(outcome.reason, this.scope);
  }
}

const handlers: Check = (value, at) => {
  for (const handler of listOf(value)) callable(handler, at);
};

const checkOptions = fields({
  startSoon: flag,
  captureErrors: flag,
  longHashKeys: flag,
  maxPieces: (value, at) => {
    if (typeof value !== "number" || !(value >= 1)) throw wrong(at, "a number of pieces from 1", value);
  },
  errorsAsMessages: flag,
  errorStacksInMessages: flag,
  onPersistMessages: handlers,
  awaitReplyPersistence: flag,
  onPromiseResolved: handlers,
  userId: text,
  chatId: text,
  llmLogger: checkAgent,
  logger: (value, at) => callable(Object(value).error, `${at}.error`),
  signal: (value, at) => {
    if (!(value instanceof AbortSignal)) throw wrong(at, "an AbortSignal", value);
  },
  within: anything,
});

function listOf<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return isList(value) ? value : [value];
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}
