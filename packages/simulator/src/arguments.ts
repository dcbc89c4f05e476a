import { type Evidence, type Fact, type Field, fieldsOf } from "./fields.ts";
import { freeText, topicOf } from "./free-text.ts";
import { type JsonObject, list, object } from "./json.ts";
import { fitted, proposed, resolveSchema, typeOf } from "./schema.ts";
import { inNearest, mentioned, pick, shareEnums, shareOut } from "./share-out.ts";
import { identifierMeanings, identifierWords, isStopWord, wordsOf } from "./words.ts";

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

/** What is said outright: a field of the tools' results, where the text has no value for it, or "subject: Lunch". */
function stated(field: Field, evidence: Evidence): unknown {
  const { facts, texts, complete } = evidence;
  const isOpen = complete || (field.required && field.pool && pick(field.pool, evidence, false).length === 0);
  const fact = isOpen ? facts.find(({ fields }) => jsonType(fields[field.name], field.type)) : undefined;
  if (fact) return fact.fields[field.name];
  const label = identifierWords(field.name).join("[ _-]?");
  if (field.pool === undefined || label === "") return undefined;
  const pattern = `\\b${label}\\s*[:=]\\s*["']?([^"',;\\n]+?)(?:[.?!](?:\\s|$)|["',;\\n]|$)`;
  const match = new RegExp(pattern, "i").exec(texts[0] ?? "");
  return field.pool === "number" && Number.isNaN(Number(match?.[1])) ? undefined : match?.[1]?.trim();
}

const jsonType = (value: unknown, type: string): boolean =>
  Array.isArray(value) ? type === "array" : value !== null && typeof value === type.replace("integer", "number");

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
  if (schema.enum) return inNearest(texts, (text) => mentioned(text, list(schema.enum)));
  if (type === "boolean") return inNearest(texts, (text) => saidOf(name, text));
  if (type === "array") return listOf(field, evidence, root, depth);
  if (type !== "object") return [];
  const inner = required || evidence.complete ? schema : { ...schema, required: [] };
  return fillObject(inner, evidence, root, depth + 1)
    .slice(0, 1)
    .filter((value) => Object.keys(value).length > 0);
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
