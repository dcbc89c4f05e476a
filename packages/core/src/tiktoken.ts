/**
 * The door `millrace/tiktoken`: counts tokens as OpenAI's models do. Needs the package `js-tiktoken`.
 *
 * @module
 */
import { getEncodingNameForModel, Tiktoken } from "js-tiktoken/lite";
import cl100k from "js-tiktoken/ranks/cl100k_base";
import o200k from "js-tiktoken/ranks/o200k_base";
import type { TokenCounter } from "./context/context-options.ts";

/**
 * How many tokens a text has. Never throws: what looks like a special token (`<|endoftext|>`) counts as the text it is.
 *
 * @param model the id of a model, also `openai/…` and `ft:…`. One that is not known counts as with `o200k_base`; the
 * models from before `cl100k_base`, which know no chats, count as with that.
 */
export function countTokens(text: string, model = ""): number {
  const encoding = encodingFor(model);
  let tokens = 0;
  let from = 0;
  // The encoder's time grows with the square of a word's length. What a word this long costs does not change by much
  // where it is parted.
  for (const { index, 0: run } of text.matchAll(/\S{100}|\s{100}/gu)) {
    const to = index + run.length;
    tokens += encoding.encode(text.slice(from, to), [], []).length;
    from = to;
  }
  return tokens + encoding.encode(text.slice(from), [], []).length;
}

/** The counter behind `count: "accurate"`. */
export const tiktoken: TokenCounter = { count: (text, model) => countTokens(text, model.id) };

const tables = { o200k_base: o200k, cl100k_base: cl100k };
const encodings = new Map<string, Tiktoken>();

function encodingFor(model: string): Tiktoken {
  const name = encodingName(model);
  let encoding = encodings.get(name);
  if (!encoding) {
    encoding = new Tiktoken(tables[name]);
    encodings.set(name, encoding);
  }
  return encoding;
}

function encodingName(model: string): keyof typeof tables {
  const id = model.replace(/^.*\//, "").replace(/^ft:([^:]*).*$/, "$1");
  try {
    return nameFor(id) === "o200k_base" ? "o200k_base" : "cl100k_base";
  } catch {
    return "o200k_base";
  }
}

/** Throws for a model that it does not know: so it takes any id, whatever its types say. */
const nameFor: (id: string) => string = Object(getEncodingNameForModel);
