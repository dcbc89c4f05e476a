import type { Evidence } from "./fields.ts";
import { isNameless, isStopWord, wordsOf } from "./words.ts";

/** Text for a field that takes any: what is asked for, what is to be said, or what the tools have told. */
export function freeText(pool: string, { texts, facts, complete, ignored }: Evidence): string {
  const [near = ""] = texts;
  const told = facts.map(({ sentence }) => sentence).join(" ");
  if (complete) return told || near.trim();
  const refersBack =
    told !== "" && /\b(it|them|this|that|these|results?|answers?|findings|summary|report)\b/i.test(near);
  if (pool === "query" || pool === "title") {
    const subjects = facts.flatMap(({ fields }) => Object.values(fields).filter((value) => typeof value === "string"));
    return refersBack && subjects[0] ? subjects[0] : topicOf(near, ignored);
  }
  const said = /\b(?:saying|says|say|that reads|reading)\b[\s:,]*(.+)$/is.exec(near)?.[1];
  if (said !== undefined) return said.trim();
  return refersBack ? told : near.trim();
}

/** What a request is about, without the words that ask for it: "Search the docs for billing limits" is about "billing limits". */
export function topicOf(text: string, ignored: ReadonlySet<string>): string {
  const words = wordsOf(text);
  const asks = words.findIndex((word) => !isStopWord(word) && !isNameless(word.text));
  const lead = words.findIndex((word) => !isStopWord(word) && !isNameless(word.text) && !ignored.has(word.meaning));
  const leadEnds = /^(for|about|on|regarding)$/i.test(words[lead - 1]?.text ?? "");
  const start = words[leadEnds ? lead : asks]?.start ?? 0;
  return text.slice(start).replace(/[\s.?!]+$/, "");
}
