/** How a tool call went wrong. */
export type ToolFailureKind = "unknown-tool" | "invalid-arguments" | "refused" | "timeout" | "failed" | "stopped";

/** Why a model request failed; {@link ModelError.retryable} says whether the same request may succeed later. */
export type ModelErrorKind =
  | "rate-limit"
  | "overloaded"
  | "server-error"
  | "timeout"
  | "network"
  | "context-overflow"
  | "auth"
  | "invalid-request"
  | "content-filter"
  | "protocol"
  | "unsupported";

/** What {@link MillraceError.toJSON} gives: plain data without a stack, safe to log and to send. */
export interface ErrorJson {
  name: string;
  message: string;
  [fact: string]: unknown;
}

/** Known across copies of the package. */
const brand = Symbol.for("millrace.error");

/** The parent of every error of this SDK. The facts are fields, the `cause` is kept. */
export class MillraceError extends Error {
  static {
    // On the prototype: an own field would show up in every log of the error.
    MillraceError.prototype.name = "MillraceError";
    Object.defineProperty(MillraceError.prototype, brand, { value: true });
  }

  /** The error's facts as plain data: no stack, no cause, never a secret. */
  toJSON(): ErrorJson {
    const facts = Object.entries(this).filter(([key, value]) => !unsent.has(key) && value !== undefined);
    return { name: this.name, message: this.message, ...Object.fromEntries(facts) };
  }
}

const unsent = new Set(["cause", "stack", "final"]);

/** Whether `error` is one of this SDK's errors, also when it comes from another copy of the package. */
export function isMillraceError(error: unknown): error is MillraceError {
  return typeof error === "object" && error !== null && brand in error;
}

/** An option, an input or a history that cannot work. Thrown at once by the call that was given it. */
export class ConfigError extends MillraceError {
  static {
    ConfigError.prototype.name = "ConfigError";
  }

  /** The path of the option, such as `tools[2].name`. */
  readonly option: string;

  /**
   * @param option the path of the option that is wrong
   * @param expected what was expected, what came and what to do, as a sentence without the option's name
   */
  constructor(option: string, expected: string, options?: ErrorOptions) {
    super(`${option}: ${expected}`, options);
    this.option = option;
  }
}

/** The facts of a {@link ModelError}. */
export interface ModelErrorFacts {
  kind: ModelErrorKind;
  /** The provider's name, such as `openai`. */
  provider: string;
  /** The HTTP status, where there was an answer. */
  status?: number | undefined;
  /** The provider's own error code or type. */
  code?: string | undefined;
  /** How long the provider asks to wait, in milliseconds. */
  retryAfterMs?: number | undefined;
  /** The provider's id of the request, for its support. */
  requestId?: string | undefined;
  /** Default: true for `rate-limit`, `overloaded`, `server-error`, `timeout` and `network`. */
  retryable?: boolean | undefined;
}

const retryableKinds: ReadonlySet<ModelErrorKind> = new Set([
  "rate-limit",
  "overloaded",
  "server-error",
  "timeout",
  "network",
]);

/** A model request that failed. */
export class ModelError extends MillraceError {
  static {
    ModelError.prototype.name = "ModelError";
  }

  readonly kind: ModelErrorKind;
  readonly provider: string;
  readonly status?: number;
  readonly code?: string;
  readonly retryAfterMs?: number;
  readonly requestId?: string;
  readonly retryable: boolean;

  constructor(message: string, facts: ModelErrorFacts, options?: ErrorOptions) {
    super(message, options);
    this.kind = facts.kind;
    this.provider = facts.provider;
    this.retryable = facts.retryable ?? retryableKinds.has(facts.kind);
    if (facts.status !== undefined) this.status = facts.status;
    if (facts.code !== undefined) this.code = facts.code;
    if (facts.retryAfterMs !== undefined) this.retryAfterMs = facts.retryAfterMs;
    if (facts.requestId !== undefined) this.requestId = facts.requestId;
  }
}

/** One way in which a value does not fit its schema. */
export interface Issue {
  /** Where: `city`, `items[0].name`; empty for the value itself. */
  path: string;
  message: string;
}

/** A tool call that gave no result. The model reads its `message`; stack and cause stay here. */
export class ToolCallError extends MillraceError {
  static {
    ToolCallError.prototype.name = "ToolCallError";
  }

  readonly kind: ToolFailureKind;
  readonly toolName: string;
  /** With kind `invalid-arguments`: what does not fit. */
  readonly issues?: readonly Issue[];

  constructor(
    message: string,
    facts: { kind: ToolFailureKind; toolName: string; issues?: readonly Issue[] },
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.kind = facts.kind;
    this.toolName = facts.toolName;
    if (facts.issues) this.issues = facts.issues;
  }
}

/** The model's structured output does not fit the agent's `output` schema, also after asking again. */
export class OutputError extends MillraceError {
  static {
    OutputError.prototype.name = "OutputError";
  }

  readonly issues: readonly Issue[];
  /** What the model wrote last. */
  readonly text: string;

  constructor(message: string, facts: { issues: readonly Issue[]; text: string }, options?: ErrorOptions) {
    super(message, options);
    this.issues = facts.issues;
    this.text = facts.text;
  }
}

/** The message of anything that can be thrown, also of what cannot be made a string. Never throws. */
export function errorMessage(error: unknown): string {
  try {
    return error instanceof Error ? String(error.message || error.name) : String(error);
  } catch {
    return `a value of type ${typeof error} that has no text`;
  }
}

/** An error as plain data, safe to log and to send: of a foreign one its name and its message, secrets masked. */
export function errorJson(error: unknown): ErrorJson {
  if (isMillraceError(error)) return error.toJSON();
  return { name: error instanceof Error ? error.name : "Error", message: maskSecrets(errorMessage(error)) };
}

/** Takes keys, tokens and a URL's credentials out of a text that may quote a request. */
export function maskSecrets(text: string): string {
  return text
    .replace(/\b((?:sk|pk|gsk|xai|rk|key|hf|nvapi|pplx)[-_]|AIza|AKIA|ASIA)[A-Za-z0-9_-]{6,}/g, "$1…")
    .replace(/\b(Bearer\s+)[^\s"',]{6,}/gi, "$1…")
    .replace(/(:\/\/)[^\s/@"']+@/g, "$1…@");
}
