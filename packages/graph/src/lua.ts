/**
 * Conditions written in Lua.
 *
 * @module
 */
import { errorMessage } from "millrace";
import { type Check, count, fields, milliseconds, text } from "millrace/runs";
import type { ConditionExpression, Values } from "./condition.ts";
import { evaluateLua, isSimple, isTruthy } from "./lua/evaluate-lua.ts";
import { LuaError } from "./lua/lua-error.ts";
import { keysOf } from "./lua/lua-names.ts";
import { type LuaExpression, parseLua } from "./lua/lua-syntax.ts";
import { type LuaValue, LuaValues } from "./lua/lua-value.ts";
import { findEngine } from "./lua/lua-workers.ts";

export { LuaError, type LuaFailureKind } from "./lua/lua-error.ts";

/** Options of {@link lua}. */
export interface LuaOptions {
  /** How long one evaluation may take, in milliseconds. Default: 200. */
  timeoutMs?: number;
  /** How much memory it may take beside the values that it reads, in bytes. Default: 8 MiB. */
  maxBytes?: number;
}

const checkOptions = fields({ timeoutMs: milliseconds, maxBytes: count } satisfies Record<keyof LuaOptions, Check>);

/** Where the worker's file is, beside this one: as it was written, or as it was built. */
const workerFile = new URL(`./lua/worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);

/**
 * A condition as an expression of Lua 5.4, such as `task.ready == true` or `current_step < #plan`; or a small script that
 * returns a value. Its names are keys of the task's cache; what is nil or false is false, all else is true.
 *
 * It is checked at once. Comparisons, paths, `#`, `and`, `or` and `not` are decided in place, on any runtime. Calls,
 * arithmetic and scripts are left to the package `wasmoon`, in a worker of `node:worker_threads` that is ended when it
 * takes too long: without I/O, without `load`, each evaluation in a state of its own.
 *
 * @example
 * ```ts
 * import { flowControl } from "@millrace/graph";
 * import { lua } from "@millrace/graph/lua";
 *
 * const next = flowControl({ decisions: [{ next: "work", condition: lua("current_step < #plan") }] });
 * ```
 *
 * @throws {@link ConfigError} for what is not Lua, for a call of what conditions do not have, and where `wasmoon` or
 *   workers are needed and not there
 * @throws {@link LuaError} from `evaluate`
 */
export function lua(source: string, options: LuaOptions = {}): ConditionExpression {
  text(source, "lua");
  checkOptions(options, "lua");
  const { timeoutMs = 200, maxBytes = 8 * 1024 * 1024 } = options;
  const { expression, uses } = parseLua(source);
  const keys = keysOf(source, uses);
  const known = new Set(keys);
  if (expression && isSimple(expression, (name) => known.has(name))) {
    return { source, keys, evaluate: (values) => decide(source, expression, values) };
  }
  const engine = findEngine(source, workerFile);
  const code = expression ? `return ${source}\n` : source;
  return {
    source,
    keys,
    evaluate: (values, { signal }) =>
      engine.evaluate({ source, code, values: luaValues(keys, values), maxBytes, timeoutMs }, signal),
  };
}

function decide(source: string, expression: LuaExpression, values: Values): boolean {
  const given = new LuaValues();
  try {
    return isTruthy(evaluateLua(expression, (name) => given.of(own(values, name))));
  } catch (error) {
    throw new LuaError(errorMessage(error), { kind: "failed", source });
  }
}

/** What the names stand for; those of the library, too, where they are keys. */
function luaValues(keys: readonly string[], values: Values): Map<string, LuaValue> {
  const given = new LuaValues();
  return new Map(keys.map((key) => [key, given.of(own(values, key))]));
}

function own(values: Values, key: string): unknown {
  return Object.hasOwn(values, key) ? values[key] : undefined;
}
