import { textOf } from "../messages.ts";
import type { Model } from "../model.ts";
import { answerEvents, paced } from "./answer.ts";

/** Options of {@link echoModel}. */
export interface EchoModelOptions {
  /** Pause before the first character, in milliseconds. Default: 0. */
  firstDelayMs?: number;
  /** Pause before each further one, in milliseconds. Default: 0. */
  delayMs?: number;
}

/** A model that repeats the last user message, character by character. */
export function echoModel(options: EchoModelOptions = {}): Model {
  const { firstDelayMs = 0, delayMs = 0 } = options;
  return {
    provider: "echo",
    id: "echo",
    async *stream(request, { signal }) {
      signal.throwIfAborted();
      const last = request.messages.findLast(({ role }) => role === "user");
      const events = answerEvents({ text: last ? textOf(last) : "" }, { chunk: 1, callId: String });
      yield* paced(events, { firstDelayMs, delayMs, signal });
    },
  };
}
