import { type Message, textOf, toolCallsOf, type UserMessage } from "../messages.ts";
import type { ContextOptions } from "./context-options.ts";
import { shorten } from "./shorten.ts";
import type { TokenTally } from "./token-tally.ts";

/** A message of the history, and what is sent for it. */
interface Item {
  readonly message: Message;
  readonly sent: Message;
  readonly tokens: number;
}

/** What stays or goes as one: a turn, or in the turn that is not over a step of it. */
interface Unit {
  readonly items: readonly Item[];
  readonly tokens: number;
  /** It must stay. */
  readonly stays: boolean;
}

/** Stands in where what is sent would not begin with the user. */
export const opening: UserMessage = Object.freeze({ role: "user", content: "(The conversation begins.)" });

/** What a plan is made by. */
export interface PlanOptions extends Pick<ContextOptions, "maxMessageTokens" | "keepToolCalls"> {
  /** Cuts longer results of tools. */
  readonly maxResultTokens?: number;
}

/** Finds out what of a history is sent as what, what must stay, and what may go. Counts nothing twice. */
export class ContextPlan {
  /** Tokens of all that would be sent; with {@link wholeTokens}, before long messages were cut. */
  readonly tokens: number;
  readonly wholeTokens: number;
  /** Tokens of the longest message that was cut; 0 where none was. */
  readonly longest: number;
  /** Tokens of the longest result of a tool. */
  readonly longestResult: number;
  /** How many messages would be sent, leading system messages apart. */
  readonly count: number;
  /** Leading system messages: they always stay. */
  readonly head: readonly Message[];
  readonly #headTokens: number;
  readonly #units: readonly Unit[];
  /** Those that may go. */
  readonly #loose: readonly Unit[];
  readonly #tally: TokenTally;

  constructor(messages: readonly Message[], options: PlanOptions, tally: TokenTally) {
    this.#tally = tally;
    const headLength = messages.findIndex(({ role }) => role !== "system");
    this.head = headLength < 0 ? messages : messages.slice(0, headLength);
    this.#headTokens = this.head.reduce((sum, message) => sum + tally.message(message), 0);
    const pins = findPins(messages);
    const from = Math.min(...pins.all);
    const units: Unit[] = [];
    const { maxMessageTokens = Number.POSITIVE_INFINITY, maxResultTokens = Number.POSITIVE_INFINITY } = options;
    let longest = 0;
    let longestResult = 0;
    let count = 0;
    let total = this.#headTokens;
    let whole = total;
    for (const { start, end } of unitsOf(messages, this.head.length, from)) {
      const items: Item[] = [];
      let tokens = 0;
      let stays = false;
      for (let index = start; index < end; index++) {
        const message = messages[index];
        if (!message || message === opening) continue;
        stays ||= pins.all.has(index);
        let sent = options.keepToolCalls === false && index < from ? spoken(message) : message;
        if (!sent) continue;
        let size = tally.message(sent);
        whole += size;
        if (message.role === "tool") longestResult = Math.max(longestResult, size);
        const limit = message.role === "tool" ? Math.min(maxMessageTokens, maxResultTokens) : maxMessageTokens;
        // What the model has just said, and will go on from, stays as it is.
        if (size > limit && index !== pins.step) {
          longest = Math.max(longest, size);
          sent = shorten(sent, limit, tally);
          size = tally.message(sent);
        }
        items.push({ message, sent, tokens: size });
        tokens += size;
      }
      if (items.length > 0) units.push({ items, tokens, stays });
      total += tokens;
      count += items.length;
    }
    this.#units = units;
    this.#loose = units.filter((unit) => !unit.stays);
    this.tokens = total;
    this.wholeTokens = whole;
    this.longest = longest;
    this.longestResult = longestResult;
    this.count = count;
  }

  /** All that would be sent. */
  get messages(): Message[] {
    return [...this.head, ...this.items.map(({ sent }) => sent)];
  }

  /** The messages of the history, leading system messages apart, and what is sent for each. */
  get items(): readonly Item[] {
    return this.#units.flatMap(({ items }) => items);
  }

