import type { BudgetOptions } from "./budget.ts";
import type { ContextOptions } from "./context/context-options.ts";
import { ConfigError } from "./errors.ts";
import type { RunInfo, RunStart } from "./events.ts";
import type { Hooks } from "./hooks.ts";
import type { Message } from "./messages.ts";
import type { Model, ModelSettings } from "./model.ts";
import { checkRetryOptions, type RetryOptions } from "./models/retry-options.ts";
import {
  anything,
  type Check,
  callable,
  count,
  countOrNone,
  fields,
  flag,
  list,
  milliseconds,
  millisecondsOrNone,
  number,
  oneOf,
  text,
  texts,
  wrong,
} from "./option-checks.ts";
import type { RunWrapper } from "./run-wrapper.ts";
import type { Schema } from "./standard-schema.ts";
import type { Tools } from "./tool.ts";
import type { Usage } from "./usage.ts";

/** What a question that is asked each turn is told. */
export interface TurnContext {
  readonly userId: string;
  readonly chatId: string;
  readonly agentName: string;
  readonly runId: string;
  /** 1, 2, 3 … */
  readonly turn: number;
  readonly history: readonly Message[];
  /** Spent by this run so far. */
  readonly usage: Usage;
  readonly deps: unknown;
  readonly signal: AbortSignal;
}

/** A tool call before it is executed: its arguments are valid. */
export interface ToolCallRequest {
  readonly callId: string;
  readonly name: string;
  readonly args: unknown;
}

/** What `authorize` answers: go ahead, go ahead with these arguments, or no and why (the model is told). */
export type Authorization = boolean | { readonly args: unknown } | { readonly refuse: string };

/** What an agent is made of. */
export interface AgentOptions {
  /** Names the agent in events, and as a tool. */
  name: string;
  /** What the agent is for; describes it when it is a tool of another agent. */
  description?: string;
  /** The model, or a function asked before each turn. */
  model: Model | ((context: TurnContext) => Model | Promise<Model>);
  /** The system prompt, or a function asked before each turn. Never stored in the history. */
  instructions?: string | ((context: TurnContext) => string | Promise<string>);
  /** Tools, toolkits, and lists of both. Names must be different. */
  tools?: Tools;
  /** Schema of a structured answer: `Final.object` holds the validated value. */
  output?: Schema;
  /** How often an answer that does not fit `output` is asked for again. Default: 2. */
  outputRetries?: number;
  settings?: ModelSettings;
  toolExecution?: {
    /** Whether the calls of one turn run side by side. Default: true. */
    parallel?: boolean;
    /** At most so many at a time. Default: no limit. */
    maxConcurrency?: number;
    /** Default: no limit. */
    timeoutMs?: number;
  };
  /** In milliseconds. Time in tools and in a slow reader never counts for the first three. */
  timeouts?: {
    /** Until the first event of a request. Default: 600,000 (ten minutes). */
    firstEventMs?: number;
    /** Between two events of a request; what only keeps its connection alive is none. Default: 300,000. */
    idleMs?: number;
    /** For one whole request. Default: no limit. */
    requestMs?: number;
    /** For the whole run, tools included: it is stopped then. Default: no limit. */
    runMs?: number;
  };
  /**
   * Repeats requests that failed, by kind of failure; `{}` takes the defaults. A request that took longer than
   * `timeouts` allow is repeated too, and a wait before a repetition counts for none of them. Default: false, no retries.
   */
  retry?: RetryOptions | false;
  /** Holds every request within a number of tokens. Default: the whole history is sent. */
  context?: ContextOptions;
  /** Asked before each tool call is executed. What it throws refuses the call. Default: all calls are executed. */
  authorize?: (call: ToolCallRequest, context: TurnContext) => Authorization | Promise<Authorization>;
  /** At most so many model requests in a run. Default: 10. */
  maxTurns?: number;
  stop?: {
    /** Asked at once and then every `everyMs`, as long as the run lasts; true stops it. */
    check?: (run: { userId: string; chatId: string; runId: string }) => boolean | Promise<boolean>;
    /** Default: 3,000. */
    everyMs?: number;
    /** How long a tool may take to react to its signal before it is abandoned, in milliseconds. Default: 250. */
    graceMs?: number;
  };
  /** Observers; several sets are all called, in order. */
  hooks?: Hooks | readonly Hooks[];
  /**
   * Asked once when a run has begun: what it gives goes around all that the run does, such as tracing. Runs of
   * sub-agents that have none of their own take their parent's. Default: nothing.
   */
  wrap?: (start: RunStart) => RunWrapper;
  /**
   * Prints what happens in a run for a developer, a line each: requests, answers, tool calls, what was dropped, repeated
   * and spent; secrets are masked. `true` for `console.error`, or a function that takes the lines. Default: `true` if the
   * environment variable `MILLRACE_DEBUG` is set (and is not `0` or `false`), else `false`.
   */
  debug?: boolean | ((line: string) => void);
  /** What may be spent. Sub-agents draw on it too. Default: nothing is capped, and no costs are counted. */
  budget?: BudgetOptions;
}

