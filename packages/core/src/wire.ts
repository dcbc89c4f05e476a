/**
 * Events as text, for a wire or a log: what a server sends and a client reads.
 *
 * @module
 */
import {
  ConfigError,
  type ErrorJson,
  errorJson,
  type Issue,
  isMillraceError,
  MillraceError,
  ModelError,
  type ModelErrorKind,
  maskSecrets,
  OutputError,
  ToolCallError,
  type ToolFailureKind,
} from "./errors.ts";
import type { AgentEvent, RunInfo, StreamEvent } from "./events.ts";
import { GrowingText, LazyObjectDelta, LazyToolCallDelta } from "./lazy-events.ts";

export { requestOf } from "./request-of.ts";

/**
 * Writes the events of one stream, each as one line of JSON. `run` is told once, with the first event of each run.
 * Errors become plain data (name, message, facts; no stack, no cause, secrets masked). What a tool gave that is not JSON
 * becomes what JSON has for it, a text or `null`.
 */
export class WireEncoder {
  /** The runs that were told: the stream's own, and those of sub-agents. */
  readonly #told = new Set<string>();

  /** The event's line, without a line end: JSON holds none. Never throws. */
  encode(event: AgentEvent | StreamEvent): string {
    const form = this.#form(event);
    // Most events are plain data, and a replacer makes writing them several times as slow.
    return isPlain.has(event.type) ? JSON.stringify(form) : jsonOf(form);
  }

  #form(event: StreamEvent): object {
    const { run, ...rest } = event;
    // What is parsed when it is read is not part of an event's JSON.
    if (event.type === "tool-call-delta") Reflect.deleteProperty(rest, "args");
    if (event.type === "object-delta") Reflect.deleteProperty(rest, "object");
    const isTold = this.#told.has(run.id);
    this.#told.add(run.id);
    return {
      ...rest,
      ...(isSubAgent(event) && { event: this.#form(event.event) }),
      ...(!isTold && { run }),
    };
  }
}

/**
 * The JSON of any value, as {@link WireEncoder} writes it: of errors their plain data, of what is not JSON what JSON has for
 * it. For other protocols that send events. Never throws.
 */
export function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value, replaceForeign) ?? "null";
  } catch {
    return JSON.stringify(readable(value, 0)) ?? "null";
  }
}

/**
 * The line that says that a stream broke off before its run's `final`: it is no event, and {@link WireDecoder} throws the
 * error.
 */
export function encodeFailure(error: unknown): string {
  return JSON.stringify({ type: failureType, error: safeError(error) });
}

/** What {@link encodeFailure} calls itself; no event has this type. */
const failureType = "stream-failed";

/** The frequent events that hold neither errors nor values of the user's own. */
const isPlain: ReadonlySet<string> = new Set<AgentEvent["type"]>([
  "turn-start",
  "text-delta",
  "reasoning-delta",
  "refusal-delta",
  "tool-call-delta",
  "object-delta",
]);

function isSubAgent(event: StreamEvent): event is StreamEvent & { readonly event: StreamEvent } {
  return event.type === "sub-agent" && "event" in event && isRecord(event.event) && isRunInfo(event.event["run"]);
}

/** Takes errors before their own `toJSON`: those of other packages tell of requests and their headers. */
function replaceForeign(this: unknown, key: string, value: unknown): unknown {
  const original: unknown = typeof this === "object" && this !== null ? Reflect.get(this, key) : value;
  if (isError(original)) return safeError(original);
  return typeof value === "bigint" ? String(value) : value;
}

/** A copy of what JSON.stringify has thrown at: circles, getters and `toJSON` that throw, endless depth. */
function readable(value: unknown, depth: number): unknown {
  try {
    if (isError(value)) return safeError(value);
    if (typeof value === "bigint") return String(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth > maxReadableDepth) return null;
    if (Array.isArray(value)) return value.map((item) => readable(item, depth + 1));
    if ("toJSON" in value && typeof value.toJSON === "function") return JSON.parse(JSON.stringify(value));
    return Object.fromEntries(Object.keys(value).map((key) => [key, readable(read(value, key), depth + 1)]));
  } catch {
    return null;
  }
}

/** Deep enough for what is meant to be read. */
const maxReadableDepth = 24;

function read(value: object, key: string): unknown {
  try {
    return Reflect.get(value, key);
  } catch {
    return null;
  }
}

function isError(value: unknown): boolean {
  return value instanceof Error || isMillraceError(value);
}

function safeError(error: unknown): ErrorJson {
  try {
    const json = errorJson(error);
    const safe: ErrorJson = { ...json, message: maskSecrets(json.message) };
    // Facts may be of any kind, in a subclass of the user's own.
    JSON.stringify(safe);
    return safe;
  } catch {
    return { name: "Error", message: "an error that cannot be told" };
  }
}

/**
 * Reads one stream: gives back the events that a {@link WireEncoder} was given. Remembers whose run it is, and the JSON
 * that grows, so that `args` and `object` of deltas are there to be read. Errors are errors again, of the classes of
 * this SDK where they were.
 */
export class WireDecoder {
  #run: RunInfo | undefined;
  /** Arguments that arrive, by call. */
  readonly #calls = new Map<string, GrowingText>();
  #text = new GrowingText();
  /** Sub-agents, by the call that they serve. */
  readonly #inner = new Map<string, WireDecoder>();

