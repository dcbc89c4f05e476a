import { MillraceError } from "millrace";

/** How the evaluation of a condition went wrong. */
export type LuaFailureKind =
  /** An error of Lua, such as a comparison of a number with nil. */
  | "failed"
  /** It took too long and was ended. */
  | "time"
  | "memory"
  | "instructions"
  /** The engine itself could not begin, or broke. */
  | "engine";

/** A condition in Lua that failed while it was evaluated. */
export class LuaError extends MillraceError {
  static {
    LuaError.prototype.name = "LuaError";
  }

  readonly kind: LuaFailureKind;
  /** The condition. */
  readonly source: string;
  /** Where in the source, from 1, as far as Lua says so. */
  readonly line?: number;

  constructor(problem: string, facts: { kind: LuaFailureKind; source: string; line?: number }, options?: ErrorOptions) {
    const at = facts.line !== undefined && facts.source.includes("\n") ? ` (line ${facts.line})` : "";
    super(`the condition ${shortened(facts.source)} failed${at}: ${problem}`, options);
    this.kind = facts.kind;
    this.source = facts.source;
    if (facts.line !== undefined) this.line = facts.line;
  }
}

/** A source as it stands in messages. */
export function shortened(source: string): string {
  return JSON.stringify(source.length > 80 ? `${source.slice(0, 80)}…` : source);
}
