/**
 * The door `millrace/budget`: what a budget is made of, and a ledger that several runs can share.
 *
 * @module
 */
import type { ModelName, RunInfo } from "./events.ts";
import type { Usage } from "./usage.ts";

/** What a model costs, in USD per million tokens. The prices are yours: none are built in. */
export interface Price {
  readonly input: number;
  readonly output: number;
  /** Input read from the provider's cache. Default: `input`. */
  readonly cachedInput?: number;
  /** Input written to the provider's cache. Default: `input`. */
  readonly cacheWrite?: number;
  /** Output spent on reasoning. Default: `output`. */
  readonly reasoning?: number;
}

/** Prices by the id of the model or by `provider/id`, or a function. */
export type Pricing = { readonly [model: string]: Price } | ((model: ModelName) => Price | undefined);

/** What a run, a chat or a user may spend. */
export interface BudgetOptions {
  /** Compulsory with `maxUsd`. Default: no costs are counted. */
  readonly pricing?: Pricing;
  /** The cap in USD. Default: none, costs are only counted. */
  readonly maxUsd?: number;
  /** Of `maxUsd`: held back, so that something is left for what comes after. Default: 0. */
  readonly reserveUsd?: number;
  /** The cap on tokens of one run, input and output. Default: none. */
  readonly maxTokens?: number;
  /** The cap on executed tool calls of one run. Calls beyond it are refused. Default: none. */
  readonly maxToolCalls?: number;
  /**
   * `stop`: no further request, the run ends with `stopReason: "budget"`. `continue`: it is told and goes on.
   * Default: `stop`.
   */
  readonly onExceeded?: "stop" | "continue";
  /** Where spending is kept, for a cap over several runs. Default: a ledger of the run's own. */
  readonly ledger?: Ledger;
  /** Whose money it is, in a shared ledger. Default: the chat's id. */
  readonly account?: (run: RunInfo) => string;
}

/**
 * Keeps what accounts have spent and set aside. A database can stand behind it, as long as `reserve` is atomic.
 */
export interface Ledger {
  /**
   * Sets `usd` aside, unless what is spent and set aside already would then exceed `limitUsd`. Gives whether it did,
   * and what is spent.
   */
  reserve(account: string, usd: number, limitUsd: number): Promise<{ granted: boolean; spentUsd: number }>;
  /** Ends a reservation and adds what was really spent. Gives what is spent now. */
  settle(account: string, reservedUsd: number, spentUsd: number): Promise<number>;
}

/** A ledger in memory: for one process. */
export function memoryLedger(): Ledger & { spent(account: string): number } {
  const accounts = new Map<string, { spent: number; reserved: number }>();
  const entry = (account: string): { spent: number; reserved: number } => {
    const known = accounts.get(account) ?? { spent: 0, reserved: 0 };
    accounts.set(account, known);
    return known;
  };
  return {
    async reserve(account, usd, limitUsd) {
      const kept = entry(account);
      const granted = kept.spent + kept.reserved + usd <= limitUsd;
      if (granted) kept.reserved += usd;
      return { granted, spentUsd: kept.spent };
    },
    async settle(account, reservedUsd, spentUsd) {
      const kept = entry(account);
      kept.reserved = Math.max(0, kept.reserved - reservedUsd);
      kept.spent += spentUsd;
      return kept.spent;
    },
    spent: (account) => accounts.get(account)?.spent ?? 0,
  };
}

/** What a usage costs, in USD. */
export function costOf(usage: Usage, price: Price): number {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = usage;
  const { input, output, cachedInput = input, cacheWrite = input, reasoning = output } = price;
  const fresh = Math.max(0, inputTokens - cacheReadTokens - cacheWriteTokens);
  const written = Math.max(0, outputTokens - reasoningTokens);
  const inputUsd = fresh * input + cacheReadTokens * cachedInput + cacheWriteTokens * cacheWrite;
  return (inputUsd + written * output + reasoningTokens * reasoning) / 1e6;
}
