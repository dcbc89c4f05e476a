import { type Agent, ConfigError } from "millrace";
import {
  type Check,
  countOrNone,
  fields,
  flag,
  isObject,
  list,
  millisecondsOrNone,
  oneOf,
  text,
  texts,
} from "millrace/runs";
import { agentModule, isAgent } from "./agent-module.ts";
import { type Condition, checkCondition } from "./condition.ts";
import { checkModule, type Module, type ModuleContext } from "./module.ts";

/** When a node has its task saved. */
export type SnapshotMode =
  /** Not for this node. */
  | "never"
  /** Before its first visit. */
  | "once"
  /** Before each visit, and after each of its modules. */
  | "always";

/** What a node may be made of: modules, plain functions, agents, and nodes. */
export type NodePart = Module | ((context: ModuleContext) => unknown) | Agent | GraphNode;

/** How the tries of a node that fails follow each other. */
export interface NodeRetry {
  /** Tries after the first one; 0 for none. Default: 3, and 0 for a node within a node. */
  maxRetries?: number;
  /** The module that a repetition begins with; those before it keep their results. Default: the first one. */
  retryFrom?: string;
  /**
   * How the wait grows: `fixed` is always `initialDelayMs`, `linear` is 1, 2, 3 … times that, `exponential` is 1, 2, 4 …
   * times that. Default: `exponential`.
   */
  backoff?: "exponential" | "linear" | "fixed";
  /** In milliseconds. Default: 1,000. */
  initialDelayMs?: number;
  /** The longest wait, in milliseconds. Default: 60,000. */
  maxDelayMs?: number;
}

/** What {@link node} takes. */
export interface NodeOptions {
  /** Names it in the graph. */
  name: string;
  modules: readonly NodePart[];
  /** The nodes that must have run before it. Not for a node within a node. Default: none. */
  dependencies?: readonly string[];
  /** Whether its modules run side by side. Default: false, one after the other until one fails. */
  parallel?: boolean;
  /**
   * Whether one success is enough: the modules are tried until one succeeds; side by side, the others are stopped then.
   * Default: false, all must succeed.
   */
  stopOnSuccess?: boolean;
  /** Asked before each visit; where it is false the node is skipped, and those that depend on it go on without it. */
  condition?: Condition;
  /** Keys of the cache that must have values before it runs. */
  inputs?: readonly string[];
  /** Keys of the cache that must have values when it has run. */
  outputs?: readonly string[];
  /** False for one try only. */
  retry?: NodeRetry | false;
  /** How often it may be visited in a run; 0 for any number. Not for a node within a node. Default: 5. */
  maxVisits?: number;
  /** Not for a node within a node. Default: `never`. */
  snapshot?: SnapshotMode;
  /** Its result is published here. */
  outputMailbox?: string;
}

/** A node of a graph. Made by {@link node}. */
export interface GraphNode {
  readonly kind: "node";
  readonly name: string;
  readonly modules: readonly (Module | GraphNode)[];
  readonly dependencies: readonly string[];
  readonly parallel: boolean;
  readonly stopOnSuccess: boolean;
  readonly condition: Condition | undefined;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly retry: Readonly<NodeRetry> | false;
  readonly maxVisits: number;
  readonly snapshot: SnapshotMode;
  readonly outputMailbox: string | undefined;
}

/**
 * Makes a node.
 *
 * @example
 * ```ts
 * import { node } from "@millrace/graph";
 *
 * const fetch = node({ name: "fetch", modules: [async ({ task }) => String(task.params["url"])] });
 * const count = node({
 *   name: "count",
 *   dependencies: ["fetch"],
 *   modules: [({ results }) => String(results["fetch"]).length],
 * });
 * ```
 *
 * @throws {@link ConfigError} naming the option that cannot work
 */
export function node(options: NodeOptions): GraphNode {
  const at = `node ${JSON.stringify(Object(options).name)}`;
  checkNode(options, at);
  const { name, parallel = false, retry = {}, condition, outputMailbox } = options;
  const modules = options.modules.map((part, index) => toModule(part, index, `${at}.modules[${index}]`));
  checkNames(modules, at);
  if (retry && retry.retryFrom !== undefined) {
    if (parallel) throw new ConfigError(`${at}.retry.retryFrom`, "is of no use where the modules run side by side");
    if (!modules.some((module) => module.name === retry.retryFrom)) {
      const known = modules.map((module) => module.name).join(", ");
      throw new ConfigError(`${at}.retry.retryFrom`, `expected one of the modules ${known}, got "${retry.retryFrom}"`);
    }
  }
  return Object.freeze<GraphNode>({
    kind: "node",
    name,
    modules,
    dependencies: [...new Set(options.dependencies)],
    parallel,
    stopOnSuccess: options.stopOnSuccess ?? false,
    condition,
    inputs: options.inputs ?? [],
    outputs: options.outputs ?? [],
    retry,
    maxVisits: options.maxVisits ?? 5,
    snapshot: options.snapshot ?? "never",
    outputMailbox,
  });
}

/** Whether a part of a node is a node itself. */
export function isNode(part: unknown): part is GraphNode {
  return isObject(part) && part["kind"] === "node";
}

/** All modules of a node, with those of the nodes in it. */
export function modulesOf(node: GraphNode): Module[] {
  return node.modules.flatMap((part) => (isNode(part) ? modulesOf(part) : [part]));
}

const checkOptions = fields({
  name: text,
  modules: list,
  dependencies: texts,
  parallel: flag,
  stopOnSuccess: flag,
  condition: checkCondition,
  inputs: texts,
  outputs: texts,
  retry: (value, at) => {
    if (value !== false) checkRetry(value, at);
  },
  maxVisits: countOrNone,
  snapshot: oneOf("never", "once", "always"),
  outputMailbox: text,
} satisfies Record<keyof NodeOptions, Check>);

const checkRetry = fields({
  maxRetries: countOrNone,
  retryFrom: text,
  backoff: oneOf("exponential", "linear", "fixed"),
  initialDelayMs: millisecondsOrNone,
  maxDelayMs: millisecondsOrNone,
} satisfies Record<keyof NodeRetry, Check>);

function checkNode(options: NodeOptions, at: string): void {
  checkOptions(options, at);
  text(options.name, `${at}.name`);
  list(options.modules, `${at}.modules`);
}

function toModule(part: NodePart, index: number, at: string): Module | GraphNode {
  if (typeof part === "function") return { name: part.name || `module-${index + 1}`, run: part };
  if (isNode(part)) return checkedInner(part, at);
  if (isAgent(part)) return agentModule(part);
  checkModule(part, at);
  return part;
}

function checkedInner(node: GraphNode, at: string): GraphNode {
  if (node.dependencies.length > 0) {
    throw new ConfigError(`${at}.dependencies`, "a node within a node has none: the order of the modules is its order");
  }
  if (node.snapshot !== "never") {
    throw new ConfigError(`${at}.snapshot`, "a node within a node is saved with the outer one: set it there");
  }
  return node;
}

/** Paths of modules are their names joined by `/`. */
function checkNames(modules: readonly { readonly name: string }[], at: string): void {
  const names = new Set<string>();
  for (const { name } of modules) {
    if (name.includes("/")) throw new ConfigError(`${at}.modules`, `the name "${name}" must not contain "/"`);
    if (names.has(name)) throw new ConfigError(`${at}.modules`, `two are named "${name}"; names must be different`);
    names.add(name);
  }
}
