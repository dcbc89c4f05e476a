import type { ToolCallRequest, TurnContext } from "./agent-options.ts";
import { errorMessage, ToolCallError } from "./errors.ts";
import type { AgentEvent } from "./events.ts";
import { copyOf } from "./freeze.ts";
import { Gate } from "./gate.ts";
import { merge } from "./merge.ts";
import { type ContentPart, isContent, isContentPart, type ToolCallPart, type ToolMessage } from "./messages.ts";
import { type RunState, runOf, type Unstamped } from "./run-state.ts";
import { after, Breath } from "./runtime.ts";
import { describeIssues } from "./schema-adapter.ts";
import { type OpenCall, SubAgentProgress, type Tool, toolContext } from "./tool.ts";

type ToolEvent = Unstamped<Extract<AgentEvent, { callId: string }>>;

/**
 * Executes the tool calls of one message, side by side unless the agent says otherwise. Yields their events as they
 * happen and gives one message per call, in the order of the calls, whatever became of them.
 */
export async function* executeCalls(
  run: RunState,
  calls: readonly ToolCallPart[],
  tools: readonly Tool[],
  openCalls: ReadonlyMap<string, OpenCall>,
): AsyncGenerator<AgentEvent, ToolMessage[], undefined> {
  const { parallel = true, maxConcurrency = calls.length } = run.options.toolExecution ?? {};
  const context = run.context(run.signal);
  run.isEndedByTool = false;
  const events = merge(
    calls.map((call) => executeCall(run, call, tools, context, openCalls.get(call.callId))),
    parallel ? maxConcurrency : 1,
  );
  const breath = new Breath();
  for (;;) {
    const { done, value } = await events.next();
    if (done) return value;
    yield run.stamp(value);
    if (breath.isDue()) await breath.take();
  }
}

/** One call from its arguments to its message. Never throws: what goes wrong is told to the model. */
async function* executeCall(
  run: RunState,
  call: ToolCallPart,
  tools: readonly Tool[],
  turn: TurnContext,
  open: OpenCall | undefined,
): AsyncGenerator<ToolEvent, ToolMessage, undefined> {
  const { callId, name } = call;
  const tool = tools.find((offered) => offered.name === name);
  const cut = new CallCut(run, tool, name, open);
  const startedAt = Date.now();
  const done = (): { callId: string; name: string; durationMs: number } => ({
    callId,
    name,
    durationMs: Date.now() - startedAt,
  });
  let args: unknown = call.args;
  try {
    if (!tool) throw unknownTool(name, tools);
    const context = toolContext({ ...turn, signal: cut.signal }, callId);
    args = await cut.wait(checkedArgs(tool, call));
    cut.check();
    args = await cut.wait(authorizedArgs(run, tool, { callId, name, args }, { ...turn, signal: cut.signal }));
    cut.check();
    if (run.budget && !run.budget.takeToolCall()) {
      throw new ToolCallError("The budget for tool calls is used up.", { kind: "refused", toolName: name });
    }
    yield { type: "tool-call-start", callId, name, args };
    cut.check();
    cut.limit(tool.timeoutMs ?? run.options.toolExecution?.timeoutMs, tool);
    const execute = (): unknown => (open ? open.finish(args) : tool.execute(args, context));
    const result = yield* invoke(run, tool.name, execute, callId, cut);
    const content = toContent(result, name);
    const { endsRun = false } = tool;
    if (typeof endsRun === "function" ? endsRun(result, args) : endsRun) run.isEndedByTool = true;
    yield { type: "tool-result", ...done(), args, result };
    return { role: "tool", callId, name, content };
  } catch (thrown) {
    const error = cut.error ? causedBy(thrown, cut.error) : failure(thrown, tool, name, args);
    open?.fail(error);
    yield { type: "tool-error", ...done(), args, error };
    return { role: "tool", callId, name, content: error.message, isError: true };
  } finally {
    cut.close();
  }
}

/** Calls the tool and reads it to its result; a generator's yields become progress. */
async function* invoke(
  run: RunState,
  name: string,
  execute: () => unknown,
  callId: string,
  cut: CallCut,
): AsyncGenerator<ToolEvent, unknown, undefined> {
  const execution = run.bound(execute);
  if (!isGenerator(execution)) return await cut.wait(Promise.resolve(execution));
  let openSubAgents = 0;
  try {
    for (;;) {
      const { done, value } = await cut.wait(Promise.resolve(run.bound(() => execution.next())));
      if (done) return value;
      if (value instanceof SubAgentProgress) {
        if (value.event.type === "run-start") openSubAgents++;
        if (value.event.type === "final") {
          openSubAgents--;
          run.addSubAgent(value.event);
        }
        yield { type: "sub-agent", callId, agent: value.agent.name, event: value.event };
      } else {
        yield { type: "tool-progress", callId, name, progress: value };
        // A tool that was cut is not asked for more, but for what its agents have spent; its `finally` runs.
        if (openSubAgents === 0) cut.check();
      }
    }
  } finally {
    // Not awaited: a tool that was abandoned may never come back.
    leave(execution);
  }
}

/**
 * What ends one call before its time: the stop of the run or the tool's own timeout. The tool's signal is aborted at
 * once; who waits for it is freed after a grace.
 */
class CallCut {
  readonly #gate = new Gate();
  readonly #controller = new AbortController();
  readonly #open: OpenCall | undefined;
  readonly #cleanups: (() => void)[] = [];
  /** Why the call is cut, once it is. */
  error: ToolCallError | undefined;

