import { ConfigError, type Model } from "millrace/provider";
import { type ConnectionOptions, checkConnection } from "./client.ts";
import { chatModel, responsesModel } from "./model.ts";

/** How to reach OpenAI, or Azure OpenAI with a `client`. */
export interface OpenAIOptions extends ConnectionOptions {}

/** Models of OpenAI. */
export interface OpenAIModels {
  /**
   * A model over the Chat Completions API.
   *
   * Nothing happens before the first request, which throws `ModelError` of kind `auth` where there is no key.
   */
  (modelId: string, options?: OpenAIOptions): Model;
  /**
   * A model over the Responses API: reasoning is kept from turn to turn (encrypted), the provider's own tools can be
   * asked for with `settings.provider.tools`. Stateless: `store: false`, unless `settings.provider` says otherwise.
   */
  responses(modelId: string, options?: OpenAIOptions): Model;
}

const provider = "openai";

/**
 * Models of OpenAI.
 *
 * @example
 * ```ts
 * import { openai } from "@millrace/openai";
 * import { Agent } from "millrace";
 *
 * const agent = new Agent({ name: "helper", model: openai("gpt-5.4-mini") });
 * const thinker = new Agent({ name: "thinker", model: openai.responses("gpt-5", { project: "proj_1" }) });
 * ```
 */
export const openai: OpenAIModels = Object.assign(chat, { responses });

function chat(modelId: string, options: OpenAIOptions = {}): Model {
  check("openai", modelId, options);
  return chatModel({ provider, options, defaults: {} }, modelId);
}

function responses(modelId: string, options: OpenAIOptions = {}): Model {
  check("openai.responses", modelId, options);
  return responsesModel({ provider, options, defaults: {} }, modelId);
}

function check(at: string, modelId: string, options: OpenAIOptions): void {
  if (typeof modelId !== "string" || modelId === "") {
    throw new ConfigError(`${at}.modelId`, `expected the model's name, got ${JSON.stringify(modelId)}`);
  }
  checkConnection(options, `${at}.options`);
}
