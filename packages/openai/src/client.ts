import {
  ConfigError,
  checkBaseURL,
  checkFields,
  errorMessage,
  isMillraceError,
  type ModelErrorKind,
  maskSecrets,
  toModelError,
} from "millrace/provider";
import OpenAI, {
  APIConnectionError,
  APIConnectionTimeoutError,
  APIError,
  type ClientOptions,
  OpenAIError,
} from "openai";
import { isObject } from "./wire.ts";

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

/** What went wrong with a request, as our error. A `secret` that the server quotes is masked. */
export function requestError(error: unknown, provider: string, secret: string | undefined): Error {
  if (isMillraceError(error)) return error;
  if (error instanceof APIConnectionTimeoutError) {
    return toModelError({ provider, kind: "timeout", message: error.message, cause: error });
  }
  if (error instanceof APIConnectionError) {
    const message = reasonOf(error);
    // Fetch quotes a URL with a password in it: then without the cause.
    const isClean = maskSecrets(message) === message;
    return toModelError({ provider, kind: "network", message, ...(isClean && { cause: error }) });
  }
  if (error instanceof APIError && error.status !== undefined) {
    const { status, headers } = error;
    const body = masked(error.error ?? bare(error.message, status), secret);
    // Without the cause: the client quotes the body in its message, and with it what must be masked.
    return toModelError({ provider, status, headers, body, kind: dialectKind(status, body) });
  }
  // What else the client throws is about credentials: an apiKey function that failed, a header that is missing.
  const kind = error instanceof OpenAIError ? "auth" : "invalid-request";
  const said = errorMessage(error);
  const message = String(masked(said, secret));
  // Fetch quotes a key that no header can hold: then without the cause, too.
  return toModelError({ provider, kind, message, ...(message === said && { cause: error }) });
}

/** What the status does not say: xAI refuses a key with 400, Perplexity names a full context in words of its own. */
function dialectKind(status: number, body: unknown): ModelErrorKind | undefined {
  if (status !== 400) return undefined;
  const said = JSON.stringify(body);
  if (/(incorrect|invalid) api.?key/i.test(said)) return "auth";
  return /too_many_prompt_tokens|messages (is|are) too long/i.test(said) ? "context-overflow" : undefined;
}

/** Keys of compatible servers have no form by which they could be known. */
function masked(body: unknown, secret: string | undefined): unknown {
  if (secret === undefined || secret.length < 8) return body;
  return JSON.parse(JSON.stringify(body).replaceAll(JSON.stringify(secret).slice(1, -1), "…"));
}

/** The client says `Connection error.`; why, stands in its cause. */
function reasonOf(error: APIConnectionError): string {
  const { cause } = error;
  const deeper = cause instanceof Error ? cause.cause : undefined;
  const why = deeper instanceof Error ? deeper.message : cause instanceof Error ? cause.message : "";
  return why === "" ? error.message : `${error.message} ${why}`;
}

/** The client puts the status before a message: ours has it already. */
function bare(message: string, status: number): string {
  const prefix = `${status} `;
  return message.startsWith(prefix) ? message.slice(prefix.length) : message;
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
