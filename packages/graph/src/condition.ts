import type { Cache } from "@millrace/cache";
import { type Check, callable, isObject, text, texts, wrong } from "millrace/runs";

/** The values of a task's cache, by their keys. The task itself is under `task`. */
export type Values = Readonly<Record<string, unknown>>;

/** A condition written as a text, such as those of `@millrace/graph/lua`: it can be shown, and says which keys it reads. */
export interface ConditionExpression {
  /** Its text, for events and drawings. */
  readonly source: string;
  /** The keys of the cache that it reads; no others are given to it. A key without a value is missing in `values`. */
  readonly keys: readonly string[];
  /** @param options `signal` aborts when the run is stopped */
  evaluate(values: Values, options: { signal: AbortSignal }): boolean | Promise<boolean>;
}

/**
 * Decides something from the values of the task's cache: a function, or an expression. What it throws fails the node that
 * asked it.
 *
 * @example
 * ```ts
 * import type { Condition } from "@millrace/graph";
 *
 * const isReady: Condition = ({ task, plan }) => task !== undefined && Array.isArray(plan) && plan.length > 0;
 * ```
 */
export type Condition = ((values: Values) => boolean | Promise<boolean>) | ConditionExpression;

/** Asks a condition. An expression gets the keys that it reads, a function all values of the scope. */
export async function isTrue(condition: Condition, cache: Cache, signal: AbortSignal): Promise<boolean> {
  if (typeof condition === "function") return Boolean(await condition(Object.fromEntries(await cache.getAll())));
  const entries = await Promise.all(condition.keys.map(async (key) => [key, await cache.get(key)] as const));
  const values = Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  return Boolean(await condition.evaluate(values, { signal }));
}

export const checkCondition: Check = (value, at) => {
  if (typeof value === "function") return;
  if (!isObject(value)) throw wrong(at, 'a function, or an expression such as lua("…")', value);
  const { source, keys, evaluate } = value;
  text(source, `${at}.source`);
  texts(keys, `${at}.keys`);
  callable(evaluate, `${at}.evaluate`);
};
