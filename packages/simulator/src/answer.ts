import type { Call } from "./conversation.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { identifierWords } from "./words.ts";

/** A tool's result with the call that it answers. */
export interface Result {
  call: Call;
  text: string;
  failed: boolean;
}

/** What is known where no tool is to be used. */
export interface Question {
  prompt: string;
  /** Earlier prompts, newest first. */
  earlier: string[];
  /** The names of the tools offered. */
  tools: string[];
}

const LOOKS_UP = /^(get|fetch|find|search|look|lookup|read|list|query|check|show|retrieve|load)$/;
const ACTS =
  /^(add|ask|book|calculate|call|cancel|close|compute|convert|create|delete|draft|draw|generate|make|multiply|open|order|place|play|publish|remove|render|reserve|run|save|schedule|send|set|start|stop|store|transfer|translate|turn|update|write)$/;
const MAX_ITEMS = 5;
const MAX_LENGTH = 600;

/** The answer that the results of the tools make, one sentence for each. */
export const answerFromResults = (results: Result[]): string => results.map(sentenceOf).join(" ");

/** A result as a sentence that says what it is about. */
export function sentenceOf({ call, text, failed }: Result): string {
  const words = identifierWords(call.name);
  const [verb = "", ...nouns] = words;
  const acts = ACTS.test(verb);
  const thing = LOOKS_UP.test(verb) && nouns.length > 0 ? nouns.join(" ") : words.join(" ");
  const value = parseJson(text) ?? text;
  if (failed) {
    const attempt = thing === words.join(" ") ? (acts ? thing : `use ${call.name}`) : `${verb} the ${thing}`;
    return `I could not ${attempt}${subjectOf(call.args)}: ${ended(reasonOf(value))}`;
  }
  const told = clipped(isObject(value) ? fieldsOf(value, call) : describe(value));
  const about = `${thing}${subjectOf(call.args)}`;
  if (told === "") return `${capital(about)}: no result.`;
  if (!LOOKS_UP.test(verb) && /^(ok|done|true|yes|success|nothing)$/i.test(told)) return `Done: ${about}.`;
  const needsSubject = about !== thing ? !acts : LOOKS_UP.test(verb) && told.split(" ").length <= 4;
  if (typeof value === "string" && (namesSubject(told, call) || !needsSubject)) return ended(capital(told));
  const isPlace = about.startsWith(`${thing} in `);
  if (isObject(value) && isPlace && told.startsWith("the "))
    return ended(`In ${about.slice(thing.length + 4)}, ${told}`);
  const isShort = !Array.isArray(value) && told.split(/\s+/).length <= 8 && !/ (is|are) |[.!?]$/.test(told);
  return ended(`The ${acts ? "result of " : ""}${about}${isShort ? ` ${isOrAre(thing)}` : ":"} ${told}`);
}

/** " in Tokyo" or " for 42": what a call is about, by its arguments; without those that are too long to be a subject. */
function subjectOf(args: Call["args"]): string {
  const isShort = (value: unknown): boolean =>
    typeof value === "number" || (typeof value === "string" && value.length <= 30);
  const fields = Object.entries(args).filter(([, value]) => isShort(value));
  const values = fields.map(([, value]) =>
    String(value)
      .replace(/^(?:[A-Z]\w+\/)+(?=[A-Z])/, "")
      .replaceAll("_", " "),
  );
  const isPlace = /city|place|location|zone|town|region/i.test(fields[0]?.[0] ?? "");
  const text = isPlace || values.length === 0 ? (values[0] ?? "") : joined(values, 0);
  return text === "" ? "" : ` ${isPlace ? "in" : "for"} ${text}`;
}

/** An object's fields as "the temperature is 22 and the condition is sunny", without those that repeat the arguments. */
function fieldsOf(value: JsonObject, { args }: Call): string {
  const fields = Object.entries(value).filter(([key, field]) => args[key] !== field);
  const [only] = fields;
  if (fields.length === 1 && only && typeof only[1] !== "object") return describe(only[1]);
  const parts = fields.slice(0, MAX_ITEMS).map(([key, field]) => {
    const words = identifierWords(key).join(" ");
    if (typeof field === "boolean") return `it is ${field ? "" : "not "}${words}`;
    return `the ${words} ${isOrAre(words)} ${describe(field)}`;
  });
  return joined(parts, fields.length - MAX_ITEMS);
}

