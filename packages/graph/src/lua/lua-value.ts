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
        return value;
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
    if (Array.isArray(value) || value instanceof Set || isTypedArray(value)) return this.#list(value);
    const entries = new Map<LuaKey, LuaValue>();
    const given = value instanceof Map ? value : Object.entries(value);
    const table = this.#remember(value, entries, () => borderOf(entries));
    for (const [name, entry] of given) {
      const key = this.#key(name);
      const field = this.of(entry);
      if (key !== undefined && field !== undefined) entries.set(key, field);
    }
    return table;
  }

  #list(value: Iterable<unknown> & object): LuaTable {
    const entries = new Map<LuaKey, LuaValue>();
    let length = 0;
    const table = this.#remember(value, entries, () => length);
    for (const entry of value) {
      const item = this.of(entry);
      length++;
      if (item !== undefined) entries.set(length, item);
    }
    return table;
  }

  /** Known before it is filled: it may hold itself. */
  #remember(value: object, entries: Map<LuaKey, LuaValue>, lengthOf: () => number): LuaTable {
    const table: LuaTable = {
      kind: "table",
      entries,
      get length() {
        return lengthOf();
      },
    };
    this.#known.set(value, table);
    return table;
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
  return Number.isInteger(key) && !Number.isSafeInteger(key) && Math.abs(key) < 2 ** 63 ? BigInt(key) : key;
}

/** An integer of any size as Lua has it. */
export function ofInteger(value: bigint): number | bigint {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  return BigInt.asIntN(64, value) === value ? value : number;
}

function borderOf(entries: ReadonlyMap<LuaKey, LuaValue>): number {
  let border = 0;
  while (entries.has(border + 1)) border++;
  return border;
}

function isTypedArray(value: object): value is Uint8Array {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}
