import type { AssistantMessage } from "../messages.ts";
import type { ModelEvent } from "../model.ts";
import { parseArgs } from "../parse-args.ts";
import { firstDifference } from "./first-difference.ts";

/**
 * What makes the events of one answer break the contract of a model, one sentence each. It holds that there is exactly
 * one `finish` and that it is last, and that the deltas add up to its message: those since the last repetition, where a
 * wrapper has said that there was one.
 */
export function checkModelEvents(given: readonly ModelEvent[]): string[] {
  const events = given.slice(1 + given.findLastIndex(({ type }) => type === "retry" || type === "model-switched"));
  const finishes = given.filter((event) => event.type === "finish");
  const [finish] = finishes;
  if (!finish || finishes.length > 1) return [`expected exactly one finish event, got ${finishes.length}`];
  const problems: string[] = [];
  const last = events.at(-1);
  if (last !== finish) problems.push(`expected the finish event to be the last, but ${last?.type} comes after it`);
  const { message, usage } = finish;
  if (message.role !== "assistant")
    problems.push(`expected a message of the assistant, got ${JSON.stringify(message)}`);
  for (const type of ["text", "reasoning", "refusal"] as const) {
    const arrived = blocks(events, type);
    const finished = message.content.flatMap((part) => (part.type === type && part.text !== "" ? [part.text] : []));
    problems.push(...differences(`${type} deltas`, arrived, finished));
  }
  problems.push(...differences("tool-call deltas", callsOf(events), finishedCalls(message)));
  for (const [name, tokens] of Object.entries(usage)) {
    if (name === "estimated" || (Number.isInteger(tokens) && Number(tokens) >= 0)) continue;
    problems.push(`expected usage.${name} to be an integer from 0, got ${tokens}`);
  }
  return problems;
}

/** The text of each part, in the order of their indices. */
function blocks(events: readonly ModelEvent[], type: "text" | "reasoning" | "refusal"): string[] {
  const texts = new Map<number, string>();
  for (const event of events) {
    if ("part" in event && event.type === `${type}-delta`)
      texts.set(event.part, (texts.get(event.part) ?? "") + event.text);
  }
  const ordered = [...texts].sort(([left], [right]) => left - right);
  return ordered.map(([, text]) => text).filter((text) => text !== "");
}

interface SeenCall {
  callId: string;
  name: string;
  args: unknown;
}

function callsOf(events: readonly ModelEvent[]): SeenCall[] {
  const calls = new Map<string, { name: string; json: string }>();
  for (const event of events) {
    if (event.type !== "tool-call-delta") continue;
    const call = calls.get(event.callId);
    if (call) call.json += event.delta;
    else calls.set(event.callId, { name: event.name, json: event.delta });
  }
  return [...calls].map(([callId, { name, json }]) => ({ callId, name, args: parseArgs(json).args }));
}

function finishedCalls(message: AssistantMessage): SeenCall[] {
  return message.content.flatMap((part) =>
    part.type === "tool-call" ? [{ callId: part.callId, name: part.name, args: part.args }] : [],
  );
}

function differences(what: string, arrived: unknown[], finished: unknown[]): string[] {
  const difference = firstDifference(arrived, finished);
  if (!difference) return [];
  const { path, left, right } = difference;
  return [
    `the ${what} do not add up to the finished message: at ${path} ${show(left)} arrived, ${show(right)} is in it`,
  ];
}

function show(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 200) ?? "nothing";
}
