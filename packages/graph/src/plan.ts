import { ConfigError } from "millrace";
import { type GraphNode, modulesOf } from "./graph-node.ts";

/**
 * What depends on what, and the order that follows from it: a node stands in the step after the last one of its
 * dependencies. Immutable.
 */
export class Plan {
  readonly nodes: ReadonlyMap<string, GraphNode>;
  /** What each node depends on; of a node with others added behind it, more than it says itself. */
  readonly dependencies: ReadonlyMap<string, readonly string[]>;
  readonly #dependents = new Map<string, string[]>();
  readonly #levels = new Map<string, number>();

  /** @throws {@link ConfigError} naming the nodes where a name is taken twice, not known, or depends on itself */
  constructor(nodes: readonly GraphNode[], dependencies?: ReadonlyMap<string, readonly string[]>) {
    this.nodes = byName(nodes);
    this.dependencies = dependencies ?? new Map(nodes.map((node) => [node.name, node.dependencies]));
    this.#checkNames();
    this.#order();
  }

  /** The steps of some nodes, in order. Default: of all. */
  steps(names?: ReadonlySet<string>): string[][] {
    const steps: string[][] = [];
    for (const name of this.nodes.keys()) {
      if (names && !names.has(name)) continue;
      const level = this.#levels.get(name) ?? 0;
      steps[level] ??= [];
      steps[level].push(name);
    }
    // Also takes out the holes.
    return steps.filter((step) => step.length > 0);
  }

  /** A node and all that depends on it, directly or not; each name once. */
  chain(...names: readonly string[]): Set<string> {
    const chain = new Set(names);
    // A set gives what is added to it while it is walked.
    for (const name of chain) for (const dependent of this.#dependents.get(name) ?? []) chain.add(dependent);
    return chain;
  }

  /** The nodes of the steps before a node, and itself. */
  before(name: string): string[] {
    const level = this.#levels.get(name) ?? 0;
    return [...this.nodes.keys()].filter((other) => other === name || (this.#levels.get(other) ?? 0) < level);
  }

  /** The plan with nodes between one node and those that depend on it. */
  with(added: readonly GraphNode[], creator: string): Plan {
    const dependencies = new Map(this.dependencies);
    const names = added.map(({ name }) => name);
    for (const dependent of this.#dependents.get(creator) ?? []) {
      dependencies.set(dependent, [...(dependencies.get(dependent) ?? []), ...names]);
    }
    for (const node of added) dependencies.set(node.name, [...new Set([creator, ...node.dependencies])]);
    return new Plan([...this.nodes.values(), ...added], dependencies);
  }

  #checkNames(): void {
    for (const [name, dependencies] of this.dependencies) {
      for (const dependency of dependencies) {
        if (!this.nodes.has(dependency)) {
          throw new ConfigError(`node "${name}".dependencies`, `there is no node named "${dependency}"`);
        }
      }
    }
    for (const node of this.nodes.values()) {
      for (const module of modulesOf(node)) {
        const targets = [...(module.decisions ?? []).map(({ next }) => next), module.default];
        const unknown = targets.find((target) => target !== undefined && !this.nodes.has(target));
        if (unknown !== undefined) {
          throw new ConfigError(
            `node "${node.name}"`,
            `its module ${module.name} leads to "${unknown}", which is no node`,
          );
        }
      }
    }
  }

  /** Takes one after the other the nodes whose dependencies have all been taken. */
  #order(): void {
    const missing = new Map<string, number>();
    const ready: string[] = [];
    for (const [name, dependencies] of this.dependencies) {
      missing.set(name, dependencies.length);
      if (dependencies.length === 0) ready.push(name);
      for (const dependency of dependencies) {
        const dependents = this.#dependents.get(dependency);
        if (dependents) dependents.push(name);
        else this.#dependents.set(dependency, [name]);
      }
    }
    for (const name of ready) {
      // What is ready later stands behind what is ready now, so the last dependency decides.
      const level = this.#levels.get(name) ?? 0;
      this.#levels.set(name, level);
      for (const dependent of this.#dependents.get(name) ?? []) {
        const left = (missing.get(dependent) ?? 0) - 1;
        missing.set(dependent, left);
        this.#levels.set(dependent, Math.max(this.#levels.get(dependent) ?? 0, level + 1));
        if (left === 0) ready.push(dependent);
      }
    }
    if (ready.length < this.nodes.size) throw this.#cycle(new Set(ready));
  }

  #cycle(ordered: ReadonlySet<string>): ConfigError {
    const path = new Set<string>();
    let name = [...this.nodes.keys()].find((other) => !ordered.has(other)) ?? "";
    while (!path.has(name)) {
      path.add(name);
      name = this.dependencies.get(name)?.find((dependency) => !ordered.has(dependency)) ?? "";
    }
    const circle = [...path, name];
    const cycle = circle.slice(circle.indexOf(name)).reverse().join(" → ");
    return new ConfigError(
      "nodes",
      `they depend on each other in a circle: ${cycle}; go back by a flow control, not by dependencies`,
    );
  }
}

function byName(nodes: readonly GraphNode[]): Map<string, GraphNode> {
  const map = new Map<string, GraphNode>();
  for (const node of nodes) {
    if (map.has(node.name)) throw new ConfigError("nodes", `two are named "${node.name}"; names must be different`);
    map.set(node.name, node);
  }
  return map;
}
