import { isNameless, meaningOf } from "./words.ts";

/** What a value in a text looks like. */
type ValueKind = "quoted" | "url" | "email" | "path" | "date" | "time" | "expression" | "code" | "number" | "name";

/** A value that a text holds. */
export interface Value {
  kind: ValueKind;
  value: string;
  start: number;
  end: number;
  /** The word before it, in lower case; in a list ("in Tokyo and London") the word before the list. */
  before: string;
  after: string;
  /** Values of one list have the same number. */
  list: number;
}

const DATE =
  /\b\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}[\d:.]*(?:Z|[+-]\d{2}:?\d{2})?)?|\b(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]* \d{1,2}\b(?:,? \d{4}\b)?|\b(?:today|tonight|tomorrow|yesterday)\b|\b(?:(?:next|this|last) )?(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b/gi;
const PERCENTAGE = /(\d+(?:\.\d+)?)\s*% of (\d+(?:\.\d+)?)/;
const EXPRESSION =
  /(?<![\d.])\(*-?\d[\d.]*\)*(?:\s*[-+*/×÷^%]\s*\(*-?\d[\d.]*\)*)+|\b\d+(?:\.\d+)?\s*% of \d+(?:\.\d+)?/g;
const CODE = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b\p{L}+[-_]?\d[\w-]*/giu;
const NUMBER_WORDS = "two three four five six seven eight nine ten eleven twelve".split(" ");
const NUMBER = new RegExp(
  `(?<![\\w.])-?(?:\\d{1,3}(?:,\\d{3})+|\\d+)(?:\\.\\d+)?|\\b(?:${NUMBER_WORDS.join("|")})\\b`,
  "gi",
);
const CAPITALISED = "\\p{Lu}[\\p{L}\\p{M}\\p{N}]*(?:[-'’.][\\p{L}\\p{N}]+)*";
const LINK = "(?:(?:de|da|do|del|di|la|le|of|upon|von|van) )?";
const NAME = new RegExp(`${CAPITALISED}(?:(?:(?<=\\b\\p{Lu}\\p{Ll}{1,2})\\. | )${LINK}${CAPITALISED})*`, "gu");
const PATTERNS: [ValueKind, RegExp][] = [
  ["quoted", /"[^"\n]+"|“[^”\n]+”|`[^`\n]+`|(?<![\p{L}\p{N}])'[^'\n]+'(?![\p{L}\p{N}])/gu],
  ["url", /\bhttps?:\/\/[^\s<>"')\]]*[^\s<>"')\].,;:!?]/g],
  ["email", /(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g],
  ["path", /(?<![\w.@/:])(?:[~.]{0,2}\/[\w./-]*\w|\w[\w-]*(?:\/[\w.-]+)*\.[a-z]\w{1,4})\b/gi],
  ["date", DATE],
  ["time", /\b\d{1,2}:\d{2}(?:\s?[ap]m)?\b|\b\d{1,2}\s?[ap]m\b/gi],
  ["code", CODE],
  ["expression", EXPRESSION],
  ["number", NUMBER],
  ["name", NAME],
];
/** What stands between two values of one list. */
const JOINT = /^["'”]?\s*(?:,|;|&|\/|(?:,\s*)?(?:and|or)|vs\.?|versus|plus|as well as)\s*(?:(?:in|for|at)\s+)?["'“]?$/i;

/** Quoted text of up to this many words is one value; longer text may hold values itself. */
const SHORT_QUOTE = 6;

/** How many characters before and after a value are looked at. */
const NEAR = 40;

/** The text with quotes, addresses, dates and codes blanked: what is left holds the words to understand. */
export function withoutLiterals(text: string): string {
  let rest = text;
  for (const [kind, pattern] of PATTERNS) {
    if (kind === "expression") break;
    rest = rest.replace(pattern, (match) => (stays(kind, match) ? match : " ".repeat(match.length)));
  }
  return rest;
}

/** The values that a text holds, in their order. `ignored` are meanings that make no name ("Weather" of a tool). */
export function extract(text: string, ignored: ReadonlySet<string> = new Set()): Value[] {
  const values: Value[] = [];
  let rest = text;
  for (const [kind, pattern] of PATTERNS) {
    const found = [...rest.matchAll(pattern)].map((match) => ({ start: match.index, match: match[0] }));
    for (const { start, match } of found) {
      for (const value of kind === "name" ? namesIn(match, start, ignored) : [{ value: plain(kind, match), start }]) {
        values.push({ kind, ...value, end: start + match.length, before: "", after: "", list: 0 });
      }
      if (kind === "expression" || stays(kind, match)) continue;
      rest = rest.slice(0, start) + " ".repeat(match.length) + rest.slice(start + match.length);
    }
  }
  values.sort((a, b) => a.start - b.start);
  return withNeighbours(joinRegions(values, text), text);
}

const stays = (kind: ValueKind, match: string): boolean => kind === "quoted" && match.split(/\s+/).length > SHORT_QUOTE;

function plain(kind: ValueKind, match: string): string {
  if (kind === "quoted") return match.slice(1, -1).trim();
  if (kind === "expression") return match.replace(PERCENTAGE, "$1 / 100 * $2");
  if (kind !== "number") return match;
  const word = NUMBER_WORDS.indexOf(match.toLowerCase());
  return word < 0 ? match.replaceAll(",", "") : String(word + 2);
}

/** The name in a run of capitalised words: without a first or last word that is none ("Compare Paris", "Tokyo Weather"). */
function namesIn(run: string, start: number, ignored: ReadonlySet<string>): { value: string; start: number }[] {
  const words = run.split(" ");
  const isName = (word: string): boolean => /^\p{Lu}/u.test(word) && !isNameless(word) && !ignored.has(meaningOf(word));
  const first = words.findIndex(isName);
  if (first < 0) return [];
  const value = words.slice(first, words.findLastIndex(isName) + 1).join(" ");
  return [
    { value: value.replace(/['’]s$|\.$/, ""), start: start + words.slice(0, first).join(" ").length + (first && 1) },
  ];
}

const regionNames = new Intl.DisplayNames("en", { type: "region" });
const letters = Array.from({ length: 26 }, (_, index) => String.fromCharCode(65 + index));
const regions = new Set(letters.flatMap((a) => letters.flatMap((b) => [a + b, regionNames.of(a + b) ?? a + b])));
for (const city of ["Singapore", "Monaco", "Luxembourg"]) regions.delete(city);

/** "Paris, France" and "Boston, MA" are one place each, not two. */
function joinRegions(values: Value[], text: string): Value[] {
  const joined: Value[] = [];
  for (const value of values) {
    const city = joined.at(-1);
    const follows = city !== undefined && city.kind === "name" && /^,\s*$/.test(text.slice(city.end, value.start));
    if (follows && value.kind === "name" && regions.has(value.value) && !regions.has(city.value)) {
      Object.assign(city, { value: `${city.value}, ${value.value}`, end: value.end });
    } else joined.push(value);
  }
  return joined;
}

/** Says of each value which words stand around it and which list it belongs to. */
function withNeighbours(values: Value[], text: string): Value[] {
  const last = new Map<ValueKind, Value>();
  values.forEach((value, index) => {
    const previous = last.get(value.kind);
    const listed = previous !== undefined && JOINT.test(text.slice(previous.end, value.start));
    value.before = listed ? previous.before : wordBefore(text, value.start);
    value.after =
      /^[^\p{L}\p{N}]*([\p{L}\p{N}]+)/u.exec(text.slice(value.end, value.end + NEAR))?.[1]?.toLowerCase() ?? "";
    value.list = listed ? previous.list : index;
    last.set(value.kind, value);
  });
  return values;
}

const wordBefore = (text: string, start: number): string => {
  const words = text.slice(Math.max(0, start - NEAR), start).match(/[\p{L}\p{N}]+/gu);
  return words?.at(-1)?.toLowerCase() ?? "";
};
