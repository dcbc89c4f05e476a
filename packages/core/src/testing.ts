/**
 * What tests of agents and of providers need, for any test runner: models that follow a script or a tape, an oracle of
 * histories, cuts at every event of a run, and the suite that every provider passes.
 *
 * @module
 */
export type { ScriptedAnswer, ScriptedToolCall } from "./testing/answer.ts";
export { checkEvents } from "./testing/check-events.ts";
export { checkHistory } from "./testing/check-history.ts";
export { checkModelEvents } from "./testing/check-model-events.ts";
export {
  type ConformanceCheck,
  type ConformanceError,
  type ConformanceOptions,
  type ConformanceStream,
  conformance,
  type Wire,
  type WireReply,
  type WireRequest,
} from "./testing/conformance.ts";
export { type CutOptions, type CutReport, cutEverywhere, findCutProblems } from "./testing/cut-everywhere.ts";
export type { CutKind, CutRun, CuttableRun } from "./testing/cut-run.ts";
export { type EchoModelOptions, echoModel } from "./testing/echo-model.ts";
export {
  type ScriptedModel,
  type ScriptedModelOptions,
  type ScriptedStep,
  scriptedModel,
} from "./testing/scripted-model.ts";
export {
  type ComparedPart,
  type ReplayOptions,
  record,
  replay,
  type Tape,
  type TapedError,
  type TapedRequest,
} from "./testing/tape.ts";
