import { isObject, type JsonObject, noUsage, type Usage } from "millrace/provider";
import { numberIn } from "./wire.ts";

/** The usage of a Chat Completions answer, in the dialects of the servers that speak it. */
export function chatUsage(usage: JsonObject): Usage {
  const input = isObject(usage.prompt_tokens_details) ? usage.prompt_tokens_details : {};
  const output = isObject(usage.completion_tokens_details) ? usage.completion_tokens_details : {};
  const inputTokens = numberIn(usage.prompt_tokens);
  const outputTokens = numberIn(usage.completion_tokens);
  const reasoningTokens = numberIn(output.reasoning_tokens) || numberIn(usage.reasoning_tokens);
  // xAI counts reasoning beside the completion, everybody else inside of it: the total tells.
  const beside = reasoningTokens > 0 && numberIn(usage.total_tokens) === inputTokens + outputTokens + reasoningTokens;
  return {
    inputTokens,
    outputTokens: beside ? outputTokens + reasoningTokens : outputTokens,
    // DeepSeek and Moonshot (also) have fields of their own.
    cacheReadTokens:
      numberIn(input.cached_tokens) || numberIn(usage.prompt_cache_hit_tokens) || numberIn(usage.cached_tokens),
    cacheWriteTokens: numberIn(input.cache_write_tokens) || numberIn(input.cache_creation_tokens),
    reasoningTokens,
  };
}

/** The usage of a Responses answer; nothing where the server does not tell. */
export function responsesUsage(usage: unknown): Usage {
  if (!isObject(usage)) return noUsage;
  const input = isObject(usage.input_tokens_details) ? usage.input_tokens_details : {};
  const output = isObject(usage.output_tokens_details) ? usage.output_tokens_details : {};
  return {
    inputTokens: numberIn(usage.input_tokens),
    outputTokens: numberIn(usage.output_tokens),
    cacheReadTokens: numberIn(input.cached_tokens),
    cacheWriteTokens: numberIn(input.cache_write_tokens),
    reasoningTokens: numberIn(output.reasoning_tokens),
  };
}
