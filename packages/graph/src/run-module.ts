import { errorMessage, MillraceError, maskSecrets } from "millrace";
import { isThenable, type RunControl } from "millrace/runs";
import { NodeError, NonRetryableError } from "./errors.ts";
import { type Module, Outcome } from "./module.ts";
import { ModuleCall, type Place } from "./module-call.ts";
import { moduleState } from "./node-state.ts";
import { runAgent } from "./run-agent.ts";
import type { RunState } from "./run-state.ts";
import { saveAlways } from "./snapshot-writer.ts";

/** How a part of a node ended. */
export type PartEnd = { readonly ok: true; readonly result: unknown } | { readonly ok: false; readonly error: Error };

/** What a generator's visits give when it has come to its end without a value of its own. */
export const generatorExhausted = "generator exhausted";

/**
 * One module, from its place among those that run to its result. Never throws: what goes wrong is its end. What the
 * snapshot that the run went on from has of it is not done again.
 */
export async function runModule(run: RunState, control: RunControl, place: Place, module: Module): Promise<PartEnd> {
  const node = run.node(place.node);
  const done = node.modules?.get(place.module)?.done;
  if (done) return { ok: true, result: done.result };
  try {
    const turn = run.permits.take();
    if (turn !== undefined) await turn;
  } catch {
    const message = `node ${place.node} was stopped before its module ${place.module} began`;
    return { ok: false, error: new NodeError(message, { kind: "stopped", node: place.node, module: place.module }) };
  }
  const call = new ModuleCall(run, control, place, module);
  const { callId } = call;
  const about = { callId, node: place.node, module: place.module };
  const startedAt = Date.now();
  let end: PartEnd;
  try {
    await call.tell({ type: "module-start", ...about, attempt: place.attempt });
    call.check();
    end = { ok: true, result: await perform(run, call, module) };
  } catch (thrown) {
    forgetGenerator(run, place);
    end = { ok: false, error: asNodeError(call.error ?? thrown, place) };
  }
  call.close();
  run.permits.release();
  const durationMs = Date.now() - startedAt;
  if (!end.ok) {
    await run.emit({ type: "module-error", ...about, error: end.error, durationMs });
    return end;
  }
  await run.emit({ type: "module-result", ...about, result: end.result, durationMs });
  await saveAlways(run, place.node);
  return end;
}

/** The module between its middlewares. Gives the result, published and remembered. */
async function perform(run: RunState, call: ModuleCall, module: Module): Promise<unknown> {
  const { middlewares = [] } = module;
  call.input = inputOf(run, call.node);
  for (const middleware of middlewares) {
    if (middleware.before) call.input = await ask(run, call, () => middleware.before?.(call.input, call));
  }
  const given = module.agent ? await runAgent(run, call, module.agent) : await visit(run, call, module);
  let result = given instanceof Outcome ? given.options.result : given;
  for (const middleware of middlewares) {
    if (middleware.after) result = await ask(run, call, () => middleware.after?.(result, call));
  }
  const remember = (): void => {
    const done = given instanceof Outcome ? { result, outcome: given } : { result };
    const state = moduleState(run.node(call.node), call.module);
    state.done = done;
    if (call.history) state.history = call.history;
    if (call.hasTakenValue) state.position = (state.position ?? 0) + 1;
  };
  const { outputMailbox } = module;
  if (outputMailbox === undefined) remember();
  else {
    const published = run.effects.run(async () => {
      call.check();
      await run.cache.publish(outputMailbox, result);
      if (!call.error) remember();
    });
    await call.wait(published);
  }
  return result;
}

/** Calls the module; of a generator, takes the value of this visit. */
async function visit(run: RunState, call: ModuleCall, module: Module): Promise<unknown> {
  const key = generatorKey(call);
  let generator = run.generators.get(key);
  if (!generator) {
    const given = await ask(run, call, () => module.run(call));
    if (!isAsyncGenerator(given)) return given;
    generator = given;
    run.generators.set(key, generator);
    // Of a run that went on from a snapshot: up to where it was.
    const position = run.node(call.node).modules?.get(call.module)?.position ?? 0;
    for (let at = 0; at < position; at++) await ask(run, call, () => generator?.next(call));
  }
  const step = await ask(run, call, () => generator?.next(call));
  call.hasTakenValue = true;
  return step?.done ? (step.value ?? generatorExhausted) : step?.value;
}

/** Calls what is the user's, and waits for what it gives. */
async function ask<T>(run: RunState, call: ModuleCall, work: () => T | PromiseLike<T>): Promise<T> {
  call.check();
  const given = run.bound(work);
  if (!isThenable(given)) return given;
  const value = await call.wait(given);
  call.check();
  return value;
}

/** What the node's dependencies gave; nothing of those that were skipped. */
function inputOf(run: RunState, node: string): Record<string, unknown> {
  const given = (run.plan.dependencies.get(node) ?? []).filter((name) => name in run.results);
  return Object.fromEntries(given.map((name) => [name, run.results[name]]));
}

/** A generator that has failed is at its end; the next try begins a new one. */
function forgetGenerator(run: RunState, place: Place): void {
  const generator = run.generators.get(generatorKey(place));
  if (!generator) return;
  run.generators.delete(generatorKey(place));
  moduleState(run.node(place.node), place.module).position = 0;
  // Not awaited: one that was abandoned may never come back.
  generator.return(undefined).catch(() => {});
}

export function generatorKey({ node, module }: { readonly node: string; readonly module: string }): string {
  return JSON.stringify([node, module]);
}

function asNodeError(thrown: unknown, { node, module }: Place): NodeError {
  if (thrown instanceof NodeError) return thrown;
  const message = `module ${module} of node ${node} failed: ${maskSecrets(errorMessage(thrown))}`;
  const retryable = !(thrown instanceof NonRetryableError || (thrown instanceof MillraceError && isFinal(thrown)));
  return new NodeError(message, { kind: "failed", node, module, retryable }, { cause: thrown });
}

/** Errors that say of themselves that trying again is of no use. */
function isFinal(error: MillraceError): boolean {
  return error.name === "NonRetryableError" || ("retryable" in error && error.retryable === false);
}

function isAsyncGenerator(value: unknown): value is AsyncGenerator<unknown, unknown, unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    Symbol.asyncIterator in value &&
    "next" in value &&
    typeof value.next === "function" &&
    "return" in value &&
    typeof value.return === "function"
  );
}
