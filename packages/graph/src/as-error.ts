import { errorMessage, MillraceError } from "millrace";

/** What was thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new MillraceError(errorMessage(thrown), { cause: thrown });
}