  /**
   * The event of a line that `JSON.parse` has read; the object is taken over.
   *
   * @throws what {@link encodeFailure} was given
   * @throws {@link MillraceError} for what is no event, or one whose `run` was told before this decoder's first
   */
  decode(json: unknown): AgentEvent {
    if (!isRecord(json)) throw new MillraceError(`expected an event, got ${shorten(json)}`);
    if (json["type"] === failureType) throw toError(json["error"]);
    if (isRunInfo(json["run"])) this.#run = Object.freeze(json["run"]);
    json["run"] = this.#run;
    if (json["type"] === "sub-agent") json["event"] = this.#nested(String(json["callId"])).decode(json["event"]);
    if (isRecord(json["error"])) json["error"] = toError(json["error"]);
    if (!isEvent(json)) {
      throw new MillraceError(
        `expected an event with its type, its seq and, if it is the first one, its run, got ${shorten(json)}`,
      );
    }
    return this.#follow(json);
  }

  #nested(callId: string): WireDecoder {
    const known = this.#inner.get(callId);
    if (known) return known;
    const decoder = new WireDecoder();
    this.#inner.set(callId, decoder);
    return decoder;
  }

  /** Follows the JSON that grows. */
  #follow(event: AgentEvent): AgentEvent {
    switch (event.type) {
      case "turn-start":
      case "retry":
      case "model-switched":
        this.#calls.clear();
        this.#text = new GrowingText();
        return event;
      case "text-delta":
        this.#text.text += event.text;
        return event;
      case "tool-call-delta": {
        const json = this.#calls.get(event.callId) ?? new GrowingText();
        this.#calls.set(event.callId, json);
        json.text += event.delta;
        return new LazyToolCallDelta(event.at, event.seq, event.run, event, json);
      }
      case "object-delta":
        return new LazyObjectDelta(event.at, event.seq, event.run, this.#text);
      default:
        return event;
    }
  }
}

/** What it does not know it lets through: a newer server's events reach the consumer's `default:`. */
function isEvent(json: Record<string, unknown>): json is Record<string, unknown> & AgentEvent {
  return typeof json["type"] === "string" && typeof json["seq"] === "number" && json["run"] !== undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isRunInfo(value: unknown): value is RunInfo {
  return (
    isRecord(value) &&
    typeof value["id"] === "string" &&
    typeof value["agentName"] === "string" &&
    typeof value["userId"] === "string" &&
    typeof value["chatId"] === "string"
  );
}

function shorten(json: unknown): string {
  const text = JSON.stringify(json) ?? "nothing";
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** An error from its plain data: of its own class where that is one of this SDK's and its facts are there. */
function toError(json: unknown): Error {
  const { name, message, ...facts } = isRecord(json) ? json : {};
  const error = ownError(String(name), String(message ?? "unknown"), facts);
  // Whatever else the error told, in the order in which it told it.
  for (const [key, value] of Object.entries(facts)) {
    if (key !== "stack" && key !== "__proto__") Object.assign(error, { [key]: value });
  }
  if (typeof name === "string" && error.name !== name) {
    Object.defineProperty(error, "name", { value: name, configurable: true, enumerable: false });
  }
  return error;
}

function ownError(name: string, message: string, facts: Record<string, unknown>): MillraceError {
  const { kind, provider, toolName, issues, text, option } = facts;
  if (name === "ModelError" && isModelErrorKind(kind) && typeof provider === "string") {
    return new ModelError(message, { kind, provider });
  }
  if (name === "ToolCallError" && isToolFailureKind(kind) && typeof toolName === "string") {
    return new ToolCallError(message, { kind, toolName });
  }
  if (name === "OutputError" && isIssues(issues) && typeof text === "string") {
    return new OutputError(message, { issues, text });
  }
  if (name === "ConfigError" && typeof option === "string" && message.startsWith(`${option}: `)) {
    return new ConfigError(option, message.slice(option.length + 2));
  }
  return new MillraceError(message);
}

const modelErrorKinds = {
  "rate-limit": true,
  overloaded: true,
  "server-error": true,
  timeout: true,
  network: true,
  "context-overflow": true,
  auth: true,
  "invalid-request": true,
  "content-filter": true,
  protocol: true,
  unsupported: true,
} satisfies Record<ModelErrorKind, true>;

function isModelErrorKind(kind: unknown): kind is ModelErrorKind {
  return typeof kind === "string" && Object.hasOwn(modelErrorKinds, kind);
}

const toolFailureKinds = {
  "unknown-tool": true,
  "invalid-arguments": true,
  refused: true,
  timeout: true,
  failed: true,
  stopped: true,
} satisfies Record<ToolFailureKind, true>;

function isToolFailureKind(kind: unknown): kind is ToolFailureKind {
  return typeof kind === "string" && Object.hasOwn(toolFailureKinds, kind);
}

function isIssues(issues: unknown): issues is readonly Issue[] {
  return (
    Array.isArray(issues) &&
    issues.every(
      (issue) => isRecord(issue) && typeof issue["path"] === "string" && typeof issue["message"] === "string",
    )
  );
}
