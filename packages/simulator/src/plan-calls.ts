import { fillObject } from "./arguments.ts";
import type { ToolDefinition } from "./conversation.ts";
import { extract, withoutLiterals } from "./extract.ts";
import type { Evidence, Fact } from "./fields.ts";
import { type JsonObject, object } from "./json.ts";
import { identifierMeanings, isStopWord, meaningOf, type Word, wordsOf } from "./words.ts";

/** A call that the prompt asks for. */
export interface PlannedCall {
  name: string;
  args: JsonObject;
}

/** What is known besides the prompt. */
export interface Background {
  /** Earlier prompts, newest first. */
  earlier: string[];
  /** The results since the prompt. */
  facts: Fact[];
  /** The tools that the turn before called: what "And New York?" is about. */
  lastTools: string[];
}

/** Words of tool names that any tool could have. */
const GENERIC = new Set("get fetch current tool data info new all run do".split(" ").map(meaningOf));
/** Tools that pass the conversation on: one word of their description is enough. */
const PASSES_ON = /^(transfer|hand_?off|ask|delegate|consult|call)/i;
const FOLLOW_UP = /^\s*(and|also|what about|how about|same for|then|now|or|for|in)\b/i;
const STEP = /(?:[,;.]?\s+(?:and\s+)?(?:then|afterwards|after that|finally)\b[,\s]*)/i;
const MAX_CALLS = 16;
const MAX_SEGMENTS = 50;

/** A tool with what its words mean. */
interface Candidate {
  tool: ToolDefinition;
  name: string[];
  fields: string[];
  description: string[];
}

/**
 * The calls that a prompt asks for, step by step ("…, then …"); calls of one step run side by side. A tool is meant
 * where a word of its name is; where two tools share the word, the one that explains more words of the sentence.
 */
export function planCalls(prompt: string, tools: ToolDefinition[], background: Background): PlannedCall[][] {
  const candidates = tools.map(candidateOf);
  const ignored = new Set(candidates.flatMap(({ name }) => name));
  const fill = (tool: ToolDefinition, texts: string[]): PlannedCall[] => {
    const evidence: Evidence = { texts, facts: background.facts, complete: false, ignored };
    return fillObject(tool.parameters, evidence).map((args) => ({ name: tool.name, args }));
  };
  const seen = new Set<string>();
  const isNew = (call: PlannedCall): boolean => seen.size < seen.add(JSON.stringify(call)).size;
  const steps = prompt.split(STEP).map((step) =>
    segmentsOf(step, candidates, ignored)
      .flatMap(({ text, chosen }) =>
        chosen.flatMap(({ tool }) => fill(tool, [text, step, prompt, ...background.earlier])),
      )
      .filter(isNew)
      .slice(0, MAX_CALLS),
  );
  if (steps.some((calls) => calls.length > 0)) return steps.filter((calls) => calls.length > 0);
  const meant = meantWithoutName(prompt, candidates, background.lastTools);
  return [meant.flatMap(({ tool }) => fill(tool, [prompt, ...background.earlier]))].filter((calls) => calls.length > 0);
}

/** The calls that a request forces, although no word of the prompt asks for one. */
export function forcedCalls(prompt: string, tool: ToolDefinition, background: Background): PlannedCall[] {
  const ignored = new Set(identifierMeanings(tool.name));
  const evidence = { texts: [prompt, ...background.earlier], facts: background.facts, complete: false, ignored };
  return fillObject(tool.parameters, evidence).map((args) => ({ name: tool.name, args }));
}

function candidateOf(tool: ToolDefinition): Candidate {
  const meanings = identifierMeanings(tool.name).filter((meaning) => !isStopWord({ meaning }));
  const telling = meanings.filter((meaning) => !GENERIC.has(meaning));
  const fields = Object.keys(object(tool.parameters.properties)).flatMap(identifierMeanings);
  const described = wordsOf(tool.description).filter((word) => !isStopWord(word));
  return {
    tool,
    name: telling.length > 0 ? telling : meanings,
    fields,
    description: described.map(({ meaning }) => meaning).filter((meaning) => !GENERIC.has(meaning)),
  };
}

