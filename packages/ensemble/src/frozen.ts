import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Issue, StandardIssue, StandardSchema } from "millrace";
import { ValidationError } from "./errors.ts";
import { Float, pythonJson } from "./python-json.ts";
import { currentScope } from "./scope.ts";

/** What a frozen object can hold: plain data, other frozen objects, agents. */
export type FrozenValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Float
  | Freezable
  | readonly FrozenValue[]
  | { readonly [field: string]: FrozenValue };

/** Fields as they are given. Checked, copied and frozen at once; those that are undefined are left out. */
export type Fields = Readonly<Record<string, unknown>>;

/** Something that is immutable by itself and knows its plain form: messages, tokens, agents. */
export abstract class Freezable {
  /** The plain data that stands for this in JSON and in a hash. */
  abstract toPlain(): Record<string, unknown>;
}

/** A class of frozen objects. */
export interface FrozenClass<Instance extends Frozen = Frozen> {
  new (fields: Fields): Instance;
  readonly className: string;
  readonly defaults: Fields;
  readonly schema?: StandardSchema | undefined;
}

/**
 * An immutable object of plain data, known by the hash of its content, as a commit in git is. What is given is copied and
 * frozen to its depth; other frozen objects are kept as they are.
 */
export class Frozen extends Freezable {
  /** Its name in the field `class_`, which is part of the hash. Without one of its own a class goes by its JavaScript name. */
  static readonly className: string = "Frozen";
  /** Fields that every object of the class has, with their values where none are given. */
  static readonly defaults: Fields = {};
  /** What the fields are checked against, where there is something. */
  static readonly schema: StandardSchema | undefined = undefined;

  /** The name of the class. */
  declare readonly class_: string;

  /** @throws {@link ValidationError} for what is no plain data, or does not fit the schema of the class */
  constructor(fields: Fields = {}) {
    super();
    const { className, schema, defaults } = new.target;
    const name = Object.hasOwn(new.target, "className") ? className : new.target.name;
    if (!isPlainObject(fields)) {
      throw new ValidationError(name, [{ path: "", message: `expected an object of fields, got ${kindOf(fields)}` }]);
    }
    const { class_: _, ...given } = { ...defaults, ...fields };
    setField(this, "class_", name);
    for (const [field, value] of Object.entries(schema ? checked(given, schema, defaults, name) : given)) {
      if (value === undefined) continue;
      if (field in new.target.prototype)
        throw new ValidationError(name, [{ path: field, message: "this name is taken" }]);
      setField(this, field, freezeValue(value, field, name));
    }
    Object.freeze(this);
  }

  /** The value of a field that the class may not know. */
  get(field: string): FrozenValue | undefined {
    const own: Record<string, FrozenValue> = Object(this);
    return Object.hasOwn(this, field) ? own[field] : undefined;
  }

  /** All fields but `class_`. */
  fields(): Record<string, FrozenValue> {
    const { class_: _, ...fields }: Record<string, FrozenValue> = Object(this);
    return fields;
  }

  /** The plain data that is hashed. Nested plain objects say of themselves that they are `Frozen`. */
  serialize(): Record<string, unknown> {
    return this.toPlain();
  }

  override toPlain(): Record<string, unknown> {
    return plainFields(this, plainValue);
  }

  /** For `JSON.stringify`. */
  toJSON(): Record<string, unknown> {
    return this.toPlain();
  }

  /** Compact JSON of everything, `class_` first, then the fields in their order. */
  get fullJson(): string {
    return compactJson(this.toPlain());
  }

  /**
   * The hash of the content: the first 40 hexadecimal digits of the SHA-256 of its JSON, or all 64 in an ensemble with
   * `longHashKeys`. The order of the fields does not matter.
   */
  get hashKey(): string {
    const isLong = currentScope().ensemble?.longHashKeys ?? false;
    const keys = isLong ? longKeys : shortKeys;
    const known = keys.get(this);
    if (known !== undefined) return known;
    const digest = bytesToHex(sha256(utf8ToBytes(pythonJson(this.serialize()))));
    const key = isLong ? digest : digest.slice(0, 40);
    keys.set(this, key);
    return key;
  }

  override toString(): string {
    return this.fullJson;
  }
}

const shortKeys = new WeakMap<Frozen, string>();
const longKeys = new WeakMap<Frozen, string>();

/** The fields of an object by a rule, `class_` with them. */
export function plainFields(
  source: object,
  plain: (value: unknown, field: string, into: Record<string, unknown>) => unknown,
): Record<string, unknown> {
  const into: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(source)) {
    const shown = plain(value, field, into);
    if (shown !== undefined) setField(into, field, shown);
  }
  return into;
}

/** A frozen value as plain data. */
export function plainValue(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Float) return value;
  if (value instanceof Freezable) return value.toPlain();
  if (Array.isArray(value)) return value.map(plainValue);
  return { class_: "Frozen", ...plainFields(withoutClass(value), plainValue) };
}

/** A nested object cannot say that it is of another class. */
export function withoutClass(value: object): Record<string, unknown> {
  const { class_: _, ...fields }: { class_?: unknown } = value;
  return fields;
}

const maxDepth = 200;

/**
 * A deep-frozen copy of plain data.
 *
 * @throws {@link ValidationError} naming the path of what is no plain data
 */
export function freezeValue(value: unknown, path: string, what: string, depth = 0): FrozenValue {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "bigint" || value instanceof Float || value instanceof Freezable) return value;
  if (depth > maxDepth) throw new ValidationError(what, [{ path, message: "nested too deeply, or in a circle" }]);
  if (Array.isArray(value)) {
    return Object.freeze(Array.from(value, (entry, at) => freezeValue(entry, `${path}[${at}]`, what, depth + 1)));
  }
  if (!isPlainObject(value)) {
    throw new ValidationError(what, [
      { path, message: `expected plain data, a message or an agent, got ${kindOf(value)}` },
    ]);
  }
  const copy: Record<string, FrozenValue> = {};
  for (const [key, entry] of Object.entries(value)) {
    if (entry !== undefined) setField(copy, key, freezeValue(entry, `${path}.${key}`, what, depth + 1));
  }
  return Object.freeze(copy);
}

/** An object literal, or the like. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function kindOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return `a ${typeof value}`;
  return `an object of class ${value.constructor?.name ?? "unknown"}`;
}

/** Assigning `__proto__` would replace the prototype. */
function setField(target: object, field: string, value: unknown): void {
  Object.defineProperty(target, field, { value, enumerable: true, configurable: true, writable: true });
}

/** The fields as the schema gives them back; those that it does not know are kept, unless it refuses them. */
function checked(given: Fields, schema: StandardSchema, defaults: Fields, name: string): Fields {
  const own = Object.fromEntries(Object.entries(given).filter(([field]) => !(field in defaults)));
  const result = schema["~standard"].validate(own);
  if (result instanceof Promise) {
    throw new ValidationError(name, [{ path: "", message: "the schema is asynchronous; a message is made at once" }]);
  }
  if (result.issues) throw new ValidationError(name, result.issues.map(toIssue));
  return { ...given, ...Object(result.value) };
}

function toIssue({ message, path = [] }: StandardIssue): Issue {
  const keys = path.map((step) => (typeof step === "object" ? step.key : step));
  return { path: keys.map(String).join("."), message };
}

/** Like `JSON.stringify`, for what has big integers and floats in it. */
function compactJson(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Float) return pythonJson(value);
  if (Array.isArray(value)) return `[${value.map(compactJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, entry]) => `${JSON.stringify(key)}:${compactJson(entry)}`)
    .join(",")}}`;
}
