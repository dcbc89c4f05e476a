import type { ClientOptions } from "@anthropic-ai/sdk";
import { decodeResponse, type Model, type ModelEvent, type ModelRequest } from "millrace/provider";
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
   * thinking budget would not fit. Default: 32,000, which every model since Claude 4 accepts.
   */
  readonly maxOutputTokens?: number;
  /** Default: `auto`. */
  readonly cache?: CacheOption;
}

/**
 * A model of Anthropic's Messages API.
 *
 * Nothing is loaded or sent before the first request; all requests share one client. A missing key is told then, as
 * `ModelError` of kind `auth`.
 *
 * @example
 * const agent = new Agent({ name: "helper", model: anthropic("claude-sonnet-4-5"), instructions: "Be brief." });
 */
export function anthropic(modelId: string, options: AnthropicOptions = {}): Model {
  const { maxOutputTokens = 32_000, cache = "auto", betas = [] } = options;
  const headers = betas.length > 0 ? { "anthropic-beta": betas.join(",") } : {};
  let client: Promise<MessagesClient> | undefined;

  async function* stream(request: ModelRequest, { signal }: { signal: AbortSignal }): AsyncGenerator<ModelEvent, void> {
    signal.throwIfAborted();
    const body = encode(request, { model: modelId, maxOutputTokens, cache });
    // The client leaves its listener on the signal that it is given, so it gets one that ends with this request.
    const own = new AbortController();
    const abort = (): void => own.abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      client ??= createClient(options);
      const { messages } = await client;
      const response = await messages.create(body, { signal: own.signal, headers, maxRetries: 0 }).asResponse();
      yield* decodeResponse(response, new AnthropicDecoder(), { provider: wire, signal });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw toFailure(error, secretOf(options));
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  return { provider: wire, id: modelId, stream };
}
