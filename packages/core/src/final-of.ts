import type { Final } from "./events.ts";

/** Hangs a run's last event on the error that is thrown after it, where {@link finalOf} finds it. */
export function withFinal(error: Error, final: { readonly type: "final" }): Error {
  try {
    Object.defineProperty(error, "final", { value: final, configurable: true, enumerable: false });
  } catch {
    // A frozen error goes without.
  }
  return error;
}

/** The `Final` of the run that threw `error`; undefined for an error that no run threw. */
export function finalOf(error: unknown): Final | undefined {
  if (!(error instanceof Error) || !("final" in error)) return undefined;
  const { final } = error;
  return isFinal(final) ? final : undefined;
}

function isFinal(value: unknown): value is Final {
  return typeof value === "object" && value !== null && "type" in value && value.type === "final";
}
