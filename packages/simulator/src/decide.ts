import { randomBytes } from "node:crypto";
import { answerFromResults, answerWithoutTools, describe, type Result, sentenceOf } from "./answer.ts";
import { fillObject } from "./arguments.ts";
import type { Call, Conversation, Message, Reply } from "./conversation.ts";
import type { Fact } from "./fields.ts";
import { type JsonObject, object, objects, parseJson } from "./json.ts";
import { forcedCalls, type PlannedCall, planCalls } from "./plan-calls.ts";
import { identifierMeanings, identifierWords } from "./words.ts";

/** What a conversation is about at its end. */
interface Turn {
  prompt: string;
  /** Earlier prompts, newest first. */
  earlier: string[];
  /** The calls made since the prompt. */
  made: Call[];
  /** The results that no answer has used yet. */
  results: Result[];
  /** The names of the tools that the turn before called. */
  lastTools: string[];
}

/** What the model is about to answer, for the option `answer` of `startSimulator()`. */
export interface SimulatedQuestion {
  /** The newest message of the user. */
  readonly prompt: string;
  /** What the tools have told since, in the order of the calls. */
  readonly results: readonly SimulatedResult[];
}

/** A tool's result with the call that it answers. */
export interface SimulatedResult {
  readonly name: string;
  readonly args: JsonObject;
  readonly text: string;
  readonly failed: boolean;
}

/**
 * The model: it calls the tools that the newest user message asks for, then answers with their results. The same
 * conversation always gets the same reply, but for the ids of its calls.
 *
 * @param say gives an answer that is not made by the rules
 */
export function decide(conversation: Conversation, say?: (question: SimulatedQuestion) => string | undefined): Reply {
  const turn = turnOf(conversation.messages);
  const planned = nextCalls(conversation, turn);
  const question = conversation.toolChoice === "auto" ? planned.map(whatIsMissing).find(Boolean) : undefined;
  const calls = question ? [] : planned.map((call) => ({ ...call, id: randomBytes(12).toString("hex") }));
  const text = question ?? (calls.length > 0 ? "" : (said(conversation, turn, say) ?? answerTo(conversation, turn)));
  const reasoning = conversation.reasoning ? think(turn, calls) : "";
  const reply: Reply = {
    reasoning,
    text,
    calls,
    finish: calls.length > 0 ? "tool-calls" : "stop",
    stopSequence: undefined,
  };
  return withinLimits(reply, conversation);
}

function turnOf(messages: Message[]): Turn {
  const isUser = (message: Message): boolean => message.role === "user";
  const newest = messages.findLastIndex(isUser);
  const previous = messages.slice(0, Math.max(newest, 0)).findLastIndex(isUser);
  const callsIn = (some: Message[]): Call[] =>
    some.flatMap((message) => (message.role === "assistant" ? message.calls : []));
  const calls = new Map(callsIn(messages).map((call) => [call.id, call]));
  // A message sent into a running turn stands right behind results that are still to be answered.
  const unanswered = messages[newest - 1]?.role === "tool" ? previous : newest;
  return {
    prompt: messages[newest]?.text ?? "",
    earlier: messages
      .slice(0, Math.max(newest, 0))
      .filter(isUser)
      .map(({ text }) => readable(text))
      .reverse(),
    made: callsIn(messages.slice(newest + 1)),
    results: messages.slice(unanswered + 1).flatMap((message) => {
      const call = message.role === "tool" ? calls.get(message.callId) : undefined;
      return message.role === "tool" && call ? [{ call, text: message.text, failed: message.failed }] : [];
    }),
    lastTools: callsIn(messages.slice(Math.max(previous, 0), Math.max(newest, 0))).map(({ name }) => name),
  };
}

/** The first calls of the plan that were not made yet. Forced, the model calls a tool in any case. */
function nextCalls({ tools, toolChoice, parallel }: Conversation, turn: Turn): PlannedCall[] {
  if (toolChoice === "none") return [];
  const offered = typeof toolChoice === "object" ? tools.filter(({ name }) => name === toolChoice.name) : tools;
  const background = { ...turn, facts: factsOf(turn.results) };
  const steps = planCalls(turn.prompt, offered, background);
  const made = turn.made.map(({ name }) => name);
  const isOpen = ({ name }: PlannedCall): boolean => {
    const index = made.indexOf(name);
    if (index >= 0) made.splice(index, 1);
    return index < 0;
  };
  const open = steps.map((step) => step.filter(isOpen)).find((step) => step.length > 0);
  const [tool] = offered;
  const forced = toolChoice !== "auto" && tool ? (steps[0] ?? forcedCalls(turn.prompt, tool, background)) : [];
  const calls = open ?? forced;
  return parallel ? calls : calls.slice(0, 1);
}

