/**
 * The door for packages that have runs of their own, such as those of a graph: what the stream of an agent's run, its
 * stop and its observers are made of.
 *
 * @module
 */
export { abortable, sleep } from "./abortable.ts";
export { asError } from "./as-error.ts";
export { EventRun, type RunSource, readToEnd } from "./event-run.ts";
export { withFinal } from "./final-of.ts";
export { Gate } from "./gate.ts";
export { HookRunner, type HooksOf } from "./hooks.ts";
export { newId } from "./ids.ts";
export { isObject } from "./is-object.ts";
export { isThenable } from "./is-thenable.ts";
export { merge } from "./merge.ts";
export {
  anything,
  type Check,
  callable,
  checkFields,
  count,
  countOrNone,
  fields,
  flag,
  list,
  milliseconds,
  millisecondsOrNone,
  oneOf,
  text,
  texts,
  wrong,
} from "./option-checks.ts";
export { RunControl, RunCut } from "./run-control.ts";
export { joinRun } from "./run-state.ts";
export { after, type Bound, Breath, bindContext } from "./runtime.ts";
export { SubAgentProgress } from "./tool.ts";
