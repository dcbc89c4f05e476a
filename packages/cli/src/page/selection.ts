import type { Row } from "../inspect/rows.ts";

/** What the details show: a turn or a call by its run and its place there, or one row of the list. */
export type Selection =
  | { readonly kind: "turn"; readonly runId: string; readonly index: number }
  | { readonly kind: "call"; readonly runId: string; readonly index: number }
  | { readonly kind: "row"; readonly row: Row };

/** Whether two selections are the same. */
export function isSame(a: Selection | undefined, b: Selection): boolean {
  if (a?.kind === "row" || b.kind === "row") {
    return a?.kind === "row" && b.kind === "row" && a.row.line === b.row.line;
  }
  return a?.kind === b.kind && a.runId === b.runId && a.index === b.index;
}
