import { isMillraceError, type ModelError } from "./errors.ts";

/** Whether `error` is a `ModelError`, also of another copy of the package. */
export function isModelError(error: unknown): error is ModelError {
  return isMillraceError(error) && error.name === "ModelError";
}
