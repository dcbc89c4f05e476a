/**
 * The door `millrace/budget`: what a budget is made of, and a ledger that several runs can share.
 *
 * @module
 */
import { ConfigError } from "./errors.ts";
import type { BudgetExceeded, ModelName, RunInfo } from "./events.ts";
import type { ModelRequest } from "./model.ts";
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

/** What is told when a cap is passed. */
export type Exceeded = Omit<BudgetExceeded, "seq" | "at" | "run">;

/** The output of a request whose cap is not set, for its reservation, in tokens. */
const assumedOutputTokens = 4096;

interface Account {
  readonly key: string;
  readonly ledger: Ledger;
  readonly limitUsd: number;
  readonly onExceeded: "stop" | "continue";
}

/** The budget of one run. A sub-agent's draws on the accounts of the runs above it as well. */
export class Budget {
  /** What this run and its sub-agents have cost. */
  spentUsd = 0;
  readonly #options: BudgetOptions | undefined;
  readonly #parent: Budget | undefined;
  readonly #accounts: readonly Account[];
  readonly #told = new Set<BudgetExceeded["by"]>();
  #toolCalls = 0;
  #unsettledUsd = 0;
  #reservedUsd = new Map<Account, number>();

  constructor(run: RunInfo, options: BudgetOptions | undefined, parent: Budget | undefined) {
    this.#options = options;
    this.#parent = parent;
    this.#accounts = onePerPot([...(options ? [accountOf(run, options)] : []), ...(parent ? parent.#accounts : [])]);
  }

