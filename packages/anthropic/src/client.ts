import type { Anthropic } from "@anthropic-ai/sdk";
import { isObject, ModelError } from "millrace/provider";
import type { AnthropicOptions } from "./anthropic.ts";
import { wire } from "./wire.ts";

/** What is needed of the vendor's client. */
export interface MessagesClient {
  readonly messages: Pick<Anthropic["messages"], "create">;
}

type Credentials = { apiKey: string } | { authToken: string };

/**
 * Makes the vendor's client, which is loaded only now. Throws `ModelError` of kind `auth`, at once, where there is no
 * key.
 */
export function createClient(options: AnthropicOptions): Promise<MessagesClient> {
  if (options.client) return Promise.resolve(options.client);
  const credentials = credentialsOf(options);
  if (credentials) return loadClient(credentials, options);
  throw new ModelError(
    "anthropic: no key; set the environment variable ANTHROPIC_API_KEY or pass anthropic(model, { apiKey })",
    { kind: "auth", provider: wire },
  );
}

/** The key or token in use, which no error may show; undefined with a client of the caller's own. */
export function secretOf(options: AnthropicOptions): string | undefined {
  const credentials = options.client ? undefined : credentialsOf(options);
  return credentials && ("apiKey" in credentials ? credentials.apiKey : credentials.authToken);
}

async function loadClient(
  credentials: Credentials,
  { baseURL, headers, fetch }: AnthropicOptions,
): Promise<MessagesClient> {
  const { Anthropic } = await import("@anthropic-ai/sdk");
  return new Anthropic({
    ...credentials,
    maxRetries: 0,
    ...(baseURL !== undefined && { baseURL }),
    ...(headers && { defaultHeaders: headers }),
    ...(fetch && { fetch }),
    // A redirect to another server would take the key along.
    fetchOptions: { redirect: "manual" },
  });
}

function credentialsOf(options: AnthropicOptions): Credentials | undefined {
  const apiKey = options.apiKey ?? (options.authToken === undefined ? variable("ANTHROPIC_API_KEY") : undefined);
  // A key that was copied with its line end is refused by fetch, in an error that quotes it.
  if (apiKey?.trim()) return { apiKey: apiKey.trim() };
  const authToken = options.authToken ?? variable("ANTHROPIC_AUTH_TOKEN");
  return authToken?.trim() ? { authToken: authToken.trim() } : undefined;
}

function variable(name: string): string | undefined {
  const process: unknown = Reflect.get(globalThis, "process");
  const env = isObject(process) ? process["env"] : undefined;
  const value = isObject(env) ? env[name] : undefined;
  return typeof value === "string" ? value : undefined;
}
