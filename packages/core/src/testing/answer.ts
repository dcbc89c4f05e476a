import { sleep } from "../abortable.ts";
import { MessageBuilder } from "../message-builder.ts";
import type { Json, JsonObject } from "../messages.ts";
import type { FinishReason, ModelEvent } from "../model.ts";
import { noUsage, type Usage } from "../usage.ts";

/** A tool call that a scripted model asks for. */
export interface ScriptedToolCall {
  name: string;
  /** Default: `{}`. A string is sent as it is, to try out arguments that are not JSON. */
  args?: JsonObject | string;
  /** Default: `call_<request>_<call>`, counted from 1. */
  callId?: string;
}

/** One answer of a scripted model; a string is an answer of that text. */
export interface ScriptedAnswer {
  reasoning?: string;
  text?: string;
  /** Structured output: sent as the text of its JSON. */
  object?: Json;
  refusal?: string;
  toolCalls?: readonly ScriptedToolCall[];
  /** Default: `tool-calls` where there are some, else `stop`. */
  finishReason?: FinishReason;
  /** Default: 10 input and 5 output tokens. */
  usage?: Partial<Usage>;
  /** Thrown in place of the finish, after all deltas: alone it fails the request before anything has arrived. */
  error?: unknown;
}

/** How an answer is cut into deltas. */
export interface AnswerCut {
  /** Characters of each delta. Default: one word of text, eight characters of arguments. */
  chunk?: number | undefined;
  /** Makes the id of a call that has none. */
  callId: (position: number) => string;
}

/** Streams one answer in pieces. */
export function* answerEvents(answer: ScriptedAnswer, cut: AnswerCut): Generator<ModelEvent, void> {
  const builder = new MessageBuilder();
  const { toolCalls = [], object } = answer;
  const text = answer.text ?? (object === undefined ? "" : JSON.stringify(object));
  for (const piece of pieces(answer.reasoning ?? "", cut.chunk)) yield builder.reasoning(piece);
  for (const piece of pieces(text, cut.chunk)) yield builder.text(piece);
  for (const piece of pieces(answer.refusal ?? "", cut.chunk)) yield builder.refusal(piece);
  for (const [position, call] of toolCalls.entries()) {
    yield builder.toolCall(position, call.name, call.callId ?? cut.callId(position));
    const { args = {} } = call;
    for (const piece of pieces(typeof args === "string" ? args : JSON.stringify(args), cut.chunk ?? 8)) {
      const delta = builder.toolArgs(position, piece);
      if (delta) yield delta;
    }
  }
  if (answer.error !== undefined) throw answer.error;
  const reason = answer.finishReason ?? (toolCalls.length > 0 ? "tool-calls" : "stop");
  yield builder.finish({ reason, usage: { ...noUsage, inputTokens: 10, outputTokens: 5, ...answer.usage } });
}

/** Gives the events with pauses. Throws `signal.reason` as soon as it is aborted. */
export async function* paced(
  events: Iterable<ModelEvent>,
  pace: { firstDelayMs: number; delayMs: number; signal: AbortSignal },
): AsyncGenerator<ModelEvent, void> {
  const { signal } = pace;
  let delayMs = pace.firstDelayMs;
  try {
    for (const event of events) {
      if (delayMs > 0) await sleep(delayMs, signal);
      signal.throwIfAborted();
      yield event;
      delayMs = pace.delayMs;
    }
  } catch (error) {
    // An abort comes first, also where the answer would fail at this very place.
    signal.throwIfAborted();
    throw error;
  }
}

/** Words with the space after them, or so many characters; a surrogate pair is never cut. */
function pieces(text: string, chunk: number | undefined): string[] {
  if (chunk === undefined) return text.match(/\S*\s*/g)?.filter((word) => word !== "") ?? [];
  const characters = [...text];
  const found: string[] = [];
  for (let from = 0; from < characters.length; from += chunk) {
    found.push(characters.slice(from, from + chunk).join(""));
  }
  return found;
}
