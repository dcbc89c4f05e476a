import { extract, type Value } from "./extract.ts";
import { freeText, topicOf } from "./free-text.ts";
import { type JsonObject, list, object } from "./json.ts";
import { fitted, proposed, resolveSchema, typeOf } from "./schema.ts";
import { identifierMeanings, identifierWords, isNameless, isStopWord, meaningOf, type Word, wordsOf } from "./words.ts";

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
type Pool =
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

interface Field {
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

/** Words before a value that say which field it is for. */
const CUES: [field: RegExp, before: RegExp][] = [
  [/\b(from|origin|source|start|departure)\b/, /^(from|between)$/],
  [/\b(to|target|destination|end|arrival|recipient)\b/, /^(to|into|until|till)$/],
  [/\b(limit|top|count)\b/, /^(top|first)$/],
  [/\b(max|maximum|budget)\b/, /^(under|below|most)$/],
  [/\b(min|minimum)\b/, /^(over|above|least)$/],
];
const PLACE = /\b(city|cities|place|location|town|country|region|area|address|zone|timezone)\b/;

/**
 * The objects that a schema and the evidence make: one, or one for each value where several fit one field
 * ("weather in Tokyo and London").
 */
export function fillObject(schema: JsonObject, evidence: Evidence, root: JsonObject = schema, depth = 0): JsonObject[] {
  const fields = depth > 8 ? [] : fieldsOf(schema, root);
  const enumWords = fields.flatMap(({ schema }) => list(schema.enum).map(String).flatMap(identifierMeanings));
  const within = { ...evidence, ignored: new Set([...evidence.ignored, ...enumWords]) };
  const values = new Map<Field, unknown[]>();
  for (const field of fields) {
    const known = stated(field, within);
    if (known !== undefined) values.set(field, [known]);
  }
  shareEnums(fields, within, values);
  for (const pool of new Set(fields.map((field) => field.pool))) {
    if (pool) shareOut(pool, fields, within, values);
  }
  for (const field of fields) {
    if (!values.get(field)?.length) values.set(field, otherValues(field, within, root, depth));
  }
  const count = Math.max(1, ...[...values.values()].map((options) => options.length));
  return Array.from({ length: count }, (_, index) => {
    const entries = fields.map((field) => {
      const options = values.get(field) ?? [];
      return { field, options, value: options[options.length === count ? index : 0] };
    });
    const present = entries.filter(({ options }) => options.length > 0);
    return Object.fromEntries(present.map(({ field, value }) => [field.name, fitted(value, field.schema)]));
  });
}

function fieldsOf(schema: JsonObject, root: JsonObject): Field[] {
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

/** What is said outright: a field of the tools' results, where the text has no value for it, or "subject: Lunch". */
function stated(field: Field, evidence: Evidence): unknown {
  const { facts, texts, complete } = evidence;
  const isOpen = complete || (field.required && field.pool && pick(field.pool, evidence, false).length === 0);
  const fact = isOpen ? facts.find(({ fields }) => jsonType(fields[field.name], field.type)) : undefined;
  if (fact) return fact.fields[field.name];
  if (field.pool === undefined) return undefined;
  const label = identifierWords(field.name).join("[ _-]?");
  const match = new RegExp(`\\b${label}\\s*[:=]\\s*["']?([^"',;\\n]+)`, "i").exec(texts[0] ?? "");
  return field.pool === "number" && Number.isNaN(Number(match?.[1])) ? undefined : match?.[1]?.trim();
}

const jsonType = (value: unknown, type: string): boolean =>
  Array.isArray(value) ? type === "array" : value !== null && typeof value === type.replace("integer", "number");

/** Fields with the same enum take the values that a text names in their order: "from celsius to fahrenheit". */
function shareEnums(fields: Field[], { texts }: Evidence, values: Map<Field, unknown[]>): void {
  for (const options of new Set(fields.map(({ schema }) => JSON.stringify(schema.enum)))) {
    const alike = fields.filter(({ schema }) => schema.enum && JSON.stringify(schema.enum) === options);
    const named = first(texts, (text) => mentioned(text, list(alike[0]?.schema.enum)));
    if (alike.length < 2 || named.length < 2) continue;
    for (const [index, field] of alike.entries()) if (named.length > index) values.set(field, [named[index]]);
  }
}

/** Gives the values of a pool to its fields: first to those that a word points to, then in their order. */
function shareOut(pool: Pool, fields: Field[], evidence: Evidence, values: Map<Field, unknown[]>): void {
  const open = fields.filter((field) => field.pool === pool && !values.has(field));
  const needed = open.some((field) => field.required);
  let left = pick(pool, evidence, needed);
  for (const field of open) {
    const pointed = left.find((value) => pointsTo(value, field));
    if (pointed === undefined) continue;
    const others = open.filter((other) => other !== field && other.required && !values.has(other)).length;
    const outside = left.filter((value) => value.list !== pointed.list).length;
    const own = outside < others ? [pointed] : left.filter((value) => value.list === pointed.list);
    left = left.filter((value) => !own.includes(value));
    values.set(field, distinct(own));
  }
  const waiting = open.filter((field) => !values.has(field));
  const first = waiting.some((field) => field.required)
    ? waiting.filter((field) => field.required)
    : waiting.slice(0, 1);
  // A name may be anything: what need not have one gets one only in a call, and only where it is the first to ask.
  const isVague = evidence.complete && (pool === "name" || pool === "title");
  const takers = (isVague || open.length > waiting.length) && !first[0]?.required ? [] : first;
  const [only] = takers;
  if (takers.length === 1 && only) values.set(only, distinct(preferred(left, only)));
  else for (const [index, field] of takers.entries()) values.set(field, distinct(left.slice(index, index + 1)));
}

const distinct = (values: Value[]): string[] => [...new Set(values.map(({ value }) => value))];

function pointsTo({ kind, before, after }: Value, { name }: Field): boolean {
  const words = identifierWords(name).join(" ");
  if (CUES.some(([field, cue]) => field.test(words) && cue.test(before))) return true;
  const meanings = identifierMeanings(name).filter((meaning) => meaning.length > 1 && !isStopWord({ meaning }));
  return meanings.includes(meaningOf(before)) || (kind === "number" && meanings.includes(meaningOf(after)));
}

/** For a place the names after "in", else after "for"; for another name those that are not after "in". */
function preferred(values: Value[], { name, pool }: Field): Value[] {
  if (pool !== "name" && pool !== "zone") return values;
  const inside = values.filter(({ before }) => /^(in|at|near|around)$/.test(before));
  const about = values.filter(({ before }) => /^(for|of|to|from)$/.test(before));
  const outside = values.filter((value) => !inside.includes(value));
  const orders = PLACE.test(identifierWords(name).join(" ")) ? [inside, about, values] : [outside, values];
  return orders.find((order) => order.length > 0) ?? [];
}

/** The values of a pool in the nearest text that holds any. */
function pick(pool: Pool, { texts, facts, complete, ignored }: Evidence, needed: boolean): Value[] {
  const isFree = pool === "text" || pool === "query" || pool === "title";
  const places = complete || (needed && !isFree) ? texts : texts.slice(0, 1);
  const ordered = complete && pool === "number" ? [...facts.map(({ text }) => text), ...places] : places;
  for (const text of ordered) {
    const values = extract(text, ignored);
    for (const kinds of needed ? SEARCHED[pool] : SEARCHED[pool].slice(0, 1)) {
      const found = values.filter(({ kind }) => kinds.includes(kind));
      if (found.length > 0) return pool === "zone" ? found.map(toZone) : found;
    }
  }
  return pool === "name" && needed ? phrases(texts[0] ?? "", ignored) : [];
}

/** The kinds of values that each pool takes, best first. */
const SEARCHED: Record<Pool, Value["kind"][][]> = {
  number: [["number"]],
  email: [["email"]],
  url: [["url"]],
  zone: [["name"]],
  path: [["path"], ["quoted"]],
  date: [["date"]],
  time: [["time"]],
  code: [["code", "number"]],
  expression: [["expression"]],
  query: [["quoted"]],
  text: [["quoted"]],
  title: [["quoted"], ["name"]],
  name: [["name"], ["quoted"]],
};

const zones = new Map(
  Intl.supportedValuesOf("timeZone").map((zone) => [zone.replace(/^.*\//, "").replaceAll("_", " "), zone]),
);

/** The IANA time zone of a city that has one of its name. */
function toZone(value: Value): Value {
  return { ...value, value: zones.get(value.value.replace(/,.*$/, "")) ?? value.value };
}

/** Names that nobody wrote in capitals: "weather in new york and tokyo". */
function phrases(text: string, ignored: ReadonlySet<string>): Value[] {
  const names = /\b(?:in|for|at|near|of)\s+([^.?!;:]+)/i.exec(text)?.[1] ?? text;
  const isPart = (word: Word): boolean => !isStopWord(word) && !isNameless(word.text) && !ignored.has(word.meaning);
  return names.split(/,|\band\b|\bor\b/).flatMap((phrase) => {
    const words = wordsOf(phrase);
    const rest = words.slice(Math.max(0, words.findIndex(isPart)));
    const end = rest.findIndex((word) => !isPart(word));
    const value = rest
      .slice(0, end < 0 ? undefined : end)
      .map(({ text: word }) => word.charAt(0).toUpperCase() + word.slice(1));
    if (value.length === 0) return [];
    return [{ kind: "name" as const, value: value.join(" "), start: 0, end: 0, before: "in", after: "", list: 0 }];
  });
}

/** The values of a field that shares none: an enum, a boolean, a list, an object, free text; else what its schema proposes. */
function otherValues(field: Field, evidence: Evidence, root: JsonObject, depth: number): unknown[] {
  const { schema, required, present } = field;
  if (schema.const !== undefined) return present ? [schema.const] : [];
  const wanted = required || evidence.complete;
  const texts = wanted ? evidence.texts : evidence.texts.slice(0, 1);
  const found = foundIn(texts, field, evidence, root, depth);
  if (found.length > 0) return found;
  const isFree = field.pool === "text" || field.pool === "query" || field.pool === "title" || evidence.complete;
  if (required && isFree && field.type === "string" && !schema.enum && !schema.format) {
    return [freeText(field.pool ?? "text", evidence)];
  }
  if (!required) return present ? [null] : [];
  return [proposed(schema) ?? lastResort(field, evidence, root, depth)];
}

function foundIn(texts: string[], field: Field, evidence: Evidence, root: JsonObject, depth: number): unknown[] {
  const { schema, type, name, required } = field;
  if (schema.enum) return first(texts, (text) => mentioned(text, list(schema.enum)));
  if (type === "boolean") return first(texts, (text) => saidOf(name, text));
  if (type === "array") return listOf(field, evidence, root, depth);
  if (type !== "object") return [];
  const inner = required || evidence.complete ? schema : { ...schema, required: [] };
  return fillObject(inner, evidence, root, depth + 1)
    .slice(0, 1)
    .filter((value) => Object.keys(value).length > 0);
}

function first<T>(texts: string[], find: (text: string) => T[]): T[] {
  for (const text of texts) {
    const found = find(text);
    if (found.length > 0) return found;
  }
  return [];
}

/** The values of an enum that a text names, in its order. */
function mentioned(text: string, options: unknown[]): unknown[] {
  const places = options.map((value) => {
    const words = identifierWords(String(value));
    const pattern = new RegExp(`\\b${words.join("[ _-]?")}s?\\b`, String(value).length > 2 ? "i" : "");
    return { value, place: words.length > 0 ? text.search(pattern) : -1 };
  });
  const named = places.filter(({ place }) => place >= 0).sort((a, b) => a.place - b.place);
  return named.map(({ value }) => value);
}

/** Whether a text says yes or no to a boolean field: "urgent", "not urgent". */
function saidOf(name: string, text: string): boolean[] {
  const meanings = identifierMeanings(name).filter((meaning) => !isStopWord({ meaning }));
  const words = wordsOf(text);
  const isSwitch = /^(on|enabled?|active|is_?on)$/i.test(name);
  const switched = isSwitch ? /\b(?:(on|enable)|off|disable)\b/i.exec(text) : null;
  if (switched) return [switched[1] !== undefined];
  const index = words.findIndex((word) => meanings.includes(word.meaning));
  if (index < 0) return [];
  return [
    !words
      .slice(Math.max(0, index - 2), index)
      .some((word) => /^(no|not|non|never|without|don['’]t)$/i.test(word.text)),
  ];
}

/** A list takes all values that fit its items; a list of objects has one for each fact or value. */
function listOf({ name, schema, required }: Field, evidence: Evidence, root: JsonObject, depth: number): unknown[] {
  const fill = (items: JsonObject, from: Evidence): JsonObject[] => fillObject(items, from, root, depth + 1);
  const { minItems, maxItems, items: raw } = schema;
  const items = resolveSchema(object(raw), root);
  const single = { type: "object", properties: { [name]: items }, required: required ? [name] : [] };
  const facts = evidence.complete ? evidence.facts : [];
  let members: unknown[];
  if (typeOf(items) !== "object") members = fill(single, evidence).flatMap((value) => value[name] ?? []);
  else if (facts.length > 0) members = facts.flatMap((fact) => fill(items, about(fact, evidence)).slice(0, 1));
  else members = fill(items, evidence).filter((value) => Object.keys(value).length > 0);
  while (members.length > 0 && members.length < Number(minItems ?? 0)) members.push(members[0]);
  return members.length > 0 ? [members.slice(0, Number(maxItems ?? members.length))] : [];
}

/** The same evidence, seen from one fact. */
function about(fact: Fact, evidence: Evidence): Evidence {
  const told = Object.values(fact.fields).filter((value) => typeof value === "string");
  return { ...evidence, facts: [fact], texts: [...told, fact.text, ...evidence.texts] };
}

function lastResort({ type, schema, name, pool }: Field, evidence: Evidence, root: JsonObject, depth: number): unknown {
  if (type === "array") return [];
  if (type === "object") return fillObject(schema, evidence, root, depth + 1)[0];
  if (type !== "string") return null;
  if (pool === "zone") return "UTC";
  return pool === "name" ? "" : topicOf(evidence.texts[0] ?? "", evidence.ignored) || name;
}