/** What one call of `respond()` takes; everything but the first six overrides the agent's own option. */
export interface RespondOptions extends Partial<Omit<AgentOptions, "name" | "description">> {
  /** Whose run it is. Compulsory: it reaches every tool, hook, question and event. */
  userId: string;
  /** Which conversation it belongs to. Compulsory. */
  chatId: string;
  /** What was said before: `Final.history.messages` of an earlier run. Default: nothing. */
  history?: readonly Message[];
  /** Stops the run when it aborts. */
  signal?: AbortSignal;
  /** Reaches every tool and question as `deps`: a database, a request, anything. */
  deps?: unknown;
  /** Set by {@link Agent.asTool} for a run inside a run. */
  parent?: NonNullable<RunInfo["parent"]>;
}

const amount: Check = (value, at) => {
  if (typeof value !== "number" || !(value >= 0)) throw wrong(at, "USD from 0", value);
};
const pricing: Check = (value, at) => {
  if (typeof value !== "object" && typeof value !== "function")
    throw wrong(at, "prices by model, or a function", value);
};
const model: Check = (value, at) => {
  if (typeof value === "function") return;
  if (typeof value === "object" && value !== null && "stream" in value && typeof value.stream === "function") return;
  throw wrong(at, 'a model such as openai("…"), or a function that gives one', value);
};
const toolChoice: Check = (value, at) => {
  if (value === "auto" || value === "none" || value === "required") return;
  if (typeof value !== "object") throw wrong(at, '"auto", "none", "required" or { tool: "its name" }', value);
  fields({ tool: text })(value, at);
};
const hooks: Check = (value, at) => {
  const sets: readonly unknown[] = Array.isArray(value) ? value : [value];
  for (const set of sets) {
    if (typeof set !== "object" || set === null) throw wrong(at, "an object of hooks, or a list of them", set);
    for (const [name, hook] of Object.entries(set)) {
      if (/^on[A-Z]/.test(name) && hook !== undefined) callable(hook, `${at}.${name}`);
    }
  }
};
const flagOrFunction: Check = (value, at) => {
  if (typeof value !== "boolean" && typeof value !== "function") throw wrong(at, "true, false or a function", value);
};
const textOrFunction: Check = (value, at) => {
  if (typeof value !== "string" && typeof value !== "function") throw wrong(at, "a string or a function", value);
};
const words: Check = (value, at) => {
  if (typeof value !== "string") throw wrong(at, "a string", value);
};
const counter: Check = (value, at) => {
  if (typeof value === "object" && value !== null && "count" in value) callable(value.count, `${at}.count`);
  else oneOf("simple", "accurate")(value, at);
};
const dropping: Check = (value, at) => {
  if (typeof value !== "function") oneOf("oldest", "summary")(value, at);
};
const signal: Check = (value, at) => {
  if (typeof value !== "object" || value === null || !("aborted" in value)) throw wrong(at, "an AbortSignal", value);
};

const retryOrNone: Check = (value, at) => {
  if (value !== false) checkRetryOptions(value, at);
};

const contextFields = fields({
  maxTokens: count,
  count: counter,
  maxMessageTokens: count,
  maxMessages: count,
  drop: dropping,
  keepToolCalls: flag,
  overflowPrompt: words,
  droppedPrompt: words,
  summaryModel: model,
});
const context: Check = (value, at) => {
  contextFields(value, at);
  requireField(value, "maxTokens", at);
};

const overridable = {
  model,
  instructions: textOrFunction,
  tools: list,
  output: anything,
  outputRetries: countOrNone,
  settings: fields({
    temperature: number,
    topP: number,
    topK: number,
    maxOutputTokens: count,
    toolChoice,
    parallelToolCalls: flag,
    seed: number,
    stopSequences: texts,
    presencePenalty: number,
    frequencyPenalty: number,
    reasoning: fields({ effort: anything, budgetTokens: countOrNone, summary: anything }),
    provider: anything,
  }),
  toolExecution: fields({ parallel: flag, maxConcurrency: count, timeoutMs: milliseconds }),
  timeouts: fields({ firstEventMs: milliseconds, idleMs: milliseconds, requestMs: milliseconds, runMs: milliseconds }),
  context,
  authorize: callable,
  maxTurns: count,
  stop: fields({ check: callable, everyMs: milliseconds, graceMs: millisecondsOrNone }),
  retry: retryOrNone,
  hooks,
  wrap: callable,
  debug: flagOrFunction,
  budget: fields({
    pricing,
    maxUsd: amount,
    reserveUsd: amount,
    maxTokens: count,
    maxToolCalls: countOrNone,
    onExceeded: oneOf("stop", "continue"),
    ledger: anything,
    account: callable,
  }),
} satisfies Record<Exclude<keyof AgentOptions, "name" | "description">, Check>;

/** Throws {@link ConfigError} naming the first agent option that cannot work. */
export const checkAgentOptions: Check = (options) => {
  const checks = { name: text, description: text, ...overridable } satisfies Record<keyof AgentOptions, Check>;
  fields(checks)(options, "");
  for (const key of ["name", "model"]) requireField(options, key);
};

/** Throws {@link ConfigError} naming the first option of a call that cannot work. */
export const checkRespondOptions: Check = (options) => {
  const own = { userId: text, chatId: text, history: list, signal, deps: anything, parent: anything };
  const checks = { ...own, ...overridable } satisfies Record<keyof RespondOptions, Check>;
  fields(checks)(options, "");
  for (const key of ["userId", "chatId"]) requireField(options, key);
};

function requireField(options: unknown, key: string, at = ""): void {
  const value: unknown = Object(options)[key];
  if (value === undefined) throw new ConfigError(at ? `${at}.${key}` : key, "is required");
}
