import { MillraceError } from "millrace/provider";

/**
 * What went wrong on the way to the server:
 * - `network`: it could not be reached, or the connection was lost and could not be made again
 * - `refused`: it answered with an error; `status` and `code` tell which
 * - `protocol`: what it sent is not a stream of events, or an event is missing
 */
export type ConnectionErrorKind = "network" | "refused" | "protocol";

/** The facts of a {@link ConnectionError}. */
export interface ConnectionErrorFacts {
  kind: ConnectionErrorKind;
  /** The HTTP status, where there was an answer. */
  status?: number | undefined;
  /** The server's own word for the error. */
  code?: string | undefined;
  /** How long the server asks to wait, in milliseconds. */
  retryAfterMs?: number | undefined;
  /** How often it was tried. Default: 1. */
  attempts?: number | undefined;
}

/** The server could not be reached, refused, or sent what cannot be read. The run itself may still go on there. */
export class ConnectionError extends MillraceError {
  static {
    ConnectionError.prototype.name = "ConnectionError";
  }

  readonly kind: ConnectionErrorKind;
  readonly status?: number;
  readonly code?: string;
  readonly retryAfterMs?: number;
  /** How often it was tried since the last event. */
  readonly attempts: number;

  constructor(message: string, facts: ConnectionErrorFacts, options?: ErrorOptions) {
    super(message, options);
    this.kind = facts.kind;
    this.attempts = facts.attempts ?? 1;
    if (facts.status !== undefined) this.status = facts.status;
    if (facts.code !== undefined) this.code = facts.code;
    if (facts.retryAfterMs !== undefined) this.retryAfterMs = facts.retryAfterMs;
  }
}