/** Asks for a name that a call needs and no message gives. */
function whatIsMissing({ name, args }: PlannedCall): string | undefined {
  const field = Object.keys(args).find((key) => args[key] === "");
  return field && `Which ${identifierWords(field).join(" ")} do you mean? I need it to use ${name}.`;
}

function factsOf(results: Result[]): Fact[] {
  return results
    .filter(({ failed }) => !failed)
    .flatMap((result) => {
      const value = parseJson(result.text) ?? result.text;
      const rows = Array.isArray(value) ? objects(value) : [object(value)];
      const told = { text: readable(describe(value)), sentence: sentenceOf(result) };
      return (rows.length > 0 ? rows : [{}]).map((row) => ({ ...told, fields: { ...result.call.args, ...row } }));
    });
}

/** How much of a text is read: its beginning and its end, where people say what they want. */
const MAX_READ = 4000;
const readable = (text: string): string =>
  text.length <= MAX_READ ? text : `${text.slice(0, MAX_READ / 2)}\n${text.slice(-MAX_READ / 2)}`;

function said(
  { schema }: Conversation,
  { prompt, results }: Turn,
  say: ((question: SimulatedQuestion) => string | undefined) | undefined,
): string | undefined {
  if (schema) return undefined;
  return say?.({
    prompt,
    results: results.map(({ call: { name, args }, text, failed }) => ({ name, args, text, failed })),
  });
}

function answerTo({ schema, tools }: Conversation, { prompt, earlier, results }: Turn): string {
  if (schema) {
    const facts = factsOf(results);
    const texts = [prompt, ...facts.map(({ text }) => text), ...earlier];
    const [answer] = fillObject(schema, {
      texts,
      facts,
      complete: true,
      ignored: new Set(tools.flatMap(({ name }) => identifierMeanings(name))),
    });
    return JSON.stringify(answer);
  }
  if (results.length > 0) return answerFromResults(results);
  return answerWithoutTools({ prompt, earlier, tools: tools.map(({ name }) => name) });
}

function think({ prompt, results }: Turn, calls: PlannedCall[]): string {
  const asked = `The user says: ${prompt.replace(/\s+/g, " ").slice(0, 120)}.`;
  const names = [...new Set(calls.map(({ name }) => name))].join(" and ");
  if (calls.length > 0)
    return `${asked} The words ask for ${names}, so I make ${calls.length === 1 ? "one call" : `${calls.length} calls`}.`;
  if (results.length > 0)
    return `${asked} I have ${results.length === 1 ? "the result" : `${results.length} results`} now, so I can answer.`;
  return `${asked} No tool is needed, so I answer at once.`;
}

/** Ends the text at a stop sequence or at the token limit; reasoning counts first. */
function withinLimits(reply: Reply, { maxTokens = Number.POSITIVE_INFINITY, stop }: Conversation): Reply {
  const cut = (text: string, end: number): string => text.slice(0, end).replace(/[\uD800-\uDBFF]$/, "");
  const stops = stop.map((sequence) => ({ sequence, at: reply.text.indexOf(sequence) })).filter(({ at }) => at >= 0);
  const [first] = stops.sort((a, b) => a.at - b.at);
  const ended: Reply = first
    ? { ...reply, text: cut(reply.text, first.at), finish: "stop-sequence", stopSequence: first.sequence }
    : reply;
  const reasoning = cut(ended.reasoning, maxTokens * 4);
  const text = cut(ended.text, maxTokens * 4 - reasoning.length);
  if (reasoning === ended.reasoning && text === ended.text) return ended;
  return {
    ...ended,
    reasoning,
    text,
    calls: text === "" && reasoning !== ended.reasoning ? [] : ended.calls,
    finish: "length",
    stopSequence: undefined,
  };
}
