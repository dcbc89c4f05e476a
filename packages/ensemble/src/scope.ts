import type { Agent, AgentEvent } from "millrace";
import { AppenderClosedError, NoEnsembleError } from "./errors.ts";
import type { LlmLogger } from "./llm-agent.ts";
import type { Message } from "./message.ts";
import { pendingWaits, type Waiter } from "./wait-graph.ts";

/** Something that goes on in the background and can be cut. */
export interface Activity {
  abort(reason: unknown): void;
}

/** What the parts of an ensemble need of it. */
export interface EnsembleCore {
  readonly startSoon: boolean;
  readonly captureErrors: boolean;
  readonly longHashKeys: boolean;
  readonly errorsAsMessages: boolean;
  readonly errorStacksInMessages: boolean;
  readonly awaitReplyPersistence: boolean;
  readonly llmLogger: LlmLogger | undefined;
  /** Undefined: no limit. */
  readonly maxPieces: number | undefined;
  /** Whether anybody is told of outcomes. */
  readonly isObserved: boolean;
  /** Something begins, and something ends, that an ensemble waits for at its end. */
  begin(): void;
  finish(): void;
  /** Tells the handlers that a promise has its outcome. */
  settled(promise: object, outcome: unknown): void;
  /** Logs an error, once. */
  report(error: unknown, scope: Scope): void;
  /** Runs a task that its end waits for. What it fails with is logged. */
  background(task: () => unknown): void;
  /** Persists messages of which that is not done yet. */
  persistMessages(messages: readonly Message[]): Promise<readonly Message[]>;
}

/** Activities that one signal cuts. It listens only while there are any, so that a long-lived signal keeps nothing. */
export class AbortDomain {
  readonly signal: AbortSignal;
  readonly #activities: Set<Activity> = new Set();
  readonly #onAbort = (): void => {
    const cut = [...this.#activities];
    this.#activities.clear();
    for (const activity of cut) activity.abort(this.signal.reason);
  };

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  add(activity: Activity): void {
    if (this.#activities.size === 0) this.signal.addEventListener("abort", this.#onAbort, { once: true });
    this.#activities.add(activity);
  }

  delete(activity: Activity): void {
    if (!this.#activities.delete(activity) || this.#activities.size > 0) return;
    this.signal.removeEventListener("abort", this.#onAbort);
  }
}

/** Where code runs: in which ensemble, for which agent's call, cut by which signal. */
export interface Scope {
  readonly ensemble: EnsembleCore | undefined;
  readonly domain: AbortDomain | undefined;
  /** The call or the promise whose code runs here. */
  readonly waiter: Waiter | undefined;
  /** The calls that the code has begun. Who runs it finishes those that it leaves open. */
  readonly calls: OpenCalls | undefined;
  /** Of the agents' calls that led here, innermost first. */
  readonly trace: Trace | undefined;
  /** For whom all of this is done. */
  readonly owner: Owner;
}

/** For whom something is done: the runs of agents need to know. */
export interface Owner {
  readonly userId?: string | undefined;
  readonly chatId?: string | undefined;
  /** The call of a tool that all of this is part of. */
  readonly call?: ToolCall | undefined;
}

/** The call of a tool, in a run that counts what the runs within it spend. */
export interface ToolCall {
  readonly runId: string;
  readonly callId: string;
  readonly signal: AbortSignal;
  /** Is told of each event of each run within it. */
  tell(agent: Agent, event: AgentEvent): void;
}

/** A call that more can be sent to. */
export interface OpenCall {
  finish(): void;
}

/** The calls that some code has begun and not finished. */
export class OpenCalls {
  readonly #open: Set<OpenCall> = new Set();

  add(call: OpenCall): void {
    this.#open.add(call);
  }

  delete(call: OpenCall): void {
    this.#open.delete(call);
  }

  /** Finishes all of them. */
  finish(): void {
    for (const call of [...this.#open]) call.finish();
  }
}

/** A chain of agents' names, innermost first. */
interface Trace {
  readonly name: string;
  readonly caller: Trace | undefined;
}

/** Where code runs that no ensemble has started. */
const outside: Scope = {
  ensemble: undefined,
  domain: undefined,
  waiter: undefined,
  calls: undefined,
  trace: undefined,
  owner: {},
};

/** The names of the agents, innermost first. */
export function traceOf(scope: Scope): string[] {
  const names: string[] = [];
  for (let trace = scope.trace; trace; trace = trace.caller) names.push(trace.name);
  return names;
}

/** Says where something belongs: an ensemble or the context of an agent. Needed only where the runtime cannot tell. */
export interface Within {
  /** @internal */
  readonly scope: Scope;
}

interface ScopeStorage {
  getStore(): Scope | undefined;
  run<T>(scope: Scope, callback: () => T): T;
}

interface Runtime {
  process?: {
    getBuiltinModule?: (name: string) => { AsyncLocalStorage?: new () => ScopeStorage } | undefined;
  };
}

const runtime: Runtime = globalThis;
// Not imported: a browser has no such module, and is told the ensemble by `within`.
const AsyncLocalStorage = runtime.process?.getBuiltinModule?.("node:async_hooks")?.AsyncLocalStorage;
const storage = AsyncLocalStorage ? new AsyncLocalStorage() : undefined;

/** The scope of the code that asks. */
export function currentScope(within?: Within): Scope {
  return within?.scope ?? storage?.getStore() ?? outside;
}

/** The ensemble of a scope; throws {@link NoEnsembleError} where there is none. */
export function ensembleOf(scope: Scope): EnsembleCore {
  if (!scope.ensemble) throw new NoEnsembleError();
  return scope.ensemble;
}

/** Runs code in a scope, with all that it starts. */
export function runIn<T>(scope: Scope, callback: () => T): T {
  return storage && scope !== outside ? storage.run(scope, callback) : callback();
}

/** The scope of code that makes a promise: it is known by what it waits for. */
export function withWaiter(scope: Scope): Scope {
  const waiter: Waiter = { name: scope.trace?.name ?? "a promise", waitsFor: () => pendingWaits(waiter) };
  return { ...scope, waiter };
}

/** Begins an activity: its ensemble waits for it and its signal cuts it. False where the signal has done so already. */
export function begin(scope: Scope, activity: Activity): boolean {
  if (scope.domain?.signal.aborted) return false;
  scope.ensemble?.begin();
  scope.domain?.add(activity);
  return true;
}

/** Ends an activity that has begun. */
export function finish(scope: Scope, activity: Activity): void {
  scope.domain?.delete(activity);
  scope.ensemble?.finish();
}

/** Logs what a promise fails with: nobody may ever read it. Where errors become messages, these tell. */
export function report(scope: Scope, error: unknown): void {
  if (!scope.ensemble?.errorsAsMessages) scope.ensemble?.report(error, scope);
}

/** Throws why nothing more can be said here: the reason of the abort, or that it is closed. */
export function throwClosed(scope: Scope, what: string): never {
  if (scope.domain?.signal.aborted) throw scope.domain.signal.reason;
  throw new AppenderClosedError(`${what} after the end`);
}
