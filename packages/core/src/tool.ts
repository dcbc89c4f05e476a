import type { Agent } from "./agent.ts";
import type { TurnContext } from "./agent-options.ts";
import { ConfigError } from "./errors.ts";
import type { AgentEvent, ToolCallStart, ToolResult } from "./events.ts";
import type { Message } from "./messages.ts";
import type { JsonSchema } from "./model.ts";
import { wrong } from "./option-checks.ts";
import { adaptArguments, type SchemaAdapter } from "./schema-adapter.ts";
import type { OutputOf, Schema } from "./standard-schema.ts";

/** What a tool is told about the call, beside its arguments. The model can not change any of it. */
export interface ToolContext {
  readonly userId: string;
  readonly chatId: string;
  readonly agentName: string;
  readonly runId: string;
  readonly callId: string;
  /** Aborted when the run is stopped, the reader leaves, or the tool's time is over. */
  readonly signal: AbortSignal;
  /** What the caller of `respond()` gave as `deps`. */
  readonly deps: unknown;
  /** The conversation up to and including the message that asks for this call. */
  readonly history: readonly Message[];
}

/** Looked up in an object: as a method's type it lets a list hold tools of any result. */
type EndsRun<Args, Result> = { decide(result: Result, args: Args): boolean }["decide"];

/** Who asks whether a tool is on offer this turn. */
export type ToolAvailability = Pick<ToolContext, "userId" | "chatId" | "agentName" | "runId" | "deps" | "history">;

/** What `execute` may give: a value, a promise of one, or a generator that yields progress and returns the value. */
export type ToolExecution<Result> =
  | Result
  | PromiseLike<Result>
  | AsyncGenerator<unknown, Result, unknown>
  | Generator<unknown, Result, unknown>;

/** A tool of an agent. Made by {@link tool}. */
// biome-ignore lint/suspicious/noExplicitAny: a list of tools holds tools of any arguments; `unknown` would refuse them all.
export interface Tool<Args = any, Result = any> {
  readonly name: string;
  readonly description: string;
  readonly schema: SchemaAdapter;
  readonly strict: boolean;
  readonly timeoutMs: number | undefined;
  /** How long after a stop the tool may take to react, where it needs longer than the agent's `stop.graceMs`. */
  readonly graceMs: number | undefined;
  execute(args: Args, context: ToolContext): ToolExecution<Result>;
  /** Begins the call while its arguments still arrive. */
  readonly begin: ((context: ToolContext) => OpenCall) | undefined;
  readonly preview: ((partial: unknown, context: ToolContext) => unknown) | undefined;
  readonly onError: ((error: unknown, args: Args) => string) | undefined;
  isEnabled(context: ToolAvailability): boolean | Promise<boolean>;
  /** Whether the run ends with this result. */
  readonly endsRun?: boolean | EndsRun<Args, Result> | undefined;
  /** Whether `event` is a call of this tool; narrows `event.args`. */
  called(event: { readonly type: string }): event is ToolCallStart & { readonly args: Args };
  /** Whether `event` is a result of this tool; narrows `event.args` and `event.result`. */
  returned(event: { readonly type: string }): event is ToolResult & { readonly args: Args; readonly result: Result };
}

/** A call of a streaming tool whose arguments are still arriving. */
export interface OpenCall {
  /** More of the arguments have arrived. */
  give(partial: unknown): void;
  /** All of them have: these are valid. Gives the tool's result. */
  finish(args: unknown): Promise<unknown>;
  /** They will never be complete, or the call was cut. */
  fail(error: Error): void;
}

/** What the tool is told of a run and a call. */
export function toolContext(turn: TurnContext, callId: string): ToolContext {
  const { userId, chatId, agentName, runId, deps, history, signal } = turn;
  return { userId, chatId, agentName, runId, callId, signal, deps, history };
}

/** What {@link tool} takes. */
export interface ToolOptions<S extends Schema, Result> {
  /** Letters, digits, `_` and `-`, at most 64: what every provider accepts. */
  name: string;
  /** Tells the model what the tool does and when to use it. */
  description: string;
  /** The arguments' schema: zod, another Standard Schema, or a JSON Schema. Default: no arguments. */
  input?: S;
  /** The arguments' JSON Schema under the name that OpenAI's function format has for it; instead of `input`. */
  parameters?: JsonSchema;
  /** Ask the provider to hold the model to the schema. Default: false. */
  strict?: boolean;
  /**
   * Does the work. Sync, async, or a generator that yields progress (`ToolProgress` events) and returns the result.
   * The result is text, JSON, or content parts (`image(...)`). What it throws goes to the model as its message.
   */
  execute(args: OutputOf<S>, context: ToolContext): ToolExecution<Result>;
  /**
   * Turns half-arrived arguments into something to show, as a `ToolProgress` event. Anything may be missing yet.
   * What it throws is ignored; `undefined` shows nothing.
   */
  preview?(partial: PartialArgs<OutputOf<S>>, context: ToolContext): unknown;
  /** Words the failure for the model. Default: the thrown error's message. */
  onError?(error: unknown, args: OutputOf<S>): string;
  /** Default: the agent's `toolExecution.timeoutMs`. */
  timeoutMs?: number;
  /** Whether the tool is on offer, asked before each turn. Default: true. */
  enabled?: boolean | ((context: ToolAvailability) => boolean | Promise<boolean>);
  /**
   * Whether the run ends with the result of a call, when the other calls of the turn are done, without another request
   * to the model: `completed`, with the result in the history. What it throws fails the call. Default: false.
   */
  endsRun?: boolean | ((result: Result, args: OutputOf<S>) => boolean);
}

