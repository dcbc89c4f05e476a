import { transformJSONSchema } from "@anthropic-ai/sdk/lib/transform-json-schema";
import type {
  MessageCreateParamsStreaming,
  OutputConfig,
  ThinkingConfigParam,
  Tool,
  ToolChoice,
} from "@anthropic-ai/sdk/resources/messages";
import {
  ConfigError,
  errorMessage,
  isObject,
  type JsonSchema,
  type Message,
  type ModelRequest,
  type ModelSettings,
  type ToolDefinition,
} from "millrace/provider";
import { type CacheOption, markCache } from "./cache.ts";
import { encodeHistory, openAnswer } from "./encode-messages.ts";
import { ownData } from "./wire.ts";

/** What a request needs beyond what the agent asks for. */
export interface EncodeOptions {
  model: string;
  /** `max_tokens` where the settings give no `maxOutputTokens`; raised where a thinking budget would not fit. */
  maxOutputTokens: number;
  cache: CacheOption;
}

/**
 * Encodes a request for the Messages API.
 *
 * `settings.provider` goes in last, as it is, but for two fields: its `tools` (the provider's own, such as web search)
 * stand after the agent's, and its `output_config` is merged.
 *
 * Throws `ConfigError` for settings that contradict each other and for an output schema that cannot be sent,
 * `ModelError` of kind `unsupported` for a file that Claude cannot read.
 */
export function encode(request: ModelRequest, options: EncodeOptions): MessageCreateParamsStreaming {
  const { settings, instructions } = request;
  const leading: Message[] = instructions === undefined ? [] : [{ role: "system", content: instructions }];
  const wanted = encodeThinking(settings.reasoning, options.model);
  const thinking = wanted?.type === "enabled" && isUnthought(request.messages) ? undefined : wanted;
  const history = {
    ...(request.tools.length > 0 && { tools: request.tools.map(encodeTool) }),
    ...encodeHistory([...leading, ...request.messages]),
  };
  markCache(history, options.cache);
  const { tools, output_config, ...provider } = settings.provider ?? {};
  const toolChoice = encodeToolChoice(settings, request.tools.length > 0 || Array.isArray(tools));
  const outputConfig = encodeOutputConfig(request, options.model, output_config);
  const container = openContainer(request.messages);
  return {
    model: options.model,
    max_tokens: maxTokens(settings, thinking, options.maxOutputTokens),
    ...history,
    ...(Array.isArray(tools) && { tools: [...(history.tools ?? []), ...tools] }),
    ...(toolChoice && { tool_choice: toolChoice }),
    ...(thinking && { thinking }),
    ...(outputConfig && { output_config: outputConfig }),
    ...encodeSampling(settings, thinking !== undefined && thinking.type !== "disabled"),
    ...(settings.stopSequences?.length && { stop_sequences: [...settings.stopSequences] }),
    ...(container !== undefined && { container }),
    ...provider,
    stream: true,
  };
}

function encodeTool(tool: ToolDefinition): Tool {
  const { name, description, parameters, strict } = tool;
  const schema = strict ? strictSchema(parameters, `tool "${name}"`) : parameters;
  return {
    name,
    ...(description && { description }),
    input_schema: { ...schema, type: "object" },
    ...(strict && { strict }),
  };
}

function encodeToolChoice(settings: ModelSettings, hasTools: boolean): ToolChoice | undefined {
  const { toolChoice, parallelToolCalls } = settings;
  if (!hasTools) return undefined;
  if (toolChoice === "none") return { type: "none" };
  const parallel = parallelToolCalls === undefined ? {} : { disable_parallel_tool_use: !parallelToolCalls };
  if (toolChoice === "required") return { type: "any", ...parallel };
  if (typeof toolChoice === "object") return { type: "tool", name: toolChoice.tool, ...parallel };
  return toolChoice === "auto" || parallelToolCalls !== undefined ? { type: "auto", ...parallel } : undefined;
}

