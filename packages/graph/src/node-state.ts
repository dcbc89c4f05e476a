import type { Message } from "millrace";
import type { NodeStatus } from "./events.ts";
import type { Outcome } from "./module.ts";

/** What a run knows of a node. */
export interface NodeState {
  status: NodeStatus;
  visits: number;
  /** The try of the present visit. */
  attempt: number;
  result: unknown;
  error: Error | undefined;
  /** Where its last success leads, until the step is over. */
  outcome: Turn | undefined;
  /** By their paths; made with the first thing to remember. */
  modules: Map<string, ModuleState> | undefined;
}

/** Where a node that is done leads: on to another one, or to nodes that it added. */
export interface Turn {
  readonly next?: string;
  readonly cleanup: boolean;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** The names of added nodes. */
  readonly added?: readonly string[];
}

/** What a run knows of a module. */
export interface ModuleState {
  /** It succeeded in the present visit. */
  done?: { readonly result: unknown; readonly outcome?: Outcome };
  /** A generator: how often it was asked for a value. */
  position?: number;
  /** An agent: what was said. */
  history?: readonly Message[];
}

/** A node that was not visited yet. */
export function newNodeState(): NodeState {
  return {
    status: "waiting",
    visits: 0,
    attempt: 0,
    result: undefined,
    error: undefined,
    outcome: undefined,
    modules: undefined,
  };
}

/** What is remembered of a module; made where there is nothing yet. */
export function moduleState(node: NodeState, path: string): ModuleState {
  node.modules ??= new Map();
  const known = node.modules.get(path);
  if (known) return known;
  const state: ModuleState = {};
  node.modules.set(path, state);
  return state;
}

/** Forgets which modules of a visit are done, from one of them on or all. */
export function forgetDone(node: NodeState, isForgotten: (path: string) => boolean = () => true): void {
  for (const [path, module] of node.modules ?? []) if (isForgotten(path)) delete module.done;
}
