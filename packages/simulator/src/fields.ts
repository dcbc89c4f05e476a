import { type JsonObject, list, object } from "./json.ts";
import { resolveSchema, typeOf } from "./schema.ts";
import { identifierWords } from "./words.ts";

/** What a tool has told. */
export interface Fact {
  /** The result in words. */
  text: string;
  /** The same as a sentence that says what it is about. */
  sentence: string;
  /** The call's arguments and the result's fields, by name. */
  fields: JsonObject;
}

/** Where the values of an object's fields come from. */
export interface Evidence {
  /** Texts to look into, nearest first: the words about this tool, the whole prompt, earlier prompts. */
  texts: string[];
  facts: Fact[];
  /** Whether every field is wanted (an answer), not only what the texts speak of (a call). */
  complete: boolean;
  /** Meanings that make no names: the words of the tools. */
  ignored: ReadonlySet<string>;
}

/** Fields of one pool share the values that a text holds. */
export type Pool =
  | "number"
  | "email"
  | "url"
  | "zone"
  | "path"
  | "date"
  | "time"
  | "code"
  | "expression"
  | "query"
  | "text"
  | "title"
  | "name";

/** A field of an object to fill. */
export interface Field {
  name: string;
  schema: JsonObject;
  type: string;
  /** Whether the object must have it, if only as null. */
  present: boolean;
  /** Whether it must have a value. */
  required: boolean;
  pool: Pool | undefined;
}

/** Which pool a string field draws from, by its format, the words of its name, or its description. First match wins. */
const POOLS: { pool: Pool; format?: RegExp; name?: RegExp; description?: RegExp }[] = [
  { pool: "email", format: /^email$/, name: /\be ?mails?\b/, description: /e-?mail address/i },
  { pool: "url", format: /^ur[il]$/, name: /\b(url|uri|link|website)s?\b/ },
  { pool: "zone", name: /time ?zone|\btz\b/, description: /\bIANA\b/ },
  { pool: "path", name: /\b(paths?|files?|filename|directory|folder|dir)\b/ },
  { pool: "date", format: /^date/, name: /\b(dates?|days?|when|deadline|due)\b/ },
  { pool: "time", format: /^time$/, name: /\btime\b/ },
  { pool: "code", name: /\b(ids?|code|number|reference|sku|key|zip|phone|latitude|longitude|amount|quantity)\b/ },
  { pool: "expression", name: /\b(expression|formula|equation)\b/ },
  { pool: "query", name: /\b(query|q|keywords?|terms?|topic|search|subject|sql)\b/ },
  {
    pool: "text",
    name: /\b(text|content|body|message|notes?|prompt|task|input|question|request|instructions?|description|comment|reason|summary|answer|output|result|todo)\b/,
  },
  { pool: "title", name: /\b(title|product|item|book|movie|film|song)\b/ },
];

/** The fields that a schema gives an object. */
export function fieldsOf(schema: JsonObject, root: JsonObject): Field[] {
  const whole = resolveSchema(schema, root);
  return Object.entries(object(whole.properties)).map(([name, raw]) => {
    const field = resolveSchema(object(raw), root);
    const present = list(whole.required).includes(name);
    const required = present && field.nullable !== true;
    return { name, schema: field, type: typeOf(field), present, required, pool: poolOf(name, field) };
  });
}

function poolOf(name: string, schema: JsonObject): Pool | undefined {
  const type = typeOf(schema);
  if (schema.enum || schema.const !== undefined) return undefined;
  if (type === "number" || type === "integer") return "number";
  if (type !== "string") return undefined;
  const words = identifierWords(name).join(" ");
  const matches = (pattern: RegExp | undefined, value: unknown): boolean =>
    pattern !== undefined && typeof value === "string" && pattern.test(value);
  const rule = POOLS.find(
    (rule) =>
      matches(rule.format, schema.format) || matches(rule.name, words) || matches(rule.description, schema.description),
  );
  return rule?.pool ?? "name";
}
