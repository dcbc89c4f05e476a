import type { Condition } from "./condition.ts";
import type { DecisionOutline, ModuleOutline, NodeOutline } from "./events.ts";
import { type GraphNode, isNode, modulesOf } from "./graph-node.ts";
import type { Module } from "./module.ts";

/** A node in words: what events tell of it, and what is drawn. */
export function outlineOf(node: GraphNode, dependencies: readonly string[] = node.dependencies): NodeOutline {
  const modules = outlinesOf(node);
  const decisions = modulesOf(node).flatMap(decisionsOf);
  const isPlain = modules.length === 1 && modules[0]?.modules === undefined;
  return {
    name: node.name,
    dependencies,
    ...(node.condition && { condition: nameOf(node.condition) }),
    ...(!isPlain && { modules }),
    ...(decisions.length > 0 && { decisions }),
  };
}

function outlinesOf(node: GraphNode): ModuleOutline[] {
  return node.modules.map((part) => ({ name: part.name, ...(isNode(part) && { modules: outlinesOf(part) }) }));
}

function decisionsOf({ decisions = [], default: otherwise }: Module): DecisionOutline[] {
  const ways = decisions.map(({ next, description, condition }) => {
    const label = description ?? (condition && nameOf(condition));
    return { next, ...(label !== undefined && { label }) };
  });
  return otherwise === undefined ? ways : [...ways, { next: otherwise, isDefault: true }];
}

/** A function that was written in place is called after the option that it is. */
function nameOf(condition: Condition): string {
  if (typeof condition !== "function") return condition.source;
  return condition.name === "" || condition.name === "condition" ? "when" : condition.name;
}
