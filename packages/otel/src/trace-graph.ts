import type {
  GraphEvent,
  GraphEventOf,
  GraphFinal,
  GraphHooks,
  GraphNode,
  GraphOptions,
  GraphStart,
  Module,
  ModuleContext,
} from "@millrace/graph";
import { type Attributes, type Context, context, type Span, SpanKind, trace } from "@opentelemetry/api";
import type { RunStart, RunWrapper } from "millrace";
import { names } from "./conventions.ts";
import { endSpan, isReal, quietly, type SpanError, spanErrorOf, Telemetry, type TracingOptions } from "./telemetry.ts";
import { traceRun } from "./trace-run.ts";
import { usageAttributes } from "./usage-attributes.ts";

/**
 * OpenTelemetry for a graph: the same options with spans of the run, of each visit of a node, of each execution of a
 * module, and of the agents in them, each within the other. What a module does belongs to its span.
 *
 * Modules of nodes that are added while the graph runs have spans too, but what they do stands beside them.
 *
 * @example
 * ```ts
 * import { GraphAgent, node } from "@millrace/graph";
 * import { traceGraph } from "@millrace/otel/graph";
 *
 * const graph = new GraphAgent(
 *   traceGraph({ name: "greeter", nodes: [node({ name: "greet", modules: [({ task }) => `Hello, ${task.params["name"]}!`] })] }),
 * );
 * ```
 */
export function traceGraph(options: GraphOptions, tracing: TracingOptions = {}): GraphOptions {
  const traced = new GraphTrace(new Telemetry(tracing));
  return {
    ...options,
    nodes: options.nodes.map((node) => traced.node(node)),
    // First: others may take their time, and spans end when the run does.
    hooks: [traced.hooks, ...[options.hooks ?? []].flat()],
  };
}

/** A span and the context within it. */
interface Scope {
  readonly span: Span | undefined;
  readonly context: Context;
}

/** The spans of one run. */
interface RunScopes extends Scope {
  readonly identity: Attributes;
  /** By node: one visit at a time. */
  readonly nodes: Map<string, Scope>;
  /** By the id of the execution. */
  readonly modules: Map<string, Scope>;
}

/**
 * The spans of a graph's runs. They begin with the event that says so or, where other hooks are slow, with the module
 * that needs them; they end with their event.
 */