/** Parts of a text, each with the tools that it is about: "weather in Tokyo | and time in London". */
function segmentsOf(
  text: string,
  candidates: Candidate[],
  ignored: Set<string>,
): { text: string; chosen: Candidate[] }[] {
  const hits = askingWords(text).filter((word) => ignored.has(word.meaning));
  const values = extract(text, ignored).filter(({ kind }) => kind !== "expression" && kind !== "code");
  const marks = [
    ...hits.map(({ start }) => ({ start, isHit: true })),
    ...values.map(({ start }) => ({ start, isHit: false })),
  ].sort((a, b) => a.start - b.start);
  const about = new Set(wordsOf(text).map(({ meaning }) => meaning));
  const cuts = [0];
  let first: boolean | undefined;
  let mixed = false;
  for (const { start, isHit } of marks) {
    if (mixed && isHit === first && cuts.length < MAX_SEGMENTS) {
      cuts.push(start);
      mixed = false;
    } else if (first === undefined) first = isHit;
    else mixed ||= isHit !== first;
  }
  const segments: { text: string; chosen: Candidate[] }[] = [];
  cuts.forEach((start, index) => {
    const end = cuts[index + 1] ?? text.length;
    const chosen = choose(
      hits.filter((word) => word.start >= start && word.start < end),
      about,
      candidates,
    );
    const last = segments.at(-1);
    if (chosen.length === 0 && last) last.text += text.slice(start, end);
    else segments.push({ text: text.slice(start, end), chosen });
  });
  return segments;
}

/** The words of a text that may ask for a tool; signs of arithmetic count as the words for them. */
function askingWords(text: string): Word[] {
  const plain = withoutLiterals(text);
  const words = wordsOf(plain).filter(
    ({ text: word, end }) => !(GIVE.test(word) && /^ (me|us)\b/i.test(plain.slice(end))),
  );
  for (const { 1: sign = "", index } of plain.matchAll(
    /(?<=\d\s*)([-+*/×÷^]|\b(?:times|plus|minus|divided by)\b|% of\b)(?=\s*\(*\d)/gi,
  )) {
    for (const word of [OPERATIONS.get(sign.toLowerCase()) ?? "calculate", "calculate"]) {
      words.push({ text: sign, meaning: meaningOf(word), start: index, end: index + sign.length });
    }
  }
  return words.sort((a, b) => a.start - b.start);
}

/** "Send me …" asks the model, not a tool that sends. */
const GIVE = /^(send|tell|show|give|get|find|bring)$/i;
const OPERATIONS = new Map(
  Object.entries({
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "×": "multiply",
    times: "multiply",
    "/": "divide",
    "÷": "divide",
  }),
);

/** The fewest tools that explain the words: the best one first, then those that explain what is left. */
function choose(hits: Word[], about: Set<string>, candidates: Candidate[]): Candidate[] {
  const open = new Set(hits.map(({ meaning }) => meaning));
  const chosen: Candidate[] = [];
  for (;;) {
    let best: Candidate | undefined;
    let bestScore = 0;
    for (const candidate of candidates) {
      const explained = candidate.name.filter((meaning) => open.has(meaning)).length;
      const described = candidate.description.filter((meaning) => about.has(meaning)).length;
      const score = explained && explained + explained / candidate.name.length / 2 + described / 100;
      if (score > bestScore) [best, bestScore] = [candidate, score];
    }
    if (!best) break;
    chosen.push(best);
    for (const meaning of [...best.name, ...best.fields]) open.delete(meaning);
  }
  const position = ({ name }: Candidate): number => hits.findIndex(({ meaning }) => name.includes(meaning));
  return chosen.sort((a, b) => position(a) - position(b));
}

/** Tools meant by their description, or by the turn before ("And New York?"). */
function meantWithoutName(prompt: string, candidates: Candidate[], lastTools: string[]): Candidate[] {
  if (FOLLOW_UP.test(prompt) && extract(prompt).length > 0) {
    const last = candidates.filter(({ tool }) => lastTools.includes(tool.name));
    if (last.length > 0) return last;
  }
  const about = new Set(
    askingWords(prompt)
      .filter((word) => !isStopWord(word))
      .map(({ meaning }) => meaning),
  );
  const scored = candidates.map((candidate) => {
    const hits = [...about].filter(
      (word) => candidate.description.includes(word) || candidate.fields.includes(word),
    ).length;
    return { candidate, hits, enough: hits >= (PASSES_ON.test(candidate.tool.name) ? 1 : 2) };
  });
  return scored
    .filter(({ enough }) => enough)
    .sort((a, b) => b.hits - a.hits)
    .slice(0, 1)
    .map(({ candidate }) => candidate);
}
