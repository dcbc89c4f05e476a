import type { ModelErrorKind } from "../errors.ts";
import type { JsonObject } from "../messages.ts";
import type { FinishReason, Model, ModelRequest } from "../model.ts";
import type { Usage } from "../usage.ts";
import { ConformanceSuite } from "./conformance-suite.ts";
import { inTime } from "./pacing.ts";

/** What a loopback server is to answer. */
export interface WireReply {
  body: string | Uint8Array;
  /** Default: 200. */
  status?: number;
  headers?: Record<string, string>;
  /** Send only so many bytes of the body. With 0 and a reset or a stall not even the headers. */
  cutAfterBytes?: number;
  /** How the body ends: properly, with a broken connection, or not at all. Default: `end`. */
  endWith?: "end" | "reset" | "stall";
  /** Send the body in pieces of so many bytes. */
  split?: number;
}

/** A request that the server got. */
export interface WireRequest {
  /** Its body, parsed. */
  readonly body: unknown;
  /** How many bytes of the reply's body the server could hand over so far. */
  readonly sentBytes: number;
  /** Resolves when the exchange is over: the reply was sent whole, or cut off. */
  readonly closed: Promise<"sent" | "cut">;
}

/** A model that is pointed at a server. */
export interface Wire {
  readonly model: Model;
  /** What came since the model was pointed at it. */
  received(): readonly WireRequest[];
}

/** An answer on the wire, and what is to be read in it. */
export interface ConformanceStream {
  body: string | Uint8Array;
  /** What is asked. Default: a short question, with the tool `get_weather` on offer. */
  request?: Partial<ModelRequest>;
  /** What is absent is not compared. */
  expected: {
    text?: string;
    reasoning?: string;
    toolCalls?: readonly { name: string; args: JsonObject }[];
    reason?: FinishReason;
    usage?: Partial<Usage>;
    /** The stream fails with a `ModelError` of this kind. */
    error?: ModelErrorKind;
  };
  /**
   * Opaque strings (signatures, encrypted content) of the answer that must be in the next request to the same
   * provider, and must not be in one to another.
   */
  sentBack?: readonly string[];
}

/** An error answer, and what is to be made of it. */
export interface ConformanceError {
  status: number;
  body: string;
  /** Default: `content-type: application/json`. */
  headers?: Record<string, string>;
  kind: ModelErrorKind;
  retryable?: boolean;
  retryAfterMs?: number;
}

/** What a provider brings to {@link conformance}. */
export interface ConformanceOptions {
  /** Points a new model at a server that gives this reply to every request. */
  connect(reply: WireReply): Wire | Promise<Wire>;
  /** Headers of the streams. Default: `content-type: text/event-stream`. */
  headers?: Record<string, string>;
  /** Answers by name: `text`, and whatever the wire format knows: reasoning, parallel calls, unknown events … */
  streams: { text: ConformanceStream; [name: string]: ConformanceStream };
  /** Error answers by name. */
  errors: { [name: string]: ConformanceError };
  /** A text of 16 MB or more, to see that a slow reader holds the server back. Default: not checked. */
  long?: string | Uint8Array;
  /** What is wrong with a request body, by the provider's rules. Default: nothing. */
  checkRequest?(body: unknown): string[];
}

/** One check, for any test runner. */
export interface ConformanceCheck {
  name: string;
  /** Throws if the model breaks its contract. */
  run(): Promise<void>;
}

/**
 * The suite that every provider passes: the contract of `Model`, checked over a real connection.
 *
 * @example
 * ```ts
 * import { test } from "node:test";
 * import { type ConformanceOptions, conformance } from "millrace/testing";
 *
 * export function testProvider(options: ConformanceOptions): void {
 *   for (const check of conformance(options)) test(check.name, check.run);
 * }
 * ```
 */
export function conformance(options: ConformanceOptions): ConformanceCheck[] {
  const suite = new ConformanceSuite(options);
  const checks: ConformanceCheck[] = [];
  const add = (name: string, run: () => Promise<void>): void => {
    checks.push({ name, run: () => inTime(run(), checkTimeoutMs, name) });
  };
  for (const [name, stream] of Object.entries(options.streams)) {
    add(`reads ${name}`, () => suite.reads(stream));
    add(`reads ${name} byte by byte`, () => suite.reads(stream, 1));
    if (!stream.expected.error) add(`sends ${name} back`, () => suite.sendsBack(stream));
  }
  for (const [name, error] of Object.entries(options.errors)) add(`fails with ${name}`, () => suite.failsWith(error));
  add("starts nothing before it is iterated", () => suite.isLazy());
  add("asks nothing with a signal that is aborted already", () => suite.abortedAlready());
  add("throws the reason of an abort before the headers, and leaves", () => suite.abortBeforeHeaders());
  add("throws the reason of an abort in mid-stream, and leaves", () => suite.abortMidStream());
  add("throws the reason of an abort while its reader is busy", () => suite.abortBetweenEvents());
  add("leaves no listener on its signal", () => suite.leavesNoListener());
  add("closes the connection when its reader leaves", () => suite.readerLeaves());
  add("fails with kind network where no answer comes", () => suite.resetBeforeHeaders());
  add("fails with kind network where the connection breaks", () => suite.resetMidStream());
  add("takes no cut answer for a whole one", () => suite.endsEarly());
  add("fails with kind protocol on a page instead of a stream", () => suite.getsPage());
  add("keeps two answers apart", () => suite.twoAtOnce());
  const { long } = options;
  if (long !== undefined) add("holds the server back when its reader is slow", () => suite.slowReader(long));
  return checks;
}

const checkTimeoutMs = 10_000;
