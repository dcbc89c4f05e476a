/** A word of a text: where it stands and what it means. */
export interface Word {
  text: string;
  /** The stem, or the first stem of the group of words that mean the same. */
  meaning: string;
  start: number;
  end: number;
}

function stem(word: string): string {
  let rest = word.toLowerCase().replace(/['’].*$/, "");
  if (rest.length > 3) rest = rest.replace(/ies$/, "y").replace(/(?<![sui])s$/, "");
  rest = rest.replace(/(?<=.{3})(?:ing|ed)$|(?<=.{4})(?:er|or|ion)$/, "");
  return rest.replace(/(?<=..)e$/, "").replace(/(?<=..)y$/, "i");
}

const SYNONYMS = [
  "weather forecast temperature rain rainy sunny snow umbrella humidity",
  "time clock",
  "search find lookup google",
  "email mail",
  "calculate compute evaluate math maths arithmetic",
  "add addition sum plus total",
  "subtract subtraction minus",
  "multiply multiplication multiplied",
  "divide division divided",
  "price cost",
  "delete remove",
  "summarize summarise summary",
  "buy purchase",
].map((group) => group.split(" ").map(stem));

const firstMeaning = new Map(SYNONYMS.flatMap((group) => group.map((word) => [word, group[0] ?? word])));

/** What a word means, so that "Forecasts" and "weather" are the same. */
export function meaningOf(word: string): string {
  const stemmed = stem(word);
  return firstMeaning.get(stemmed) ?? stemmed;
}

/** Words that say nothing about a subject. */
const STOP_WORDS =
  `a an and any are as at be been but by can could did do does for from going had has have he her here hers hey
  hi hello him his how i i'd i'm i've if in into is isn't it its just let let's like may me might my no not now of off ok okay on
  or our out over own please she should so some than thank thanks that the their them then there these they this those to
  today too tomorrow up us use using very want was we were what when where which while who whom whose why will with would
  yes you your`.split(/\s+/);

/** Words that start a sentence or stand in capitals without being a name. */
const NO_NAMES =
  `also am answer api ask book buy calculate call celsius check compare compute convert create delete describe
  draft email explain extract fahrenheit fetch find finally first get give go json kelvin last list look make multiply name
  need next note plan pm read remember remind reply return run save schedule search second send set show start summarise
  summarize tell test thanks translate turn update use utc what's which write`.split(/\s+/);

const STOP_MEANINGS = new Set(STOP_WORDS.map(meaningOf));
const NAMELESS = new Set([...STOP_WORDS, ...NO_NAMES]);

/** Whether a word says nothing about a subject ("the", "please"). */
export const isStopWord = (word: Pick<Word, "meaning">): boolean => STOP_MEANINGS.has(word.meaning);

/** Whether a capitalised word is no name: "What", "Compare", "JSON". */
export const isNameless = (word: string): boolean => NAMELESS.has(word.toLowerCase().replaceAll("’", "'"));

/** The words of a text. */
export function wordsOf(text: string): Word[] {
  return [...text.matchAll(/[\p{L}\p{M}\p{N}]+(?:['’]\p{L}+)?/gu)].map((match) => ({
    text: match[0],
    meaning: meaningOf(match[0]),
    start: match.index,
    end: match.index + match[0].length,
  }));
}

/** The words of an identifier: "getCurrent_weather" has three. */
export const identifierWords = (name: string): string[] =>
  name
    .replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, "$1 $2")
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");

/** What the words of an identifier mean. */
export const identifierMeanings = (name: string): string[] => identifierWords(name).map(meaningOf);
