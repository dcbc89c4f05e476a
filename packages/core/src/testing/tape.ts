import { sleep } from "../abortable.ts";
import { errorMessage, MillraceError, ModelError, type ModelErrorFacts } from "../errors.ts";
import { isModelError } from "../is-model-error.ts";
import type { Model, ModelEvent, ModelRequest } from "../model.ts";
import { firstDifference } from "./first-difference.ts";

/** What a failed request threw, as plain data. */
export interface TapedError {
  name: string;
  message: string;
  /** With a `ModelError`: its facts. */
  facts?: ModelErrorFacts;
}

/** One recorded request. Without a `finish` event and an `error` its reader left it. */
export interface TapedRequest {
  provider: string;
  id: string;
  /** The whole request, to compare with. */
  request: ModelRequest;
  /** What came, and when, in milliseconds since the request. */
  events: { at: number; event: ModelEvent }[];
  error?: TapedError;
}

/** Recorded requests, plain JSON. A new one is `{ version: 1, requests: [] }`. Holds whatever the messages hold. */
export interface Tape {
  version: 1;
  requests: TapedRequest[];
}

/** A part of a request that {@link replay} compares. */
export type ComparedPart = "messages" | "instructions" | "tools" | "output" | "settings";

/** Options of {@link replay}. */
export interface ReplayOptions {
  /** Keep the recorded pauses. Default: false, at once. */
  timing?: boolean;
  /** Parts of a request that may differ from the recorded ones. Default: none. */
  ignore?: readonly ComparedPart[];
  /** Begin again at the end of the tape. Default: false. */
  loop?: boolean;
}

/** Wraps a model so that each request and all that came is added to `tape`: save it as JSON for {@link replay}. */
export function record(model: Model, tape: Tape): Model {
  const { provider, id } = model;
  return {
    provider,
    id,
    async *stream(request, options) {
      const taped: TapedRequest = { provider, id, request: plain(request), events: [] };
      tape.requests.push(taped);
      const start = performance.now();
      try {
        for await (const event of model.stream(request, options)) {
          taped.events.push({ at: Math.round(performance.now() - start), event });
          yield event;
        }
      } catch (error) {
        if (!options.signal.aborted) taped.error = toTaped(error);
        throw error;
      }
    },
  };
}

/**
 * A model that plays a tape, request by request in their order: a run once made with a real provider becomes a
 * deterministic test. A request that differs from the recorded one, or one beyond the end, fails with an error that
 * says what differs.
 */
export function replay(tape: Tape, options: ReplayOptions = {}): Model {
  const { timing = false, ignore = [], loop = false } = options;
  const parts = allParts.filter((part) => !ignore.includes(part));
  if (tape.version !== 1) throw new Error(`replay: expected a tape of version 1, got ${JSON.stringify(tape.version)}`);
  const { provider = "replay", id = "replay" } = tape.requests[0] ?? {};
  let played = 0;
  return {
    provider,
    id,
    async *stream(request, { signal }) {
      signal.throwIfAborted();
      const number = played++;
      const taped = tape.requests[loop ? number % tape.requests.length : number];
      if (!taped) throw new Error(`replay: request ${number + 1} is beyond the end of the tape, which has ${number}`);
      const asked = plain(request);
      for (const part of parts) compare(asked[part], taped.request[part], `${part} of request ${number + 1}`);
      let now = 0;
      for (const { at, event } of taped.events) {
        if (timing && at > now) await sleep(at - now, signal);
        signal.throwIfAborted();
        now = at;
        yield event;
      }
      signal.throwIfAborted();
      if (taped.error) throw fromTaped(taped.error);
      if (taped.events.at(-1)?.event.type !== "finish") {
        throw new Error(`replay: request ${number + 1} was left by its reader here when it was recorded`);
      }
    },
  };
}

const allParts: readonly ComparedPart[] = ["messages", "instructions", "tools", "output", "settings"];

function compare(sent: unknown, recorded: unknown, where: string): void {
  const difference = firstDifference(sent, recorded, where);
  if (!difference) return;
  throw new Error(
    `replay: ${difference.path} differs from the tape: recorded ${shorten(difference.right)}, got ${shorten(difference.left)}. ` +
      "Record it anew, or ignore this part.",
  );
}

/** What is left of a request on a tape, so that both sides of a comparison are alike. */
function plain(request: ModelRequest): ModelRequest {
  return JSON.parse(JSON.stringify(request));
}

function toTaped(error: unknown): TapedError {
  const name = error instanceof Error ? error.name : "Error";
  if (!isModelError(error)) return { name, message: errorMessage(error) };
  const { kind, provider, status, code, retryAfterMs, requestId, retryable } = error;
  const facts = { kind, provider, status, code, retryAfterMs, requestId, retryable };
  return { name, message: error.message, facts: JSON.parse(JSON.stringify(facts)) };
}

function fromTaped({ name, message, facts }: TapedError): Error {
  if (facts) return new ModelError(message, facts);
  const error = new MillraceError(message);
  error.name = name;
  return error;
}

function shorten(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
