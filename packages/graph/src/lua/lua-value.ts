/** A value as Lua has it. What is `nil` there is undefined here. */
export type LuaValue = undefined | boolean | number | bigint | string | LuaTable | LuaFunction;

/** What a table may have as key. */
export type LuaKey = boolean | number | bigint | string;

/** A table. Plain data, so that it can be sent to a worker. */
export interface LuaTable {
  readonly kind: "table";
  readonly entries: Map<LuaKey, LuaValue>;
  /** What `#` gives: of a list how long it is, also where a value in it is nil. */
  readonly length: number;
}

/** A function of Lua's library that a text gives as a field, such as `name.lower`. */
export interface LuaFunction {
  readonly kind: "function";
}

/** Makes tables of what one evaluation sees. The same object, met twice, is the same table. */
export class LuaValues {
  readonly #known = new Map<object, LuaTable>();

  /**
   * Plain data becomes what it is in Lua: null and undefined nil, lists tables from 1 on, objects tables by their keys, a
   * map a table by its keys (other than objects), a set a list, bytes a list of numbers, a date its ISO text. A bigint
   * that is too large for an integer of Lua becomes a float, as Lua reads such a number. What cannot be data is nil.
   */
  of(value: unknown): LuaValue {
    switch (typeof value) {
      case "boolean":
      case "number":
        return value;
      case "bigint":
        return ofInteger(value);
      case "string":
        return value.toWellFormed();
      case "object":
        if (value === null) return undefined;
        if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString();
        return this.#known.get(value) ?? this.#table(value);
      default:
        return undefined;
    }
  }

  #table(value: object): LuaTable {
    const table = this.#begin(value);
    const { entries } = table;
    if (Array.isArray(value) || value instanceof Set || isTypedArray(value)) {
      for (const entry of value) this.#put(entries, ++table.length, entry);
      return table;
    }
    for (const [name, entry] of value instanceof Map ? value : Object.entries(value)) {
      const key = this.#key(name);
      if (key !== undefined) this.#put(entries, key, entry);
    }
    while (entries.has(table.length + 1)) table.length++;
    return table;
  }

  /** Known before it is filled: it may hold itself. */
  #begin(value: object): LuaTable & { length: number } {
    const table: LuaTable & { length: number } = { kind: "table", entries: new Map(), length: 0 };
    this.#known.set(value, table);
    return table;
  }

  #put(entries: Map<LuaKey, LuaValue>, key: LuaKey, entry: unknown): void {
    const value = this.of(entry);
    if (value !== undefined) entries.set(key, value);
  }

  #key(name: unknown): LuaKey | undefined {
    const key = typeof name === "object" ? undefined : this.of(name);
    return typeof key === "object" || key === undefined ? undefined : keyOf(key);
  }
}

/** A key as a table has it: integers are one, however they were written; what is no number at all is none. */
export function keyOf(key: LuaKey): LuaKey | undefined {
  if (typeof key !== "number") return key;
  if (Number.isNaN(key)) return undefined;
  return Number.isInteger(key) && !Number.isSafeInteger(key) && key >= -(2 ** 63) && key < 2 ** 63 ? BigInt(key) : key;
}

/** An integer of any size as Lua has it. */
export function ofInteger(value: bigint): number | bigint {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  return BigInt.asIntN(64, value) === value ? value : number;
}

function isTypedArray(value: object): value is Uint8Array {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}
