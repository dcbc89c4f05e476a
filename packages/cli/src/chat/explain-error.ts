import { errorMessage, isMillraceError, ModelError, maskSecrets } from "millrace";

const keys: { readonly [provider: string]: string } = {
  openai: "OPENAI_API_KEY",
  "openai-compatible": "OPENAI_API_KEY",
  anthropic: "ANTHROPIC_API_KEY",
};

/** What a run failed with, and what can be done about it, in one sentence or two. Secrets are masked. */
export function explainError(error: unknown): string {
  return maskSecrets(isModelError(error) ? explainModelError(error) : errorMessage(error)).replaceAll(/\s+/g, " ");
}

function explainModelError(error: ModelError): string {
  const { kind, provider, status, code, retryAfterMs } = error;
  const key = keys[provider] ?? "the key";
  // The provider's own words, without its name and status before them.
  const said = withFullStop(error.message.startsWith(provider) ? error.message.replace(/^.*?: /s, "") : error.message);
  switch (kind) {
    case "auth":
      if (status === undefined)
        return `No key for ${provider}: set ${key}, or try without one: millrace chat --simulate`;
      return `${provider} refuses the key (${status}): ${said} Check ${key}.`;
    case "network":
      return `${provider} cannot be reached: ${said} Check the network and --base-url.`;
    case "timeout":
      return `${provider} did not answer in time: ${said} Try again.`;
    case "rate-limit": {
      const wait = retryAfterMs === undefined ? "a while" : `${Math.ceil(retryAfterMs / 1000)} s`;
      return `${provider} has had too many requests: ${said} Try again after ${wait}.`;
    }
    case "overloaded":
    case "server-error":
      return `${provider} has failed${status === undefined ? "" : ` (${status})`}: ${said} Try again.`;
    case "context-overflow":
      return `The conversation has become too long for the model: ${said} Begin another one with --chat.`;
    case "invalid-request":
      if (status !== 404 && code !== "model_not_found") return error.message;
      return `${provider} does not know this model (or this address): ${said} Check --model and --base-url.`;
    default:
      return error.message;
  }
}

function withFullStop(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** Also one of another copy of the package, which a config file may import. */
function isModelError(error: unknown): error is ModelError {
  return error instanceof ModelError || (isMillraceError(error) && error.name === "ModelError");
}