  constructor(run: RunState, tool: Tool | undefined, name: string, open: OpenCall | undefined) {
    this.#open = open;
    runOf.set(this.signal, run);
    const graceMs = tool?.graceMs ?? run.options.stop?.graceMs ?? 250;
    this.#cleanups.push(run.control.onStop(() => this.#cut(stoppedCall(name), graceMs)));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Begins the tool's own time: what came before, such as its authorization, does not count. */
  limit(timeoutMs: number | undefined, { name, graceMs = 0 }: Tool): void {
    if (timeoutMs === undefined) return;
    const message = `The tool took longer than ${timeoutMs} ms.`;
    const error = new ToolCallError(message, { kind: "timeout", toolName: name });
    this.#cleanups.push(after(timeoutMs, () => this.#cut(error, graceMs)));
  }

  wait<T>(promise: PromiseLike<T>): Promise<T> {
    return this.#gate.wait(promise);
  }

  /** Throws where the call was cut before the tool was called. */
  check(): void {
    if (this.error) throw this.error;
  }

  close(): void {
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
  }

  #cut(error: ToolCallError, graceMs: number): void {
    this.error ??= error;
    this.#controller.abort(error);
    this.#open?.fail(error);
    this.#cleanups.push(after(graceMs, () => this.#gate.close(error)));
  }
}

async function checkedArgs(tool: Tool, call: ToolCallPart): Promise<unknown> {
  if (call.invalidArgs !== undefined) {
    const came = call.invalidArgs.length > 200 ? `${call.invalidArgs.slice(0, 200)}…` : call.invalidArgs;
    throw new ToolCallError(
      `Invalid arguments for ${tool.name}: expected a JSON object that follows the tool's schema, got ${JSON.stringify(came)}.`,
      { kind: "invalid-arguments", toolName: tool.name, issues: [{ path: "", message: "not a usable JSON object" }] },
    );
  }
  // Copied: the message that asks for the call is frozen, and a tool may do with its arguments what it likes.
  return validArgs(tool, copyOf(call.args));
}

async function validArgs(tool: Tool, args: unknown): Promise<unknown> {
  const checked = await tool.schema.validate(args);
  if (checked.ok) return checked.value;
  throw new ToolCallError(`Invalid arguments for ${tool.name}: ${describeIssues(checked.issues)}.`, {
    kind: "invalid-arguments",
    toolName: tool.name,
    issues: checked.issues,
  });
}

async function authorizedArgs(
  run: RunState,
  tool: Tool,
  call: ToolCallRequest,
  context: TurnContext,
): Promise<unknown> {
  const { authorize } = run.options;
  if (!authorize) return call.args;
  const refused = (why: string, cause?: unknown): ToolCallError =>
    new ToolCallError(why, { kind: "refused", toolName: tool.name }, cause === undefined ? undefined : { cause });
  let answer: Awaited<ReturnType<typeof authorize>>;
  try {
    answer = await run.bound(() => authorize(call, context));
  } catch (cause) {
    throw refused(`The call could not be authorized: ${errorMessage(cause)}`, cause);
  }
  if (answer === true) return call.args;
  if (typeof answer === "object" && answer !== null && "args" in answer) return validArgs(tool, answer.args);
  const why = typeof answer === "object" && answer !== null && "refuse" in answer ? answer.refuse : "";
  throw refused(why || "The call was refused.");
}

/** What the model reads of a result: text as it is, content parts, everything else as JSON. */
function toContent(result: unknown, toolName: string): string | readonly ContentPart[] {
  if (typeof result === "string") return result;
  if (isContent(result)) return structuredClone(result);
  if (isContentPart(result)) return [structuredClone(result)];
  try {
    return JSON.stringify(result) ?? "null";
  } catch (cause) {
    const message = `The tool's result cannot be written as JSON: ${errorMessage(cause)}`;
    throw new ToolCallError(message, { kind: "failed", toolName }, { cause });
  }
}

function unknownTool(name: string, tools: readonly Tool[]): ToolCallError {
  const known = tools.map((tool) => tool.name).join(", ");
  return new ToolCallError(
    `There is no tool named "${name}". ${known ? `The tools are: ${known}.` : "There are no tools."}`,
    {
      kind: "unknown-tool",
      toolName: name,
    },
  );
}

function stoppedCall(toolName: string): ToolCallError {
  return new ToolCallError("The run was stopped before this call had a result.", { kind: "stopped", toolName });
}

/** The error of a call that was cut, with what its tool threw then. */
function causedBy(thrown: unknown, error: ToolCallError): ToolCallError {
  if (thrown === error) return error;
  const { message, kind, toolName } = error;
  return new ToolCallError(message, { kind, toolName }, { cause: thrown });
}

function failure(thrown: unknown, tool: Tool | undefined, toolName: string, args: unknown): ToolCallError {
  if (thrown instanceof ToolCallError && thrown.toolName === toolName) return thrown;
  let message = errorMessage(thrown);
  try {
    message = tool?.onError?.(thrown, args) ?? message;
  } catch {
    // The tool's own message stands.
  }
  return new ToolCallError(message || "The tool failed.", { kind: "failed", toolName }, { cause: thrown });
}

type AnyGenerator = AsyncGenerator<unknown, unknown, unknown> | Generator<unknown, unknown, unknown>;

function isGenerator(value: unknown): value is AnyGenerator {
  if (typeof value !== "object" || value === null || !("next" in value) || typeof value.next !== "function")
    return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

function leave(generator: AnyGenerator): void {
  try {
    Promise.resolve(generator.return(undefined)).catch(() => {});
  } catch {
    // A synchronous generator's cleanup failed; the call has its outcome already.
  }
}