/** The models before Claude 4.6, which think within a budget of tokens only and do not know `effort`. */
const budgetModels = /claude-[23]|-4-[015](?!\d)|-4(@|$|-\d{8})/;

/** Whether the model itself decides how much to think. Others who serve this API have taken over the budget only. */
function isAdaptive(model: string): boolean {
  return model.includes("claude") && !budgetModels.test(model);
}

const budgets = { minimal: 1024, low: 2048, medium: 8192, high: 16384, xhigh: 24576 } as const;

function encodeThinking(reasoning: ModelSettings["reasoning"], model: string): ThinkingConfigParam | undefined {
  const { effort, budgetTokens, summary } = reasoning ?? {};
  const display = summary === undefined ? {} : { display: "summarized" as const };
  if (effort === "none") return { type: "disabled" };
  if (budgetTokens !== undefined) return { type: "enabled", budget_tokens: budgetTokens, ...display };
  if (effort === undefined && summary === undefined) return undefined;
  if (isAdaptive(model)) return { type: "adaptive", ...display };
  return { type: "enabled", budget_tokens: budgets[effort ?? "medium"], ...display };
}

/**
 * Whether the model is in the midst of an answer that it began without thinking (on another provider, say): within a
 * budget it can only think again when that answer is over.
 */
function isUnthought(messages: readonly Message[]): boolean {
  const [first] = openAnswer(messages)?.content ?? [];
  return first !== undefined && !(first.type === "reasoning" && ownData(first));
}

/** What is left for the answer at least, where the cap is not the caller's. */
const answerTokens = 4096;

/** Thinking counts as output, so the cap must leave room for the answer. */
function maxTokens(settings: ModelSettings, thinking: ThinkingConfigParam | undefined, fallback: number): number {
  const budget = thinking?.type === "enabled" ? thinking.budget_tokens : 0;
  const { maxOutputTokens = Math.max(fallback, budget + answerTokens) } = settings;
  if (maxOutputTokens > budget) return maxOutputTokens;
  throw new ConfigError(
    "settings.maxOutputTokens",
    `expected more than the ${budget} tokens that the model may think, got ${maxOutputTokens}; raise it, or lower settings.reasoning`,
  );
}

/** No longer among the client's types: the newest models have no sampling settings, the others take them. */
interface Sampling {
  temperature?: number;
  top_k?: number;
  top_p?: number;
}

/** While the model thinks, temperature and top-k are not accepted, and top-p only where it is nearly 1. */
function encodeSampling(settings: ModelSettings, thinks: boolean): Sampling {
  const { temperature, topK, topP } = settings;
  return {
    ...(temperature !== undefined && !thinks && { temperature }),
    ...(topK !== undefined && !thinks && { top_k: topK }),
    ...(topP !== undefined && (!thinks || topP >= 0.95) && { top_p: topP }),
  };
}

function encodeOutputConfig(request: ModelRequest, model: string, extra: unknown): OutputConfig | undefined {
  const { output, settings } = request;
  const effort = settings.reasoning?.effort;
  const config: OutputConfig = {
    ...(effort && effort !== "none" && isAdaptive(model) && { effort: effort === "minimal" ? "low" : effort }),
    ...(output && { format: { type: "json_schema", schema: strictSchema(output.schema, "output") } }),
    ...(isObject(extra) && extra),
  };
  return Object.keys(config).length > 0 ? config : undefined;
}

/** The schema within what the provider can hold the model to; what it cannot goes into the descriptions. */
function strictSchema(schema: JsonSchema, option: string): JsonSchema {
  try {
    return transformJSONSchema(schema);
  } catch (cause) {
    throw new ConfigError(option, `the JSON Schema cannot be enforced by Anthropic: ${errorMessage(cause)}`, { cause });
  }
}

/** The container that the unfinished turn runs code in: its pending calls must be answered there. */
function openContainer(messages: readonly Message[]): string | undefined {
  const open = openAnswer(messages);
  const container = open && ownData(open)?.["container"];
  return typeof container === "string" ? container : undefined;
}
