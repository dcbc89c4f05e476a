import { abortable } from "../abortable.ts";
import { type Message, textOf, toolCallsOf } from "../messages.ts";
import type { Model, ModelRequest } from "../model.ts";
import { answerEvents, paced, type ScriptedAnswer } from "./answer.ts";

/** What a scripted model does at one request: an answer, its text, or a function that makes one from the request. */
export type ScriptedStep =
  | string
  | ScriptedAnswer
  | ((request: ModelRequest) => string | ScriptedAnswer | PromiseLike<string | ScriptedAnswer>);

/** Options of {@link scriptedModel}. */
export interface ScriptedModelOptions {
  /** Default: `scripted`. */
  provider?: string;
  /** Default: `scripted`. */
  id?: string;
  /** Characters of each delta. Default: one word of text, eight characters of arguments. */
  chunk?: number;
  /** Pause before each event, in milliseconds. Default: 0. */
  delayMs?: number;
}

/** A model that follows a script. */
export interface ScriptedModel extends Model {
  /** The requests so far, in their order. */
  readonly requests: readonly ModelRequest[];
  /** Throws if a step was not used, naming it. */
  assertDone(): void;
}

/**
 * A model that answers each request with the next step of a script: for tests and demos, offline. A request beyond
 * the script fails with an error that shows it.
 *
 * @example
 * ```ts
 * import { scriptedModel } from "millrace/testing";
 *
 * const model = scriptedModel([
 *   { toolCalls: [{ name: "get_weather", args: { city: "Tokyo" } }] },
 *   "It is sunny in Tokyo.",
 * ]);
 * ```
 */
export function scriptedModel(steps: readonly ScriptedStep[], options: ScriptedModelOptions = {}): ScriptedModel {
  const { provider = "scripted", id = "scripted", chunk, delayMs = 0 } = options;
  const requests: ModelRequest[] = [];
  return {
    provider,
    id,
    requests,
    async *stream(request, { signal }) {
      signal.throwIfAborted();
      const count = requests.push({ ...request, messages: [...request.messages] });
      const step = steps[count - 1];
      if (step === undefined) throw new Error(unexpectedRequest(count, steps.length, request));
      const given = typeof step === "function" ? await abortable(step(request), signal) : step;
      const answer = typeof given === "string" ? { text: given } : given;
      const events = answerEvents(answer, { chunk, callId: (position) => `call_${count}_${position + 1}` });
      yield* paced(events, { firstDelayMs: delayMs, delayMs, signal });
    },
    assertDone() {
      const unused = steps.slice(requests.length).map((step, index) => nameOf(step, requests.length + index));
      if (unused.length > 0) {
        throw new Error(
          `scriptedModel: ${requests.length} requests came, these steps were not used: ${unused.join("; ")}`,
        );
      }
    },
  };
}

function unexpectedRequest(count: number, expected: number, request: ModelRequest): string {
  const last = request.messages.at(-1);
  return (
    `scriptedModel: request ${count} was not expected, the script has ${expected} steps. ` +
    `Its last message: ${last ? show(last) : "none"}. Add a step, or find out why the model is asked again.`
  );
}

function show(message: Message): string {
  const calls = toolCallsOf(message).map(({ name }) => name);
  return `${message.role} ${shorten(textOf(message))}${calls.length > 0 ? ` calling ${calls.join(", ")}` : ""}`;
}

function nameOf(step: ScriptedStep, index: number): string {
  const said = typeof step === "function" ? "a function" : shorten(step);
  return `step ${index + 1}: ${said}`;
}

function shorten(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