class GraphTrace {
  readonly #telemetry: Telemetry;
  readonly #runs = new Map<string, RunScopes>();

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
  }

  /** The same node, whose modules are called within their spans. */
  node(node: GraphNode): GraphNode {
    const modules = node.modules.map((part) => ("run" in part ? this.#module(part) : this.node(part)));
    return Object.freeze({ ...node, modules });
  }

  readonly hooks: GraphHooks = {
    onGraphStart: (event) => this.#begin(event),
    onNodeStart: ({ run, node, visit, at }) => void this.#nodeScope(run.id, node, visit, at),
    onModuleStart: ({ run, callId, node, module, attempt, at }) =>
      void this.#moduleScope(run.id, { callId, node, module, attempt }, at),
    onModuleResult: ({ run, callId, at }) => this.#end(this.#runs.get(run.id)?.modules, callId, { at }),
    onModuleError: ({ run, callId, error, at }) =>
      this.#end(this.#runs.get(run.id)?.modules, callId, { at, error: this.#errorOf(error) }),
    onNodeResult: ({ run, node, at }) => this.#end(this.#runs.get(run.id)?.nodes, node, { at }),
    onNodeSkipped: ({ run, node, at }) => this.#end(this.#runs.get(run.id)?.nodes, node, { at }),
    onNodeFailed: ({ run, node, error, at }) =>
      this.#end(this.#runs.get(run.id)?.nodes, node, { at, error: this.#errorOf(error) }),
    onRetry: (event) => this.#note(event, { node: event.node, attempt: event.attempt }),
    onDecision: (event) =>
      this.#note(event, { node: event.node, ...(event.next !== undefined && { next: event.next }) }),
    onSnapshot: (event) => this.#note(event, { number: event.number }),
    onStopped: (event) => this.#note(event, { reason: event.reason, by: event.by }),
    onFinal: (final) => this.#close(final),
  };

  #begin({ run, task, resumedFrom, at }: GraphStart): void {
    const { id, agentName, userId, chatId } = run;
    const identity = { [names.conversation]: chatId, [names.user]: userId, [names.run]: id };
    const attributes = {
      ...identity,
      [names.operation]: "invoke_workflow",
      [names.workflow]: agentName,
      [names.task]: task.id,
      [names.taskType]: task.type,
      ...(resumedFrom !== undefined && { [names.resumedFrom]: resumedFrom }),
    };
    const scope = this.#start(`invoke_workflow ${agentName}`, attributes, at, context.active());
    this.#runs.set(id, { ...scope, identity, nodes: new Map(), modules: new Map() });
  }

  #start(name: string, attributes: Attributes, startTime: number, parent: Context): Scope {
    const span = this.#telemetry.start(name, { kind: SpanKind.INTERNAL, startTime, attributes }, parent);
    return { span, context: isReal(span) ? trace.setSpan(parent, span) : parent };
  }

  #nodeScope(runId: string, node: string, visit: number, at: number): Scope | undefined {
    const run = this.#runs.get(runId);
    if (!run) return undefined;
    const known = run.nodes.get(node);
    if (known) return known;
    const attributes = { ...run.identity, [names.node]: node, [names.visit]: visit };
    const scope = this.#start(`run_node ${node}`, attributes, at, run.context);
    run.nodes.set(node, scope);
    return scope;
  }

  #moduleScope(
    runId: string,
    place: { callId: string; node: string; module: string; attempt: number },
    at: number,
    visit = 1,
  ): Scope | undefined {
    const run = this.#runs.get(runId);
    const { callId, node, module, attempt } = place;
    const parent = this.#nodeScope(runId, node, visit, at);
    if (!run || !parent) return undefined;
    const known = run.modules.get(callId);
    if (known) return known;
    const attributes = { ...run.identity, [names.node]: node, [names.module]: module, [names.attempt]: attempt };
    const scope = this.#start(`run_module ${module}`, attributes, at, parent.context);
    run.modules.set(callId, scope);
    return scope;
  }

  #module(module: Module): Module {
    const { agent: use } = module;
    if (use) {
      const wrap = (start: RunStart): RunWrapper => {
        const { runId = "", callId = "" } = start.run.parent ?? {};
        const run = this.#runs.get(runId);
        return traceRun(this.#telemetry, start, run?.modules.get(callId)?.context ?? run?.context);
      };
      return { ...module, agent: { ...use, agent: use.agent.with({ wrap }) } };
    }
    const within: Within = (call, work) => {
      const scope = this.#moduleScope(call.runId, call, Date.now(), call.visit);
      if (!scope) return work(call);
      const traced = wrapping(call, (start) => traceRun(this.#telemetry, start, scope.context));
      return context.with(scope.context, () => work(traced));
    };
    return {
      ...module,
      run: (call) => {
        const given = within(call, (traced) => module.run(traced));
        return isAsyncGenerator(given) ? visited(given, within) : given;
      },
    };
  }

  #errorOf(error: Error): SpanError | undefined {
    const { type, message } = spanErrorOf(error);
    // A stop is no error. What a module says of its failure is content.
    if (type === "stopped") return undefined;
    return { type, ...(this.#telemetry.captureContent && message && { message }) };
  }

  #note(event: GraphEvent, attributes: Attributes): void {
    quietly(() => this.#runs.get(event.run.id)?.span?.addEvent(`millrace.${event.type}`, attributes, event.at));
  }

  #end(scopes: Map<string, Scope> | undefined, key: string, end: Parameters<typeof endSpan>[1]): void {
    const span = scopes?.get(key)?.span;
    scopes?.delete(key);
    if (span) endSpan(span, end);
  }

  /** What a cut has left open ends with the run. */
  #close(final: GraphFinal): void {
    const run = this.#runs.get(final.run.id);
    if (!run) return;
    this.#runs.delete(final.run.id);
    const { at, error } = final;
    for (const scopes of [run.modules, run.nodes]) for (const key of [...scopes.keys()]) this.#end(scopes, key, { at });
    if (run.span) endSpan(run.span, { at, attributes: finalAttributes(final), error: error && this.#errorOf(error) });
  }
}

function finalAttributes({ stopReason, status, iterations, usage, costUsd }: GraphEventOf<"final">): Attributes {
  return {
    [names.stopReason]: stopReason,
    [names.taskStatus]: status,
    [names.iterations]: iterations,
    ...usageAttributes(usage),
    ...(costUsd !== undefined && { [names.costUsd]: costUsd }),
  };
}

type AnyAsyncGenerator = AsyncGenerator<unknown, unknown, unknown>;

/** Calls what is a module's in its span, with what it is told. */
type Within = <T>(call: ModuleContext, work: (traced: ModuleContext) => T) => T;

/** A generator that is asked for one value at each visit, in the span of that visit. */
function visited(generator: AnyAsyncGenerator, within: Within): AnyAsyncGenerator {
  const steps: AnyAsyncGenerator = {
    next: (given) => (isCall(given) ? within(given, (traced) => generator.next(traced)) : generator.next(given)),
    return: (value) => generator.return(value),
    throw: (error) => generator.throw(error),
    [Symbol.asyncIterator]: () => steps,
    [Symbol.asyncDispose]: async () => void (await generator.return(undefined)),
  };
  return steps;
}

/** What a module is told, with `wrap` around the agents that it asks. */
function wrapping(call: ModuleContext, wrap: (start: RunStart) => RunWrapper): ModuleContext {
  const own: Pick<ModuleContext, "progress" | "sendMessage"> = {
    progress: (progress) => call.progress(progress),
    sendMessage: (agent, input, options) => call.sendMessage(agent, input, { wrap, ...options }),
  };
  return new Proxy(call, { get: (_, key) => Reflect.get(key in own ? own : call, key) });
}

function isCall(given: unknown): given is ModuleContext {
  return typeof given === "object" && given !== null && "callId" in given && "runId" in given;
}

function isAsyncGenerator(given: unknown): given is AnyAsyncGenerator {
  return typeof given === "object" && given !== null && Symbol.asyncIterator in given && "next" in given;
}
