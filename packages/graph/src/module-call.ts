import type { Cache } from "@millrace/cache";
import type { Agent, Final, Input, Message } from "millrace";
import { after, Gate, newId, type RunControl } from "millrace/runs";
import { NodeError } from "./errors.ts";
import type { AgentAskOptions, Module, ModuleContext } from "./module.ts";
import { readAgent } from "./run-agent.ts";
import type { RunState, Unstamped } from "./run-state.ts";
import type { TaskState } from "./task.ts";

/** Which module is run, and for which visit of its node. */
export interface Place {
  readonly node: string;
  readonly module: string;
  readonly visit: number;
  readonly attempt: number;
}

/** So many of a module's progress reports may wait for a slow reader; beyond that they are left out. */
const maxWaiting = 256;

/**
 * One execution of a module: what it is told, and what ends it before its time, the stop of the run (or of its group) or
 * its own timeout. Its signal is aborted at once; who waits for it is freed after a grace. What comes later is ignored.
 */
export class ModuleCall implements ModuleContext {
  readonly callId: string = newId("call");
  readonly node: string;
  readonly module: string;
  readonly visit: number;
  readonly attempt: number;
  input: unknown;
  /** Whether a generator gave a value, or its end: counted when the module is done, so that a snapshot has both or none. */
  hasTakenValue = false;
  /** What was said with an agent: kept when the module is done. */
  history: readonly Message[] | undefined;
  /** Why it is cut, once it is. */
  error: NodeError | undefined;
  readonly #run: RunState;
  readonly #timeoutMs: number;
  readonly #graceMs: number;
  readonly #gate = new Gate();
  readonly #cleanups: (() => void)[] = [];
  #controller: AbortController | undefined;
  /** Progress that waits for the reader. */
  #waiting = 0;
  /** How many agents it has asked, and how many of them it waits for. */
  #asked = 0;
  #awaited = 0;
  #isOver = false;
  /** Events of the module that wait for the reader, and since when there are any: that time does not count. */
  #held = 0;
  #heldSince = 0;
  #heldMs = 0;

  constructor(run: RunState, control: RunControl, place: Place, module: Module) {
    this.#run = run;
    this.node = place.node;
    this.module = place.module;
    this.visit = place.visit;
    this.attempt = place.attempt;
    this.#timeoutMs = module.timeoutMs ?? 60_000;
    this.#graceMs = run.options.graceMs;
    const stop = (): void => this.#cut(stopped(place), this.#graceMs);
    this.#cleanups.push(control.onStop(stop));
    this.#limit(this.#timeoutMs, module.agent ? this.#graceMs : 0);
  }

  get userId(): string {
    return this.#run.info.userId;
  }

  get chatId(): string {
    return this.#run.info.chatId;
  }

  get agentName(): string {
    return this.#run.info.agentName;
  }

  get runId(): string {
    return this.#run.info.id;
  }

  get deps(): unknown {
    return this.#run.deps;
  }

  get task(): TaskState {
    return this.#run.taskState;
  }

  get cache(): Cache {
    return this.#run.cache;
  }

  get results(): Readonly<Record<string, unknown>> {
    return this.#run.results;
  }

  /** Made when it is asked for: most modules never do. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.error) this.#controller.abort(this.error);
    }
    return this.#controller.signal;
  }

  /** A function of its own: modules take it out of their context. */
  get progress(): (progress: unknown) => Promise<void> {
    return (progress) => this.#report(progress);
  }

  async #report(progress: unknown): Promise<void> {
    if (this.#isOver || this.#waiting >= maxWaiting) return;
    const { callId, node, module } = this;
    this.#waiting++;
    await this.tell({ type: "module-progress", callId, node, module, progress });
    this.#waiting--;
  }

  readonly sendMessage = async (agent: Agent, input: Input, options: AgentAskOptions = {}): Promise<Final> => {
    this.check();
    const callId = `${this.callId}_${++this.#asked}`;
    this.#awaited++;
    try {
      return await readAgent(this.#run, this, { agent, input, options, callId }, (step) => step);
    } finally {
      this.#awaited--;
    }
  };

  /** Whether it has ended: nothing is told of it any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Tells the reader of the module. Until the reader has taken it, the clock stands still. */
  async tell(event: Unstamped): Promise<void> {
    if (this.#held++ === 0) this.#heldSince = Date.now();
    await this.#run.emit(event);
    if (--this.#held === 0) this.#heldMs += Date.now() - this.#heldSince;
  }

  /** Waits for `promise`, or for the end of the grace after a cut. One wait at a time. */
  wait<T>(promise: PromiseLike<T>): Promise<T> {
    return this.#gate.wait(promise);
  }

  /** Throws where the module was cut. */
  check(): void {
    if (this.error) throw this.error;
  }

  /** It has ended: nothing of it is listened to any more. */
  close(): void {
    this.#isOver = true;
    for (const cleanup of this.#cleanups) cleanup();
  }

  #limit(ms: number, graceMs: number): void {
    const clear = after(ms, () => {
      if (this.#held > 0) {
        this.#heldMs += Date.now() - this.#heldSince;
        this.#heldSince = Date.now();
      }
      const heldMs = this.#heldMs;
      this.#heldMs = 0;
      if (heldMs > 0) this.#limit(heldMs, graceMs);
      else this.#cut(timedOut(this, this.#timeoutMs), this.#awaited > 0 ? this.#graceMs : graceMs);
    });
    this.#cleanups.push(clear);
  }

  #cut(error: NodeError, graceMs: number): void {
    if (this.error) return;
    this.error = error;
    this.#controller?.abort(error);
    const close = (): void => this.#gate.close(error);
    if (graceMs > 0) this.#cleanups.push(after(graceMs, close));
    else close();
  }
}

function stopped({ node, module }: Place): NodeError {
  return new NodeError(`module ${module} of node ${node} was stopped before it had a result`, {
    kind: "stopped",
    node,
    module,
  });
}

function timedOut({ node, module }: Place, timeoutMs: number): NodeError {
  return new NodeError(`module ${module} of node ${node} took longer than ${timeoutMs} ms`, {
    kind: "timeout",
    node,
    module,
  });
}
