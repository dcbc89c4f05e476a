import type { Cache } from "@millrace/cache";
import type { Agent, Final, Input, RespondOptions } from "millrace";
import {
  anything,
  type Check,
  callable,
  fields,
  flag,
  isObject,
  list,
  milliseconds,
  oneOf,
  text,
  texts,
  wrong,
} from "millrace/runs";
import { type Condition, checkCondition } from "./condition.ts";
import type { GraphNode } from "./graph-node.ts";
import type { TaskState } from "./task.ts";

/** What a module does, in a word. Informative: nothing depends on it. */
export type ModuleKind = "executor" | "agent" | "flow-control";

/** What a module is told. */
export interface ModuleContext {
  readonly userId: string;
  readonly chatId: string;
  /** The graph's name. */
  readonly agentName: string;
  readonly runId: string;
  /** This one execution of the module: its events carry it. */
  readonly callId: string;
  /** Aborted when the run is stopped, the reader leaves, or the module's time is over. */
  readonly signal: AbortSignal;
  /** What the caller of `run()` gave as `deps`. */
  readonly deps: unknown;
  readonly task: TaskState;
  /** The node's name. */
  readonly node: string;
  /** The module's path within the node: its name, behind the names of the nodes in the node that hold it. */
  readonly module: string;
  /** How often the node has been visited in this run: 1, 2, 3 … */
  readonly visit: number;
  /** 1 for the first try of this visit. */
  readonly attempt: number;
  /** The values and mailboxes of this task, and of no other. */
  readonly cache: Cache;
  /** What the node's dependencies gave, by their names; what the `before` of middlewares made of it. */
  readonly input: unknown;
  /** What the nodes have given so far, by their names. */
  readonly results: Readonly<Record<string, unknown>>;
  /** Shows progress: a `module-progress` event. Fulfilled when the reader has taken it: who awaits it goes at its pace. */
  progress(progress: unknown): Promise<void>;
  /**
   * Asks an agent, as its own `sendMessage()` does, within this module: its events arrive as `sub-agent` events, its usage
   * counts in the graph's, and it is stopped with the module. Several may be asked side by side.
   *
   * @throws what its run failed with
   */
  sendMessage(agent: Agent, input: Input, options?: AgentAskOptions): Promise<Final>;
}

/** What a module may say when it asks an agent; whose run it is, and what stops it, comes from the graph's. */
export type AgentAskOptions = Omit<RespondOptions, "userId" | "chatId" | "signal" | "deps" | "parent">;

/** Stands around a module. Each of its functions may await, and fails the module by what it throws. */
export interface Middleware {
  /** Changes what the module gets as `input`. The first middleware is asked first. */
  before?(input: unknown, context: ModuleContext): unknown;
  /** Changes what the module gave. The first middleware is asked first. Not asked when the module failed. */
  after?(result: unknown, context: ModuleContext): unknown;
}

/** What a module is made of. */
export interface Module {
  /** Names it in its node. */
  readonly name: string;
  /**
   * Does the work and gives the result; what it throws is its failure. A generator gives one value each time its node is
   * visited; what `yield` gives is the context of the next visit.
   */
  run(context: ModuleContext): unknown;
  /** Default: `executor`. */
  readonly kind?: ModuleKind;
  /** In milliseconds, from when it begins to run; waiting for a place or for the reader does not count. Default: 60,000. */
  readonly timeoutMs?: number;
  readonly middlewares?: readonly Middleware[];
  /** The result is published here once the middlewares have seen it. */
  readonly outputMailbox?: string;
  /** The mailboxes that it reads, by `context.cache.receive()`. Informative. */
  readonly inputMailboxes?: readonly string[];
  /** False for a generator that must not be run again up to where it was: a snapshot of it cannot be resumed. Default: true. */
  readonly resumable?: boolean;
  /** Called when a jump cleans the module's node up, after its generator was closed. */
  cleanup?(): unknown;
  /** Where the module may lead: checked when the graph is built, and drawn. Set by {@link flowControl}. */
  readonly decisions?: readonly Decision[];
  /** The node for when no decision matches. */
  readonly default?: string;
  /** Set by {@link agentModule}. */
  readonly agent?: AgentUse;
}

