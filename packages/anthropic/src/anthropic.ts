import type { ClientOptions } from "@anthropic-ai/sdk";
import {
  ConfigError,
  checkBaseURL,
  checkFields,
  decodeResponse,
  type Model,
  type ModelRequest,
} from "millrace/provider";
import type { CacheOption } from "./cache.ts";
import { createClient, type MessagesClient, secretOf } from "./client.ts";
import { AnthropicDecoder } from "./decode.ts";
import { encode } from "./encode.ts";
import { toFailure } from "./failure.ts";
import { wire } from "./wire.ts";

/** How to reach a model of Anthropic. */
export interface AnthropicOptions {
  /** Default: the environment variable `ANTHROPIC_API_KEY`. */
  readonly apiKey?: string;
  /** A bearer token, instead of a key. Default: the environment variable `ANTHROPIC_AUTH_TOKEN`. */
  readonly authToken?: string;
  /** Default: the environment variable `ANTHROPIC_BASE_URL`, else Anthropic's API. */
  readonly baseURL?: string;
  /** Sent with every request. */
  readonly headers?: { readonly [name: string]: string };
  /** Features in beta, such as `context-management-2025-06-27`. */
  readonly betas?: readonly string[];
  /** A client of your own, of `@anthropic-ai/sdk` or for Vertex AI: key, base URL, headers and fetch are its affair. */
  readonly client?: MessagesClient;
  /** Used instead of the global one. */
  readonly fetch?: ClientOptions["fetch"];
  /**
   * The cap on output tokens of one request where `settings.maxOutputTokens` gives none; raised where a
   * thinking budget would not fit. Default: 32,000, which every model since Claude 4 accepts (Claude 3 does not).
   */
  readonly maxOutputTokens?: number;
  /** Default: `auto`. */
  readonly cache?: CacheOption;
}

const known = Object.keys({
  apiKey: "",
  authToken: "",
  baseURL: "",
  headers: "",
  betas: "",
  client: "",
  fetch: "",
  maxOutputTokens: "",
  cache: "",
} satisfies Record<keyof AnthropicOptions, "">);

/**
 * A model of Anthropic's Messages API.
 *
 * Nothing is loaded or sent before the first request; all requests share one client. A missing key is told then, as
 * `ModelError` of kind `auth`.
 *
 * Throws `ConfigError` for an empty model id, and for an option that is not known or cannot work.
 *
 * @example
 * ```ts
 * import { anthropic } from "@millrace/anthropic";
 * import { Agent } from "millrace";
 *
 * const agent = new Agent({ name: "helper", model: anthropic("claude-sonnet-4-6"), instructions: "Be brief." });
 * ```
 */
export function anthropic(modelId: string, options: AnthropicOptions = {}): Model {
  checkFields(options, "anthropic.options", known);
  const { maxOutputTokens = 32_000, cache = "auto", betas = [] } = options;
  if (typeof modelId !== "string" || !modelId)
    throw new ConfigError(
      "anthropic.modelId",
      `expected a model's name such as "claude-sonnet-4-6", got ${JSON.stringify(modelId)}`,
    );
  if (!Number.isInteger(maxOutputTokens) || maxOutputTokens < 1) {
    throw new ConfigError("anthropic.options.maxOutputTokens", `expected a positive integer, got ${maxOutputTokens}`);
  }
  checkBaseURL(options.baseURL, "anthropic.options.baseURL");
  const headers = betas.length > 0 ? { "anthropic-beta": betas.join(",") } : {};
  let client: Promise<MessagesClient> | undefined;

  async function open(request: ModelRequest, signal: AbortSignal): Promise<Response> {
    const body = encode(request, { model: modelId, maxOutputTokens, cache });
    client ??= createClient(options);
    try {
      const { messages } = await client;
      return await messages.create(body, { signal, headers, maxRetries: 0 }).asResponse();
    } catch (error) {
      throw toFailure(error, secretOf(options));
    }
  }

  return {
    provider: wire,
    id: modelId,
    stream: (request, { signal }) =>
      decodeResponse((own) => open(request, own), new AnthropicDecoder(), { provider: wire, signal }),
  };
}
