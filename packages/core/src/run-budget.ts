import { type BudgetOptions, costOf, type Ledger, memoryLedger, type Price, type Pricing } from "./budget.ts";
import { ConfigError } from "./errors.ts";
import type { BudgetExceeded, ModelName, RunInfo } from "./events.ts";
import type { ModelRequest } from "./model.ts";
import type { Unstamped } from "./run-state.ts";
import type { Usage } from "./usage.ts";

/** What is told when a cap is passed. */
type Exceeded = Unstamped<BudgetExceeded>;

/** The output of a request whose cap is not set, for its reservation, in tokens. */
const assumedOutputTokens = 4096;

interface Account {
  readonly key: string;
  readonly ledger: Ledger;
  readonly limitUsd: number;
  readonly onExceeded: "stop" | "continue";
}

/** The budget of one run. A sub-agent's draws on the accounts of the runs above it as well. */
export class RunBudget {
  /** What this run and its sub-agents have cost. */
  spentUsd = 0;
  readonly #options: BudgetOptions | undefined;
  readonly #parent: RunBudget | undefined;
  readonly #accounts: readonly Account[];
  readonly #told = new Set<BudgetExceeded["by"]>();
  #toolCalls = 0;
  #unsettledUsd = 0;
  #reservedUsd = new Map<Account, number>();

  constructor(run: RunInfo, options: BudgetOptions | undefined, parent: RunBudget | undefined) {
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
    for (let budget: RunBudget | undefined = this; budget; budget = budget.#parent) {
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