  /** Whether it must be cut to so many tokens, or can be cut towards so many messages. */
  exceeds(tokens: number, messages: number): boolean {
    return this.tokens > tokens || (this.count > messages && this.#loose.length > 0);
  }

  /** The messages that go when the `count` oldest units go that may. */
  dropped(count: number): Message[] {
    return this.#loose.slice(0, count).flatMap(({ items }) => items.map(({ message }) => message));
  }

  /**
   * How many of the oldest units must go, for the rest to have at most so many tokens and messages.
   *
   * @param step the tokens that go are rounded up to a multiple of this, counted from the beginning of the history: so
   * while the history grows the cut stays where it is for some turns, and with it what the provider has in its cache
   */
  cutFor(tokens: number, messages: number, step: number): number {
    const excess = this.tokens - tokens;
    const goal = excess > 0 ? Math.ceil(excess / step) * step : 0;
    let gone = 0;
    let left = this.count;
    const index = this.#loose.findIndex((unit) => {
      if (gone >= goal && left <= messages) return true;
      gone += unit.tokens;
      left -= unit.items.length;
      return false;
    });
    return index < 0 ? this.#loose.length : index;
  }

  /** After each unit that may go: how many have gone with it, the messages of the last, and what is left. */
  *cuts(): Generator<{ units: number; messages: number; last: Message; tokens: number; left: number }> {
    let tokens = this.tokens;
    let left = this.count;
    for (const [index, unit] of this.#loose.entries()) {
      tokens -= unit.tokens;
      left -= unit.items.length;
      const last = unit.items.at(-1);
      if (last) yield { units: index + 1, messages: this.count - left, last: last.message, tokens, left };
    }
  }

  /**
   * What is sent besides the head when the `count` oldest units go that may. Where that is still too much, what is left is cut to the
   * same height, as far as it can be.
   */
  without(count: number, limit: number): Message[] {
    const gone = new Set(this.#loose.slice(0, count));
    const items = this.#units.flatMap((unit) => (gone.has(unit) ? [] : unit.items));
    return fitHeight(items, limit - this.#headTokens, this.#tally);
  }
}

/**
 * What must stay: the newest user message; and where the model waits for results or goes on with its answer, that
 * answer with its results and the user message that it answers.
 */
export function findPins(messages: readonly Message[]): { all: ReadonlySet<number>; step: number } {
  const all = new Set<number>();
  const user = messages.findLastIndex(({ role }) => role === "user");
  if (user >= 0) all.add(user);
  const last = messages.findLastIndex(({ role }) => role === "assistant");
  const answer = messages[last];
  const calls = answer ? toolCallsOf(answer).length : 0;
  if (last < 0 || (calls === 0 && last < messages.length - 1)) return { all, step: -1 };
  for (let index = last; index <= last + calls; index++) all.add(index);
  const asked = messages.findLastIndex(({ role }, index) => role === "user" && index < last);
  if (asked >= 0) all.add(asked);
  return { all, step: last };
}

/** Turns begin with the user. From the first message that must stay on, each step is a unit of its own. */
function* unitsOf(
  messages: readonly Message[],
  from: number,
  steps: number,
): Generator<{ start: number; end: number }> {
  let start = from;
  for (let index = from + 1; index < messages.length; index++) {
    const role = messages[index]?.role;
    if (role !== "user" && (index < steps || role === "tool")) continue;
    yield { start, end: index };
    start = index;
  }
  if (start < messages.length) yield { start, end: messages.length };
}

const saidOnly = new WeakMap<Message, Message>();

/** What a message says, without calls, results and reasoning; undefined where it says nothing. */
function spoken(message: Message): Message | undefined {
  if (message.role === "tool") return undefined;
  if (message.role !== "assistant" || message.content.every(({ type }) => type === "text")) return message;
  const text = textOf(message);
  if (text === "") return undefined;
  let said = saidOnly.get(message);
  if (!said) {
    said = { role: "assistant", content: [{ type: "text", text }] };
    saidOnly.set(message, said);
  }
  return said;
}

/** What may be cut so that the rest fits, and to what at least: what the model has said itself comes last. */
const cuts: readonly { isCut: (message: Message) => boolean; least: number }[] = [
  { isCut: ({ role }) => role !== "assistant", least: 64 },
  { isCut: () => true, least: 6 },
];

/** Cuts the longest messages to the same height until all fit, as far as that goes. */
function fitHeight(items: readonly Item[], limit: number, tally: TokenTally): Message[] {
  const sumOf = (messages: readonly Message[]): number => messages.reduce((sum, each) => sum + tally.message(each), 0);
  const whole = items.map(({ sent }) => sent);
  let sent = whole;
  for (const { isCut, least } of cuts) {
    if (sumOf(sent) <= limit) return sent;
    const sizes = whole.filter(isCut).map((message) => tally.message(message));
    let height = waterline(sizes, limit - sumOf(whole.filter((message) => !isCut(message))));
    for (; height >= least && sumOf(sent) > limit; height = Math.floor(height * 0.8)) {
      const most = height;
      sent = items.map((item) =>
        isCut(item.sent) && item.tokens > most ? shorten(item.sent, most, tally) : item.sent,
      );
    }
  }
  return sent;
}

/** The height at which sizes must be cut for their sum to be `limit`. */
function waterline(sizes: readonly number[], limit: number): number {
  let left = limit;
  const sorted = sizes.toSorted((a, b) => a - b);
  for (const [index, size] of sorted.entries()) {
    const share = Math.floor(left / (sorted.length - index));
    if (size > share) return share;
    left -= size;
  }
  return sorted.at(-1) ?? 0;
}
