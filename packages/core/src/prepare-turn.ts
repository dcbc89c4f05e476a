import type { TurnContext } from "./agent-options.ts";
import { estimateRequest } from "./estimate-tokens.ts";
import type { Model, ModelRequest, ModelSettings, ToolDefinition } from "./model.ts";
import { timeout } from "./models/timeout.ts";
import { wrong } from "./option-checks.ts";
import type { RunOptions, RunState } from "./run-state.ts";
import { enabledTools, type Tool } from "./tool.ts";

/** What one turn is made of. */
export interface Turn {
  readonly model: Model;
  readonly tools: readonly Tool[];
  readonly request: ModelRequest;
  /** Tokens of the request, estimated. */
  readonly tokens: number;
}

/** Asks this turn's questions (model, instructions, tools on offer) and builds its request. */
export async function prepareTurn(run: RunState): Promise<Turn> {
  const { model, instructions, tools: offered, output, settings = {} } = run.options;
  const { tool: wrapTool } = run.wrapper;
  const context = run.context(run.signal);
  const ask = <T>(question: T | ((context: TurnContext) => T | Promise<T>)): T | Promise<T> =>
    isQuestion(question) ? run.bound(() => question(context)) : question;

  const tools = offered.length > 0 ? await run.bound(() => enabledTools(offered, context)) : [];
  const definitions = await Promise.all(tools.map(definitionOf));
  const system = instructions === undefined ? "" : await ask(instructions);
  const request: ModelRequest = {
    messages: [...run.history],
    ...(system && { instructions: system }),
    tools: definitions,
    ...(output && { output: { name: "output", schema: await output.jsonSchema() } }),
    settings: settingsFor(run, settings),
  };
  return {
    model: await wrapModel(await ask(model), run),
    tools: wrapTool ? tools.map((tool) => wrapTool(tool)) : tools,
    request,
    tokens: estimateRequest(request),
  };
}

/** The model with the agent's limits, and around them what the run's `wrap` puts there. */
export async function wrapModel(model: Model, { options, wrapper }: RunState): Promise<Model> {
  const limited = await withLimits(model, options);
  return wrapper.model?.(limited) ?? limited;
}

/** The model with the agent's timeouts, and around them its retries: a request that took too long is repeated. */
async function withLimits(model: Model, { timeouts, retry: policies }: RunOptions): Promise<Model> {
  if (typeof model?.stream !== "function") throw wrong("model", 'a model such as openai("…") from the function', model);
  const limited = timeout(model, timeouts);
  if (!policies) return limited;
  // Kept: asking the runtime for a loaded module again costs more than the rest of a turn's preparation.
  loaded ??= await import("./models/retry.ts");
  return loaded.retry(limited, policies);
}

let loaded: typeof import("./models/retry.ts") | undefined;

/** A demanded tool call is demanded once: the model must be free to answer when it has the result. */
function settingsFor(run: RunState, settings: ModelSettings): ModelSettings {
  const { toolChoice, ...rest } = settings;
  const isDemand = toolChoice === "required" || typeof toolChoice === "object";
  return isDemand && run.hasCalledTools ? rest : settings;
}

async function definitionOf({ name, description, schema, strict }: Tool): Promise<ToolDefinition> {
  return { name, description, parameters: await schema.jsonSchema(), ...(strict && { strict }) };
}

function isQuestion<T>(
  value: T | ((context: TurnContext) => T | Promise<T>),
): value is (context: TurnContext) => T | Promise<T> {
  return typeof value === "function";
}