/** Arguments of which any part may not have arrived. */
export type PartialArgs<T> = T extends readonly (infer Item)[]
  ? readonly PartialArgs<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]?: PartialArgs<T[Key]> }
    : T;

const noArguments: JsonSchema = { type: "object", properties: {}, additionalProperties: false };

/**
 * Makes a tool.
 *
 * @example
 * ```ts
 * import { tool } from "millrace";
 * import { z } from "zod";
 *
 * const getWeather = tool({
 *   name: "get_weather",
 *   description: "Get the weather for a city",
 *   input: z.object({ city: z.string() }),
 *   execute: async ({ city }, { userId, signal }) => `Sunny, 22°C in ${city}`,
 * });
 * ```
 *
 * @throws {@link ConfigError} naming the option that cannot work
 */
export function tool<S extends Schema, Result>(options: ToolOptions<S, Result>): Tool<OutputOf<S>, Result> {
  if (typeof options !== "object" || options === null) throw wrong("tool", "an object with name and execute", options);
  const { name, description, input, parameters, execute, preview, onError, timeoutMs, enabled = true } = options;
  const at = `tool ${JSON.stringify(name)}`;
  if (typeof name !== "string" || !/^[a-zA-Z0-9_-]{1,64}$/.test(name)) {
    throw new ConfigError("tool.name", `expected 1 to 64 letters, digits, "_" or "-", got ${JSON.stringify(name)}`);
  }
  if (typeof description !== "string" || description.trim() === "") {
    throw new ConfigError(`${at}.description`, "expected a sentence that tells the model what the tool does");
  }
  if (typeof execute !== "function") throw new ConfigError(`${at}.execute`, "expected a function");
  if (timeoutMs !== undefined && !(timeoutMs > 0)) {
    throw new ConfigError(`${at}.timeoutMs`, `expected milliseconds above 0, got ${timeoutMs}`);
  }
  if (input && parameters) throw new ConfigError(at, "has both `input` and `parameters`; give one of them");
  return {
    name,
    description,
    schema: adaptArguments(input ?? parameters ?? noArguments, `${at}.input`),
    strict: options.strict ?? false,
    timeoutMs,
    graceMs: undefined,
    begin: undefined,
    execute: (args, context) => execute.call(options, args, context),
    preview: preview && ((partial, context) => preview.call(options, asPartial(partial), context)),
    onError: onError && ((error, args) => onError.call(options, error, args)),
    isEnabled: (context) => (typeof enabled === "function" ? enabled(context) : enabled),
    endsRun: options.endsRun,
    called: (event): event is never => event.type === "tool-call-start" && "name" in event && event.name === name,
    returned: (event): event is never => event.type === "tool-result" && "name" in event && event.name === name,
  };
}

/** The one place where half-arrived JSON gets the type that its schema promises for the whole. */
export function asPartial<T>(partial: unknown): PartialArgs<T> {
  return partial as PartialArgs<T>;
}

/**
 * Several tools with shared state: an object or a class instance whose `tools` are offered together, as long as it is
 * `enabled`.
 */
export interface Toolkit {
  readonly tools: Tools;
  /** Asked before each turn. Default: true. */
  readonly enabled?: boolean | ((context: ToolAvailability) => boolean | Promise<boolean>);
}

/** Tools, toolkits, and lists of both, nested as you like. */
export type Tools = readonly (Tool | Toolkit | Tools)[];

/** A tool with the toolkits around it that can switch it off. */
export interface OfferedTool {
  readonly tool: Tool;
  readonly toolkits: readonly Toolkit[];
}

/** The tools of a nested list. Toolkits' `tools` are read now. Throws where two tools have the same name. */
export function offerTools(tools: Tools): OfferedTool[] {
  const offered = flattenTools(tools, [], "tools");
  const names = new Set<string>();
  for (const { name } of offered.map(({ tool }) => tool)) {
    if (names.has(name)) throw new ConfigError("tools", `two tools are named "${name}"; names must be different`);
    names.add(name);
  }
  return offered;
}

function flattenTools(tools: Tools, toolkits: readonly Toolkit[], at: string): OfferedTool[] {
  return tools.flatMap((entry, index) => {
    const here = `${at}[${index}]`;
    if (isToolList(entry)) return flattenTools(entry, toolkits, here);
    if (typeof entry === "object" && entry !== null && "tools" in entry) {
      if (!Array.isArray(entry.tools)) throw new ConfigError(`${here}.tools`, "expected a list of tools");
      return flattenTools(entry.tools, [...toolkits, entry], `${here}.tools`);
    }
    if (typeof entry !== "object" || entry === null || typeof entry.execute !== "function" || !entry.schema) {
      throw new ConfigError(here, "expected a tool made by tool(), a toolkit with `tools`, or a list of them");
    }
    return { tool: entry, toolkits };
  });
}

function isToolList(entry: Tool | Toolkit | Tools): entry is Tools {
  return Array.isArray(entry);
}

/** The tools on offer now. */
export async function enabledTools(offered: readonly OfferedTool[], context: ToolAvailability): Promise<Tool[]> {
  const answers = await Promise.all(
    offered.map(async ({ tool, toolkits }) => {
      for (const { enabled = true } of toolkits) {
        if (!(typeof enabled === "function" ? await enabled(context) : enabled)) return false;
      }
      return tool.isEnabled(context);
    }),
  );
  return offered.filter((_, index) => answers[index]).map(({ tool }) => tool);
}

/** Progress of a tool that is an agent: one event of its run. */
export class SubAgentProgress {
  readonly agent: Agent;
  readonly event: AgentEvent;

  constructor(agent: Agent, event: AgentEvent) {
    this.agent = agent;
    this.event = event;
  }
}