  /**
   * Sets aside what a request may cost. Gives what was exceeded, if it was not told before, and whether the run must
   * stop for it.
   */
  async reserve(
    model: ModelName,
    request: ModelRequest,
    tokens: number,
    usage: Usage,
  ): Promise<{ exceeded: Exceeded | undefined; stop: boolean }> {
    const counted = this.#countedCap(usage);
    const outputTokens = request.settings.maxOutputTokens ?? assumedOutputTokens;
    const price = this.#price(model);
    const usd = (tokens * price.input + outputTokens * price.output) / 1e6;
    const reserved = this.#reservedUsd;
    let refused: { account: Account; spentUsd: number } | undefined;
    if (!counted?.stop) {
      for (const account of this.#accounts) {
        const limitUsd = account.onExceeded === "stop" ? account.limitUsd : Number.POSITIVE_INFINITY;
        const { granted, spentUsd } = await account.ledger.reserve(account.key, usd, limitUsd);
        // The run was stopped and settled while a slow ledger made up its mind: nobody else would end this reservation.
        if (granted && reserved !== this.#reservedUsd) await account.ledger.settle(account.key, usd, 0);
        else if (granted) reserved.set(account, usd);
        if (!granted || spentUsd + usd > account.limitUsd) refused ??= { account, spentUsd };
        if (!granted) break;
      }
    }
    if (refused) {
      const { account, spentUsd } = refused;
      const stop = account.onExceeded === "stop";
      if (stop) await this.settle();
      const { limitUsd } = account;
      return { exceeded: this.#tell({ by: "usd", spent: spentUsd, limit: limitUsd, spentUsd, limitUsd }), stop };
    }
    return { exceeded: counted && this.#tell(counted.exceeded), stop: counted?.stop ?? false };
  }

  /** Takes back that a cap was told: the request that it refused was one that the run can do without. */
  untell({ by }: Exceeded): void {
    this.#told.delete(by);
  }

  /** Counts what a request has cost; {@link settle} books it. */
  charge(usage: Usage, model: ModelName): void {
    const usd = costOf(usage, this.#price(model));
    this.spentUsd += usd;
    this.#unsettledUsd += usd;
  }

  /** Counts what a sub-agent has cost; it has booked that itself. */
  addSubAgent(usd: number): void {
    this.spentUsd += usd;
  }

  /** Books what was charged and ends the reservations. Gives what it came to, and a cap that is passed by it. */
  async settle(): Promise<{ costUsd: number; exceeded: Exceeded | undefined }> {
    const costUsd = this.#unsettledUsd;
    const reserved = this.#reservedUsd;
    this.#unsettledUsd = 0;
    this.#reservedUsd = new Map();
    let exceeded: Exceeded | undefined;
    for (const account of this.#accounts) {
      const setAside = reserved.get(account) ?? 0;
      if (costUsd === 0 && setAside === 0) continue;
      const spentUsd = await account.ledger.settle(account.key, setAside, costUsd);
      const { limitUsd } = account;
      if (spentUsd > limitUsd)
        exceeded ??= this.#tell({ by: "usd", spent: spentUsd, limit: limitUsd, spentUsd, limitUsd });
    }
    return { costUsd, exceeded };
  }

  /** Whether one more tool call may be executed. */
  takeToolCall(): boolean {
    this.#toolCalls++;
    const { maxToolCalls = Number.POSITIVE_INFINITY, onExceeded } = this.#options ?? {};
    return this.#toolCalls <= maxToolCalls || onExceeded === "continue";
  }

  #countedCap(usage: Usage): { exceeded: Exceeded; stop: boolean } | undefined {
    const { maxTokens, maxToolCalls, onExceeded = "stop" } = this.#options ?? {};
    const tokens = usage.inputTokens + usage.outputTokens;
    const spentUsd = this.spentUsd;
    const stop = onExceeded === "stop";
    if (maxTokens !== undefined && tokens >= maxTokens) {
      return { exceeded: { type, by: "tokens", spent: tokens, limit: maxTokens, spentUsd }, stop };
    }
    if (maxToolCalls !== undefined && this.#toolCalls > maxToolCalls) {
      return { exceeded: { type, by: "tool-calls", spent: this.#toolCalls, limit: maxToolCalls, spentUsd }, stop };
    }
    return undefined;
  }

  /** Each cap is told once. */
  #tell(exceeded: Omit<Exceeded, "type">): Exceeded | undefined {
    if (this.#told.has(exceeded.by)) return undefined;
    this.#told.add(exceeded.by);
    return { ...exceeded, type };
  }

  #price(model: ModelName): Price {
    let isCounted = this.#accounts.some(({ limitUsd }) => limitUsd < Number.POSITIVE_INFINITY);
    for (let budget: Budget | undefined = this; budget; budget = budget.#parent) {
      const { pricing } = budget.#options ?? {};
      const price = pricing && lookUp(pricing, model);
      if (price) return price;
      isCounted ||= pricing !== undefined;
    }
    if (!isCounted) return free;
    throw new ConfigError("budget.pricing", `has no price for the model "${model.provider}/${model.id}"; add it`);
  }
}

const type = "budget-exceeded";

/** Where only tokens and calls are counted. */
const free: Price = { input: 0, output: 0 };

function accountOf(run: RunInfo, options: BudgetOptions): Account {
  const {
    ledger = memoryLedger(),
    account,
    maxUsd = Number.POSITIVE_INFINITY,
    reserveUsd = 0,
    onExceeded = "stop",
  } = options;
  return { key: account ? account(run) : run.chatId, ledger, limitUsd: maxUsd - reserveUsd, onExceeded };
}

/** What a run and one above it take from the same pot is booked once. Of two caps on it the lower one counts. */
function onePerPot(accounts: readonly Account[]): Account[] {
  const isSame = (a: Account, b: Account): boolean => a.ledger === b.ledger && a.key === b.key;
  const lowestFirst = accounts.toSorted((a, b) => a.limitUsd - b.limitUsd);
  return lowestFirst.filter((account, index) => lowestFirst.findIndex((other) => isSame(account, other)) === index);
}

function lookUp(pricing: Pricing, model: ModelName): Price | undefined {
  if (typeof pricing === "function") return pricing(model);
  for (const key of [`${model.provider}/${model.id}`, model.id]) if (Object.hasOwn(pricing, key)) return pricing[key];
  return undefined;
}
