import { type Issue, MillraceError } from "millrace";

/** The parent of every error of an ensemble's own. */
export class EnsembleError extends MillraceError {
  static {
    EnsembleError.prototype.name = "EnsembleError";
  }
}

/** A promise was awaited that has nothing that could give its whole: neither a `resolver` nor a `whole`. */
export class FunctionNotProvidedError extends EnsembleError {
  static {
    FunctionNotProvidedError.prototype.name = "FunctionNotProvidedError";
  }
}

/** Something was appended before `open()`. */
export class AppenderNotOpenError extends EnsembleError {
  static {
    AppenderNotOpenError.prototype.name = "AppenderNotOpenError";
  }
}

/** Something was appended, sent or replied after the end. */
export class AppenderClosedError extends EnsembleError {
  static {
    AppenderClosedError.prototype.name = "AppenderClosedError";
  }
}

/**
 * A reader came too late for the first pieces: `maxPieces` let them go. The iteration can go on: its next piece is the
 * first one that is still there.
 */
export class PiecesDroppedError extends EnsembleError {
  static {
    PiecesDroppedError.prototype.name = "PiecesDroppedError";
  }

  /** How many pieces this reader has missed. */
  readonly dropped: number;

  constructor(dropped: number) {
    super(`${dropped} pieces are no longer kept: read sooner, or raise \`maxPieces\``);
    this.dropped = dropped;
  }
}

/** Agents or promises wait for each other in a ring, so that none of them can go on. */
export class CyclicWaitError extends EnsembleError {
  static {
    CyclicWaitError.prototype.name = "CyclicWaitError";
  }

  /** Who waits for whom; the last waits for the first. */
  readonly cycle: readonly string[];

  constructor(cycle: readonly string[]) {
    super(
      `This would wait for ever: ${[...cycle, cycle[0]].join(" waits for ")}. ` +
        "Where an agent makes its replies in another branch, give that branch to ctx.makeSureToWait()",
    );
    this.cycle = cycle;
  }
}

/**
 * Somebody ends the dialog: throw it in an agent, and the loop around it ends. No failure: it is not logged, and never
 * made a message.
 */
export class DialogEnd extends EnsembleError {
  static {
    DialogEnd.prototype.name = "DialogEnd";
  }

  constructor(message = "The dialog was ended") {
    super(message);
  }
}

/** An agent was called where no ensemble is known. */
export class NoEnsembleError extends EnsembleError {
  static {
    NoEnsembleError.prototype.name = "NoEnsembleError";
  }

  constructor() {
    super(
      "No ensemble is known here: call inside of `new Ensemble().run(…)`, or say which one: `{ within: ensemble }`",
    );
  }
}

/** Fields of a message, or arguments of an agent, that are not plain data or do not fit their schema. */
export class ValidationError extends EnsembleError {
  static {
    ValidationError.prototype.name = "ValidationError";
  }

  readonly issues: readonly Issue[];

  constructor(what: string, issues: readonly Issue[]) {
    const told = issues.map(({ path, message }) => (path ? `${path}: ${message}` : message));
    super(`${what}: ${told.join("; ")}`);
    this.issues = issues;
  }
}

/** Something that can be no message was sent or replied; thrown at its place in the sequence. */
export class UnexpectedMessageError extends EnsembleError {
  static {
    UnexpectedMessageError.prototype.name = "UnexpectedMessageError";
  }

  constructor(got: unknown) {
    super(
      "Unexpected message: expected a string, a message, an object of fields, an error, a promise or an iterable of " +
        `these, got ${got === null ? "null" : `a value of type ${typeof got}`}`,
    );
  }
}
