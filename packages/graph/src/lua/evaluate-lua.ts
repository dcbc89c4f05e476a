import { libraryTables } from "./lua-library.ts";
import type { Comparison, LuaExpression } from "./lua-syntax.ts";
import { keyOf, type LuaFunction, type LuaValue } from "./lua-value.ts";

/** Whether an expression can be decided without Lua. */
export function isSimple(expression: LuaExpression, isKey: (name: string) => boolean): boolean {
  switch (expression.kind) {
    case "other":
      return false;
    case "constant":
      return true;
    case "name":
      return isKey(expression.name);
    case "index":
      return isSimple(expression.object, isKey) && isSimple(expression.key, isKey);
    case "not":
    case "length":
      return isSimple(expression.operand, isKey);
    default:
      return isSimple(expression.left, isKey) && isSimple(expression.right, isKey);
  }
}

/**
 * What a simple expression gives, exactly as Lua would.
 *
 * @throws an error that says what Lua says
 */
export function evaluateLua(expression: LuaExpression, lookUp: (name: string) => LuaValue): LuaValue {
  const evaluate = (inner: LuaExpression): LuaValue => evaluateLua(inner, lookUp);
  switch (expression.kind) {
    case "constant":
      return expression.value;
    case "name":
      return lookUp(expression.name);
    case "index":
      return index(expression.object, evaluate(expression.object), evaluate(expression.key));
    case "not":
      return !isTruthy(evaluate(expression.operand));
    case "length":
      return lengthOf(expression.operand, evaluate(expression.operand));
    case "and": {
      const left = evaluate(expression.left);
      return isTruthy(left) ? evaluate(expression.right) : left;
    }
    case "or": {
      const left = evaluate(expression.left);
      return isTruthy(left) ? left : evaluate(expression.right);
    }
    case "other":
      throw new Error("it cannot be decided without Lua");
    default:
      return compare(expression.kind, evaluate(expression.left), evaluate(expression.right));
  }
}

/** All but nil and false. */
export function isTruthy(value: LuaValue): boolean {
  return value !== undefined && value !== false;
}

function index(object: LuaExpression, value: LuaValue, key: LuaValue): LuaValue {
  // A text has the functions of the library as its fields.
  if (typeof value === "string") return typeof key === "string" ? textFunctions.get(key) : undefined;
  if (typeof value !== "object" || value.kind === "function") {
    throw new Error(`attempt to index a ${typeName(value)} value${described(object)}`);
  }
  const known = typeof key === "object" || key === undefined ? undefined : keyOf(key);
  return known === undefined ? undefined : value.entries.get(known);
}

const textFunctions: ReadonlyMap<string, LuaFunction> = new Map(
  [...(libraryTables.get("string") ?? [])].map((name) => [name, { kind: "function" }]),
);

function lengthOf(operand: LuaExpression, value: LuaValue): number {
  if (typeof value === "string") return new TextEncoder().encode(value).length;
  if (typeof value === "object" && value.kind === "table") return value.length;
  throw new Error(`attempt to get length of a ${typeName(value)} value${described(operand)}`);
}

function compare(operator: Comparison, left: LuaValue, right: LuaValue): boolean {
  switch (operator) {
    case "==":
      return isEqual(left, right);
    case "~=":
      return !isEqual(left, right);
    case "<":
      return order(left, right, (a, b) => a < b);
    case "<=":
      return order(left, right, (a, b) => a <= b);
    case ">":
      return order(right, left, (a, b) => a < b);
    case ">=":
      return order(right, left, (a, b) => a <= b);
  }
}

function isEqual(left: LuaValue, right: LuaValue): boolean {
  // The two kinds of numbers are compared by what they are worth.
  // biome-ignore lint/suspicious/noDoubleEquals: 1n == 1
  if (isNumber(left) && isNumber(right)) return left == right;
  return left === right;
}

function order(
  left: LuaValue,
  right: LuaValue,
  holds: (left: number | bigint, right: number | bigint) => boolean,
): boolean {
  if (isNumber(left) && isNumber(right)) return holds(left, right);
  if (typeof left === "string" && typeof right === "string") return holds(compareTexts(left, right), 0);
  const [a, b] = [typeName(left), typeName(right)];
  throw new Error(a === b ? `attempt to compare two ${a} values` : `attempt to compare ${a} with ${b}`);
}

/** Below 0 where the first one comes first: by their bytes. */
function compareTexts(left: string, right: string): number {
  const [a, b] = [new TextEncoder().encode(left), new TextEncoder().encode(right)];
  const at = a.findIndex((byte, position) => byte !== b[position]);
  return at < 0 ? a.length - b.length : (a[at] ?? 0) - (b[at] ?? -1);
}

function isNumber(value: LuaValue): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

function typeName(value: LuaValue): string {
  if (value === undefined) return "nil";
  if (typeof value === "object") return value.kind;
  return typeof value === "bigint" ? "number" : typeof value;
}

/** The name of what is wrong, as Lua tells it. */
function described(expression: LuaExpression): string {
  if (expression.kind === "name") return ` (global '${expression.name}')`;
  const { kind } = expression;
  if (kind !== "index" || expression.key.kind !== "constant") return "";
  return typeof expression.key.value === "string" ? ` (field '${expression.key.value}')` : "";
}
