import { ConfigError, checkFields, type Model } from "millrace/provider";
import type { ClientOptions } from "openai";
import { type ConnectionOptions, checkConnection } from "./client.ts";
import type { StructuredOutputs } from "./encode-chat.ts";
import { chatModel, responsesModel } from "./model.ts";

/** What a server wants that cannot be seen from its traffic. */
export interface CompatibleModelOptions {
  /**
   * How the server takes a structured output: `json-schema` as OpenAI does, `json-object` in JSON mode with the schema
   * in the system prompt (DeepSeek), `prompt` in the system prompt only. Default: `json-schema`.
   */
  readonly structuredOutputs?: StructuredOutputs | undefined;
  /** The field for `settings.maxOutputTokens`. Default: `max_tokens`. */
  readonly maxTokensField?: "max_tokens" | "max_completion_tokens" | undefined;
  /** The one length that the server takes for ids of tool calls (Mistral: 9). Default: any. */
  readonly callIdLength?: number | undefined;
  /** Read `<think>…</think>` at the beginning of the text as reasoning. Default: true. */
  readonly thinkTags?: boolean | undefined;
}

const modelFields = Object.keys({
  structuredOutputs: "",
  maxTokensField: "",
  callIdLength: "",
  thinkTags: "",
} satisfies Record<keyof CompatibleModelOptions, "">);

/** How to reach a server that speaks OpenAI's API, and what is special about it. */
export interface OpenAICompatibleOptions
  extends Omit<ConnectionOptions, "organization" | "project">,
    CompatibleModelOptions {
  /** The provider's name, such as `groq`: in errors and events, and on what is sent back only to where it came from. */
  readonly name: string;
  /** Such as `http://localhost:11434/v1`. */
  readonly baseURL: string;
  /** The key. Default: none; OpenAI's own environment variables are never used here. */
  readonly apiKey?: ConnectionOptions["apiKey"];
}

/** Models of a server that speaks OpenAI's API. */
export interface OpenAICompatibleModels {
  /** A model over Chat Completions. */
  (modelId: string, options?: CompatibleModelOptions): Model;
  /** A model over the Responses API, where the server has it. */
  responses(modelId: string): Model;
}

/**
 * Models of any server that speaks OpenAI's API: Ollama, vLLM, llama.cpp, LM Studio, Groq, DeepSeek, OpenRouter,
 * Mistral, xAI, Together, Perplexity and others. Their dialects are read from their traffic; the few options are for
 * what cannot be seen there.
 *
 * Throws `ConfigError` where an option is wrong.
 *
 * @example
 * ```ts
 * import { openaiCompatible } from "@millrace/openai";
 * import { Agent } from "millrace";
 *
 * const ollama = openaiCompatible({ name: "ollama", baseURL: "http://localhost:11434/v1" });
 * const agent = new Agent({ name: "local", model: ollama("qwen3:8b") });
 * ```
 */
export function openaiCompatible(options: OpenAICompatibleOptions): OpenAICompatibleModels {
  checkConnection(options, "openaiCompatible", ["name", ...modelFields]);
  const { name: provider } = options;
  if (typeof provider !== "string" || provider === "") {
    throw new ConfigError("openaiCompatible.name", `expected the provider's name, got ${JSON.stringify(provider)}`);
  }
  if (options.client === undefined && typeof options.baseURL !== "string") {
    throw new ConfigError(
      "openaiCompatible.baseURL",
      `expected the server's URL, got ${JSON.stringify(options.baseURL)}`,
    );
  }
  const server = { provider, options, defaults: anonymous(options.apiKey === undefined) };
  const chat = (modelId: string, own: CompatibleModelOptions = {}): Model => {
    checkFields(own, `${provider}.options`, modelFields);
    const all = { ...options, ...own };
    const { thinkTags = true, maxTokensField = "max_tokens", structuredOutputs, callIdLength } = all;
    const dialect = { maxTokensField, structuredOutputs, callIdLength, refusals: false };
    return chatModel(server, checkId(modelId), dialect, thinkTags);
  };
  const responses = (modelId: string): Model => responsesModel(server, checkId(modelId));
  return Object.assign(chat, { responses });
}

/** Nothing of OpenAI's environment variables may reach another server. */
function anonymous(withoutKey: boolean): ClientOptions {
  return {
    apiKey: "none",
    adminAPIKey: null,
    organization: null,
    project: null,
    ...(withoutKey && { defaultHeaders: { authorization: null } }),
  };
}

function checkId(modelId: string): string {
  if (typeof modelId === "string" && modelId !== "") return modelId;
  throw new ConfigError("modelId", `expected the model's name, got ${JSON.stringify(modelId)}`);
}
