import { ConfigError, checkBaseURL, checkFields, isObject, toModelError } from "millrace/provider";
import OpenAI, { type APIError, type ClientOptions } from "openai";

/** How to reach a server. */
export interface ConnectionOptions {
  /** The key, or a function that gives one for each request. Default for `openai()`: the variable `OPENAI_API_KEY`. */
  readonly apiKey?: string | (() => Promise<string>) | undefined;
  /** Default for `openai()`: the variable `OPENAI_BASE_URL`, or OpenAI's own. */
  readonly baseURL?: string | undefined;
  /** OpenAI's organization. Default for `openai()`: the variable `OPENAI_ORG_ID`. */
  readonly organization?: string | undefined;
  /** OpenAI's project. Default for `openai()`: the variable `OPENAI_PROJECT_ID`. */
  readonly project?: string | undefined;
  /** Further headers of each request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Used instead of the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /** A ready client, such as `AzureOpenAI`: then none of the options above counts. Its own retries are not used. */
  readonly client?: OpenAI | undefined;
}

/** Keeps the whole body of a failed answer: the vendor's client drops it unless it has an `error` field. */
class Client extends OpenAI {
  protected override makeStatusError(
    status: number,
    body: object,
    message: string | undefined,
    headers: Headers,
  ): APIError {
    return super.makeStatusError(status, body && { error: body }, message, headers);
  }
}

/** The clients of options that were used: models of the same options share one, and its connections. */
const clients = new WeakMap<ConnectionOptions, OpenAI>();

/** The client for these options, made when it is first needed. Throws `ModelError` of kind `auth` without a key. */
export function clientFor(options: ConnectionOptions, provider: string, defaults: ClientOptions): OpenAI {
  const known = options.client ?? clients.get(options);
  if (known) return known;
  const client = makeClient(options, provider, defaults);
  clients.set(options, client);
  return client;
}

function makeClient(options: ConnectionOptions, provider: string, defaults: ClientOptions): OpenAI {
  const { apiKey, baseURL, organization, project, headers } = options;
  try {
    return new Client({
      ...defaults,
      ...(apiKey !== undefined && { apiKey }),
      ...(baseURL !== undefined && { baseURL }),
      ...(organization !== undefined && { organization }),
      ...(project !== undefined && { project }),
      ...(options.fetch && { fetch: options.fetch }),
      defaultHeaders: { ...defaults.defaultHeaders, ...headers },
      // A redirect to another server would take headers along, and with them keys.
      fetchOptions: { redirect: "manual" },
      maxRetries: 0,
    });
  } catch (cause) {
    const message = "no API key: set the environment variable OPENAI_API_KEY, or give the option apiKey";
    if (cause instanceof Error && /credentials|api.?key/i.test(cause.message)) {
      throw toModelError({ provider, kind: "auth", message, cause });
    }
    throw new ConfigError(provider, cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** The key that requests with these options carry; undefined before the first one. */
export function secretOf(options: ConnectionOptions): string | undefined {
  return (options.client ?? clients.get(options))?.apiKey ?? undefined;
}

const connectionFields = Object.keys({
  apiKey: "",
  baseURL: "",
  organization: "",
  project: "",
  headers: "",
  fetch: "",
  client: "",
} satisfies Record<keyof ConnectionOptions, "">);

/** Checks what can be checked before a request; `further` are the options beside the connection's. Throws `ConfigError`. */
export function checkConnection(options: ConnectionOptions, at: string, further: readonly string[] = []): void {
  checkFields(options, at, [...connectionFields, ...further]);
  if (options.client !== undefined && !isObject(options.client)) {
    throw new ConfigError(`${at}.client`, `expected a client of the package openai, got ${typeof options.client}`);
  }
  checkBaseURL(options.baseURL, `${at}.baseURL`);
}
