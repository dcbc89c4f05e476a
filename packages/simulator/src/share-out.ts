import { extract, type Value } from "./extract.ts";
import type { Evidence, Field, Pool } from "./fields.ts";
import { list } from "./json.ts";
import { identifierMeanings, identifierWords, isNameless, isStopWord, meaningOf, type Word, wordsOf } from "./words.ts";

/** Words before a value that say which field it is for. */
const CUES: [field: RegExp, before: RegExp][] = [
  [/\b(from|origin|source|start|departure)\b/, /^(from|between)$/],
  [/\b(to|target|destination|end|arrival|recipient)\b/, /^(to|into|until|till)$/],
  [/\b(limit|top|count)\b/, /^(top|first)$/],
  [/\b(max|maximum|budget)\b/, /^(under|below|most)$/],
  [/\b(min|minimum)\b/, /^(over|above|least)$/],
];
const PLACE = /\b(city|cities|place|location|town|country|region|area|address|zone|timezone)\b/;

/** Fields with the same enum take the values that a text names in their order: "from celsius to fahrenheit". */
export function shareEnums(fields: Field[], { texts }: Evidence, values: Map<Field, unknown[]>): void {
  for (const options of new Set(fields.map(({ schema }) => JSON.stringify(schema.enum)))) {
    const alike = fields.filter(({ schema }) => schema.enum && JSON.stringify(schema.enum) === options);
    const named = inNearest(texts, (text) => mentioned(text, list(alike[0]?.schema.enum)));
    if (alike.length < 2 || named.length < 2) continue;
    for (const [index, field] of alike.entries()) if (named.length > index) values.set(field, [named[index]]);
  }
}

/** What the nearest text that holds anything holds. */
export function inNearest<T>(texts: string[], find: (text: string) => T[]): T[] {
  for (const text of texts) {
    const found = find(text);
    if (found.length > 0) return found;
  }
  return [];
}

/** The values of an enum that a text names, in its order. */
export function mentioned(text: string, options: unknown[]): unknown[] {
  const places = options.map((value) => {
    const words = identifierWords(String(value));
    const pattern = new RegExp(`\\b${words.join("[ _-]?")}s?\\b`, String(value).length > 2 ? "i" : "");
    return { value, place: words.length > 0 ? text.search(pattern) : -1 };
  });
  const named = places.filter(({ place }) => place >= 0).sort((a, b) => a.place - b.place);
  return named.map(({ value }) => value);
}

/** Gives the values of a pool to its fields: first to those that a word points to, then in their order. */
export function shareOut(pool: Pool, fields: Field[], evidence: Evidence, values: Map<Field, unknown[]>): void {
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
  const asking = waiting.filter((field) => field.required);
  const first = asking.length > 0 ? asking : waiting.slice(0, 1);
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
export function pick(pool: Pool, { texts, facts, complete, ignored }: Evidence, needed: boolean): Value[] {
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
