import type { MessageInput } from "./message-input.ts";
import type { MessageSequencePromise } from "./message-sequence.ts";
import { PieceSource } from "./piece-log.ts";
import { type Activity, begin, finish, OpenCalls, runIn, type Scope, traceOf, type Within } from "./scope.ts";
import type { SequenceWriter } from "./sequence-writer.ts";
import { pendingWaits, type Waiter, watch } from "./wait-graph.ts";

/** Which agent. */
export interface AgentIdentity {
  readonly alias: string;
  readonly description: string | undefined;
}

/** What a context is made of. @internal */
export interface ContextParts {
  agent: AgentIdentity;
  /** The caller's scope, cut by the call's signal. */
  outer: Scope;
  messages: MessageSequencePromise;
  replies: (feeder: Waiter, scope: Scope) => SequenceWriter;
}

/** What an agent knows of one call: the messages that it was sent, and how to reply. */
export class InteractionContext implements Within, Waiter, Activity {
  /** The agent that is called. */
  readonly agent: AgentIdentity;
  /** What it was sent. */
  readonly messages: MessageSequencePromise;
  /** @internal */
  readonly scope: Scope;
  /** @internal */
  readonly replies: SequenceWriter;
  readonly #calls: OpenCalls = new OpenCalls();
  readonly #tasks: Set<Promise<void>> = new Set();
  readonly #errors: unknown[] = [];
  /** How many of the tasks may reply by themselves. */
  #branches = 0;
  #isActive = false;

  /** @internal */
  constructor({ agent, outer, messages, replies }: ContextParts) {
    this.agent = agent;
    this.messages = messages;
    this.scope = { ...outer, waiter: this, calls: this.#calls, trace: { name: agent.alias, caller: outer.trace } };
    this.replies = replies(this, this.scope);
  }

  /** The agent's alias. */
  get name(): string {
    return this.agent.alias;
  }

  /** Aborted when this call is cancelled, with all that it has started: give it to whatever takes a signal. */
  get signal(): AbortSignal {
    return this.scope.domain?.signal ?? neverAborted;
  }

  /**
   * Replies: texts, messages, promises, any nesting of them. What has not come yet holds up later replies.
   *
   * @throws an `AppenderClosedError` after the end of the replies; the reason of the abort where the call was cancelled
   */
  reply(messages: MessageInput | null | undefined): this {
    this.replies.add(messages);
    return this;
  }

  /** Replies without waiting for earlier replies to come. */
  replyOutOfOrder(messages: MessageInput | null | undefined): this {
    this.replies.addOutOfOrder(messages);
    return this;
  }

  /**
   * Ends the replies before the function returns, once what was given to {@link makeSureToWait} is done. What the function
   * fails with afterwards is only logged.
   */
  async finishEarly(): Promise<void> {
    this.#calls.finish();
    if (this.#tasks.size > 0) await this.awaitNow();
    this.replies.close();
  }

  /**
   * The replies end only once this is done; what it fails with is thrown to who reads them. It is not to call
   * {@link awaitNow} or {@link finishEarly}: it would wait for itself. Calls that the agent has begun are finished when its
   * function returns, and so before this is.
   *
   * @param task a promise, or a function that is called at once
   */
  makeSureToWait(task: PromiseLike<unknown> | (() => unknown)): this {
    // A promise of an ensemble is waited for; anything else may make replies of its own.
    const isBranch = !(task instanceof PieceSource);
    if (isBranch) this.#branches++;
    const run = async (): Promise<void> => {
      try {
        await (typeof task === "function" ? task() : task);
      } catch (error) {
        this.#errors.push(error);
      }
      this.#tasks.delete(done);
      if (!isBranch) return;
      this.#branches--;
      // What it might have done, nobody does any more.
      watch(this);
    };
    const done = run();
    this.#tasks.add(done);
    return this;
  }

  /**
   * Waits for what was given to {@link makeSureToWait} so far.
   *
   * @throws the first error of it
   */
  async awaitNow(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
    const [first] = this.#errors;
    const hasFailed = this.#errors.length > 0;
    for (const error of this.#errors.splice(0).slice(1)) this.#report(error);
    if (hasFailed) throw first;
  }

  /** The aliases of this agent and of those that called it, innermost first. */
  agentTrace(): string[] {
    return traceOf(this.scope);
  }

  /** @internal */
  waitsFor(): readonly (Waiter | undefined)[] | undefined {
    return this.#branches > 0 ? undefined : pendingWaits(this);
  }

  /**
   * Begins with the agent's work, a microtask later.
   *
   * @internal
   */
  start(act: () => unknown, { logsErrors }: { logsErrors: boolean }): void {
    if (!begin(this.scope, this)) return;
    this.#isActive = true;
    queueMicrotask(() => void runIn(this.scope, () => this.#converse(act, logsErrors)));
  }

  async #converse(act: () => unknown, logsErrors: boolean): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    try {
      await act();
    } catch (error) {
      failure = { error };
    }
    // First: what is still waited for may be the replies to a call that nobody has finished.
    this.#calls.finish();
    try {
      await this.awaitNow();
    } catch (error) {
      if (failure) this.#report(error);
      failure ??= { error };
    }
    this.#calls.finish();
    if (failure && (logsErrors || this.replies.isClosed)) this.#report(failure.error);
    if (failure && !this.replies.isClosed) this.replies.fail(failure.error);
    this.replies.close();
    this.#end();
  }

  #report(error: unknown): void {
    this.scope.ensemble?.report(error, this.scope);
  }

  #end(): void {
    if (!this.#isActive) return;
    this.#isActive = false;
    finish(this.scope, this);
  }

  /** @internal */
  abort(): void {
    this.#end();
  }
}

const neverAborted = new AbortController().signal;
