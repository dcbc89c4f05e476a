/** Tokens spent, by one request or by a whole run. */
export interface Usage {
  /** All input tokens, those read from or written to a cache included. */
  readonly inputTokens: number;
  /** All output tokens, reasoning included. */
  readonly outputTokens: number;
  /** Of the input: read from the provider's prompt cache. */
  readonly cacheReadTokens: number;
  /** Of the input: written to the provider's prompt cache. */
  readonly cacheWriteTokens: number;
  /** Of the output: spent on reasoning. */
  readonly reasoningTokens: number;
  /**
   * True where a provider did not tell (a cut stream) and the missing part was estimated. False says of zeros that they
   * are what was spent: by an answer from a cache.
   */
  readonly estimated?: boolean;
}

/** Nothing spent. */
export const noUsage: Usage = Object.freeze({
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
});

/** The sum of two usages. */
export function addUsage(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
    ...((a.estimated || b.estimated) && { estimated: true }),
  };
}