/** How an agent works as a module. */
export interface AgentUse {
  readonly agent: Agent;
  /** What it is asked. */
  prompt(context: ModuleContext): string | Promise<string>;
  /** Whether it remembers earlier visits of its node in the run. */
  readonly remembers: boolean;
}

/** One way on from a flow control. */
export interface Decision {
  /** The node to go to. */
  readonly next: string;
  /** In words, for drawings. Default: the condition's text, or the name of its function. */
  readonly description?: string;
  /** Default: always. */
  readonly condition?: Condition;
  /** Told in the `decision` event. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Keys of the cache that are deleted after the condition was true. */
  readonly conditionVariables?: readonly string[];
  /** Whether the nodes before the target and the target itself begin anew: their generators and memories. Default: false. */
  readonly cleanup?: boolean;
}

/** What a module may give beside its result, by {@link outcome}. */
export interface OutcomeOptions {
  result?: unknown;
  /** Jump to this node when all nodes of the step are done. */
  next?: string;
  /** With or without `next`: clean up before going on. Default: false. */
  cleanup?: boolean;
  /** Told in the `decision` event. */
  metadata?: Readonly<Record<string, unknown>>;
  /** Nodes that run next, before all that depends on this node. They win over `next`. */
  newNodes?: readonly GraphNode[];
}

/** What {@link outcome} gives. */
export class Outcome {
  readonly options: Readonly<OutcomeOptions>;

  constructor(options: OutcomeOptions) {
    this.options = options;
  }
}

/**
 * For a module that decides where the graph goes on, or adds nodes to it: what it returns instead of its plain result.
 *
 * @example
 * ```ts
 * import { node, outcome } from "@millrace/graph";
 *
 * const check = node({
 *   name: "check",
 *   dependencies: ["draft"],
 *   modules: [({ results }) => (results["draft"] === "" ? outcome({ next: "draft", cleanup: true }) : "good")],
 * });
 * ```
 *
 * @throws {@link ConfigError} naming the option that cannot work; in a module, that is its failure
 */
export function outcome(options: OutcomeOptions): Outcome {
  checkOutcome(options, "outcome");
  return new Outcome(options);
}

const checkOutcome = fields({
  result: anything,
  next: text,
  cleanup: flag,
  metadata: anything,
  newNodes: list,
} satisfies Record<keyof OutcomeOptions, Check>);

const checkDecision = fields({
  next: text,
  description: text,
  condition: checkCondition,
  metadata: anything,
  conditionVariables: texts,
  cleanup: flag,
} satisfies Record<keyof Decision, Check>);

/** Throws {@link ConfigError} naming the first decision that cannot work. */
export const checkDecisions: Check = (value, at) => {
  list(value, at);
  for (const [index, decision] of Object.entries(Object(value))) {
    checkDecision(decision, `${at}[${index}]`);
    text(Object(decision).next, `${at}[${index}].next`);
  }
};

const checkMiddlewares: Check = (value, at) => {
  list(value, at);
  for (const [index, middleware] of Object.entries(Object(value))) {
    if (!isObject(middleware)) throw wrong(`${at}[${index}]`, "an object with before, after, or both", middleware);
    for (const name of ["before", "after"]) {
      const stage: unknown = Object(middleware)[name];
      if (stage !== undefined) callable(stage, `${at}[${index}].${name}`);
    }
  }
};

const checkFields = fields({
  name: text,
  run: callable,
  kind: oneOf("executor", "agent", "flow-control"),
  timeoutMs: milliseconds,
  middlewares: checkMiddlewares,
  outputMailbox: text,
  inputMailboxes: texts,
  resumable: flag,
  cleanup: callable,
  decisions: checkDecisions,
  default: text,
  agent: anything,
} satisfies Record<keyof Module, Check>);

/** Throws {@link ConfigError} naming the first field of a module that cannot work. */
export const checkModule: Check = (value, at) => {
  checkFields(value, at);
  text(Object(value).name, `${at}.name`);
  callable(Object(value).run, `${at}.run`);
};