/** Whether a result says by itself what it is about, so that it can stand as it is. */
function namesSubject(text: string, { args }: Call): boolean {
  const values = Object.values(args)
    .filter((value) => typeof value === "string" && value !== "")
    .map(String);
  return values.some((value) => text.toLowerCase().includes(value.toLowerCase().replace(/,.*$/, "")));
}

/** A JSON value in words. */
export function describe(value: unknown): string {
  if (typeof value === "string") return value.replace(/\s+/g, " ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return joined(value.slice(0, MAX_ITEMS).map(describe), value.length - MAX_ITEMS);
  if (!isObject(value)) return String(value);
  const entries = Object.entries(value);
  const parts = entries
    .slice(0, MAX_ITEMS)
    .map(([key, field]) => `${identifierWords(key).join(" ")} ${describe(field)}`);
  return joined(parts, entries.length - MAX_ITEMS);
}

function joined(parts: string[], more: number): string {
  const all = more > 0 ? [...parts, `${more} more`] : parts;
  return all.length > 1 ? `${all.slice(0, -1).join(", ")} and ${all.at(-1)}` : (all[0] ?? "nothing");
}

const reasonOf = (value: unknown): string => {
  const error = isObject(value) ? (value.error ?? value.message ?? value) : value;
  return describe(isObject(error) ? (error.message ?? error) : error).replace(/^\s*(?:\w*error|failed):\s*/i, "");
};
const clipped = (text: string): string =>
  text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH).replace(/[\uD800-\uDBFF]$/, "")}…` : text.trim();
const isOrAre = (thing: string): string => (/[^su]s$/.test(thing) ? "are" : "is");
const ended = (text: string): string => (/[.!?…]["'”)]?$/.test(text) ? text : `${text}.`);
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const quote = (text: string): string => {
  const line = text.slice(0, 1000).replace(/\s+/g, " ").trim();
  return line.length > 200 ? `“${line.slice(0, 200).replace(/[\uD800-\uDBFF]$/, "")}…”` : `“${line}”`;
};

/** The answer where no tool is to be used: says what it is, and shows that it has read the conversation. */
export function answerWithoutTools({ prompt, earlier, tools }: Question): string {
  const remembered = recall(prompt, earlier);
  if (remembered !== undefined) return remembered;
  const asked = prompt.trim() === "" ? "You sent no text." : `You asked: ${quote(prompt)}.`;
  const before = earlier[0] === undefined ? "" : ` Before that you asked: ${quote(earlier[0])}.`;
  const fitting = tools.length > 0 ? ` None of my tools (${tools.join(", ")}) fits that.` : "";
  return `I am a simulated model: I answer by simple rules and use the tools I am given. ${asked}${before}${fitting}`;
}

/** Answers questions about the conversation itself. */
function recall(prompt: string, earlier: string[]): string | undefined {
  const wanted = /\b(?:what|who|where|which)\b.*\bmy ([\p{L} ]{2,30}?)(?: again)?\s*\?/iu.exec(prompt)?.[1];
  for (const text of wanted === undefined ? [] : earlier) {
    const told = new RegExp(`\\bmy ${wanted} (?:is|are) ([^.,!?\\n]+?)(?: and my\\b|[.,!?\\n]|$)`, "i").exec(text)?.[1];
    if (told !== undefined) return `Your ${wanted} is ${told.trim()}.`;
  }
  if (!/\b(?:did i|have i|i (?:just )?(?:said|asked|told))\b/i.test(prompt)) return undefined;
  const [last] = earlier;
  if (last === undefined) return "This is the first thing that you asked.";
  if (/\bfirst\b/i.test(prompt)) return `You first asked: ${quote(earlier.at(-1) ?? last)}.`;
  if (/\b(last|before|previously|just)\b/i.test(prompt)) return `Before that you asked: ${quote(last)}.`;
  return `You asked, in this order: ${earlier.toReversed().map(quote).join(", ")}.`;
}
