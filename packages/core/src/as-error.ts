import { errorMessage, MillraceError } from "./errors.ts";

/** What was thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new MillraceError(errorMessage(thrown), { cause: thrown });
}
