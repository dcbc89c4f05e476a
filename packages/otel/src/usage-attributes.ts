import type { Attributes } from "@opentelemetry/api";
import type { Usage } from "millrace";
import { names } from "./conventions.ts";

/** What was spent, as attributes of a span. What is not known, or does not apply, is left out. */
export function usageAttributes(usage: Partial<Usage>): Attributes {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens, estimated } = usage;
  return {
    ...(inputTokens !== undefined && { [names.inputTokens]: inputTokens }),
    ...(outputTokens !== undefined && { [names.outputTokens]: outputTokens }),
    ...(cacheReadTokens && { [names.cacheReadTokens]: cacheReadTokens }),
    ...(cacheWriteTokens && { [names.cacheWriteTokens]: cacheWriteTokens }),
    ...(reasoningTokens && { [names.reasoningTokens]: reasoningTokens }),
    ...(estimated && { [names.estimated]: true }),
  };
}
