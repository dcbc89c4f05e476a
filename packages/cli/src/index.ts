/**
 * What the inspector can show more of: runs recorded with what each turn sent to the model. The command itself is
 * `millrace`.
 *
 * @module
 */
export { recordRuns } from "./record-runs.ts";
