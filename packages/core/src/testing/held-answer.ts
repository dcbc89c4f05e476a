import type { ModelErrorKind } from "../errors.ts";
import { isModelError } from "../is-model-error.ts";
import type { Model, ModelEvent, ModelFinish, ModelRequest } from "../model.ts";
import { checkModelEvents } from "./check-model-events.ts";
import { firstDifference } from "./first-difference.ts";

/** What came of one request. */
export interface Answer {
  events: ModelEvent[];
  /** Set where the stream threw. */
  thrown?: unknown;
}

/** Reads one answer of the model to its end. */
export function readAll(
  model: Model,
  request: ModelRequest,
  signal: AbortSignal = new AbortController().signal,
): Promise<Answer> {
  return drain(model.stream(request, { signal })[Symbol.asyncIterator]());
}

/** Reads what is left of a stream. */
export async function drain(iterator: AsyncIterator<ModelEvent>): Promise<Answer> {
  const events: ModelEvent[] = [];
  try {
    for (let step = await iterator.next(); !step.done; step = await iterator.next()) events.push(step.value);
    return { events };
  } catch (thrown) {
    return { events, thrown };
  }
}

/** The finish of an answer that keeps the contract. Throws what breaks it. */
export function finishOf(answer: Answer): ModelFinish {
  if ("thrown" in answer)
    throw new Error(`expected an answer, the model threw ${String(answer.thrown)}`, { cause: answer.thrown });
  const problems = checkModelEvents(answer.events);
  const finish = answer.events.at(-1);
  if (finish?.type !== "finish" || problems.length > 0) throw new Error(problems.join("; "));
  return finish;
}

/** Throws unless the answer failed with a `ModelError` of one of these kinds. */
export function holdError({ events, thrown }: Answer, model: Model, ...kinds: ModelErrorKind[]): void {
  const finished = events.some((event) => event.type === "finish");
  hold(!finished, "expected an error, but the model gave a finish event");
  if (!isModelError(thrown)) {
    throw new Error(`expected a ModelError of kind ${kinds.join(" or ")}, the model threw ${String(thrown)}`, {
      cause: thrown,
    });
  }
  const { kind, provider, message } = thrown;
  hold(kinds.includes(kind), `expected a ModelError of kind ${kinds.join(" or ")}, got ${kind}: ${message}`);
  hold(provider === model.provider, `expected the error to name the provider ${model.provider}, got ${provider}`);
  hold(message !== "", "the error has no message");
}

/** Throws unless the answer failed with this very reason. */
export function holdReason(answer: Answer, reason: unknown): void {
  hold("thrown" in answer, "expected the signal's reason to be thrown, but the stream ended");
  hold(answer.thrown === reason, `expected the signal's own reason to be thrown, got ${String(answer.thrown)}`);
}

/** Throws where the two differ; nothing is held against an expected undefined. */
export function holdSame(got: unknown, expected: unknown, what: string): void {
  const difference = expected === undefined ? undefined : firstDifference(got, expected, what);
  if (!difference) return;
  const { path, left, right } = difference;
  throw new Error(`${path}: expected ${JSON.stringify(right)}, got ${JSON.stringify(left)}`);
}

/** Throws an error of this message unless the condition holds. */
export function hold(condition: boolean, otherwise: string): void {
  if (!condition) throw new Error(otherwise);
}
