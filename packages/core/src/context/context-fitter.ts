import { ConfigError } from "../errors.ts";
import type { AgentEvent, ContextOverflow } from "../events.ts";
import { isModelError } from "../is-model-error.ts";
import type { ContentPart, Message, UserMessage } from "../messages.ts";
import type { ModelRequest } from "../model.ts";
import { type Turn, wrapModel } from "../prepare-turn.ts";
import { RunCut } from "../run-control.ts";
import type { RunState, Unstamped } from "../run-state.ts";
import { Breath } from "../runtime.ts";
import type { Usage } from "../usage.ts";
import { askStrategy } from "./ask-strategy.ts";
import type { ContextOptions } from "./context-options.ts";
import { ContextPlan, opening, type PlanOptions } from "./context-plan.ts";
import { shorten } from "./shorten.ts";
import { knownSummaries, requestTokens, type Summary, summarise, summaryRequest } from "./summary.ts";
import { type TokenTally, tallyFor } from "./token-tally.ts";

const defaultOverflowPrompt =
  "[Not all of this conversation fits: parts were cut or left out. Answer from what is here and do not guess the rest. If it is needed, say so and ask for a narrower question.]";
const defaultDroppedPrompt = "[Earlier messages were left out because the conversation has grown too long.]";

/** After a provider's overflow error: how much of what it has refused is tried next. */
const nextTry = 0.6;
/** What the usage that a provider reports can do to the estimates that follow. */
const mostCorrection = 3;
const leastCorrection = 0.75;

/** What a turn has for its messages. */
interface Room {
  /** What the messages may take. */
  readonly tokens: number;
  readonly messages: number;
  /** What a whole request may take. */
  readonly request: number;
}

interface Fitted {
  readonly messages: readonly Message[];
  readonly dropped: readonly Message[];
  readonly summary?: string | undefined;
}

/** Holds the requests of one run within the limits of its context. */
export class ContextFitter {
  readonly #run: RunState;
  readonly #options: ContextOptions;
  /** How far the own count is off, by model. */
  readonly #corrections = new Map<string, number>();
  /** What was told to be left out. */
  readonly #told = new Set<Message>();
  #sent: { readonly model: string; readonly tokens: number } = { model: "", tokens: 0 };
  /** What the provider will take, since it has refused more. */
  #ceiling = Number.POSITIVE_INFINITY;
  /** Tokens of the request that it has refused, until that is told. */
  #refused: number | undefined;
  #isRetrying = false;
  #hasNoSummary = false;

  constructor(run: RunState, options: ContextOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** Fits the request of a turn. Yields what was cut and gives the turn as it is sent. */
  async *fit(turn: Turn): AsyncGenerator<AgentEvent, Turn, undefined> {
    const { maxTokens, maxMessages = Number.POSITIVE_INFINITY } = this.#options;
    const model = `${turn.model.provider}/${turn.model.id}`;
    const tally = await this.#run.control.wait(tallyFor(this.#options.count, turn.model));
    const correction = this.#corrections.get(model) ?? 1;
    const corrected = (tokens: number): number => Math.ceil(tokens * correction);
    const limit = Math.min(Math.floor(maxTokens / correction), this.#ceiling);
    const given = turn.request.messages;
    await this.#count(given, tally);
    const frame = tally.around(turn.request) + (startsWithUser(given) ? 0 : tally.message(opening));
    const room = { tokens: limit - frame, messages: maxMessages, request: limit };

    let plan = this.#plan(given, tally);
    const overflow = this.#overflow(frame + plan.wholeTokens, plan.longest, limit, corrected);
    if (overflow) yield this.#run.stamp(overflow);
    this.#run.control.check();
    let fitted: Fitted = { messages: plan.messages, dropped: [] };
    const isOver = plan.exceeds(room.tokens, room.messages);
    if (isOver || plan.longest > 0) {
      const half = Math.floor(limit / 2);
      if (plan.tokens > room.tokens && this.#options.maxMessageTokens === undefined && plan.longestResult > half) {
        plan = this.#plan(given, tally, { maxResultTokens: half });
      }
      const events: Unstamped[] = [];
      fitted = await this.#cut(turn, plan, room, tally, overflow !== undefined, events);
      for (const event of events) yield this.#run.stamp(event);
    }
    const news = fitted.dropped.filter((message) => !this.#told.has(message));
    if (news.length > 0) {
      for (const message of news) this.#told.add(message);
      const { summary } = fitted;
      yield this.#run.stamp({ type: "messages-dropped", messages: news, ...(summary !== undefined && { summary }) });
    }
    const messages = withUserFirst(fitted.messages);
    const request = { ...turn.request, messages };
    const tokens = tally.around(request) + sumOf(messages, tally);
    // A limit that cannot be kept is a reason to give up, one that was only corrected or learned is none.
    if (isOver && tokens > Math.max(maxTokens, limit)) throw tooSmall(maxTokens, tokens, frame);
    this.#sent = { model, tokens };
    return { ...turn, request, tokens: corrected(tokens) };
  }

  /** Takes what a provider has counted of the last request. */
  learn({ inputTokens, estimated }: Usage): void {
    this.#isRetrying = false;
    const { model, tokens } = this.#sent;
    // What providers add to every request would count for too much in a small one.
    if (estimated || Math.max(inputTokens, tokens) < this.#options.maxTokens / 4) return;
    const ratio = inputTokens / tokens;
    // Some servers leave out what they had in their cache.
    if (ratio < 0.5) return;
    // A real count is never relaxed.
    const least = (this.#options.count ?? "simple") === "simple" ? leastCorrection : 1;
    this.#corrections.set(model, Math.min(Math.max(ratio, least), mostCorrection));
  }

  /** Whether the request that has failed with `error` is to be fitted harder and sent again, which is done once. */
  overflowed(error: unknown): boolean {
    if (!isModelError(error) || error.kind !== "context-overflow" || this.#isRetrying) return false;
    this.#isRetrying = true;
    this.#refused = this.#sent.tokens;
    this.#ceiling = Math.floor(this.#sent.tokens * nextTry);
    return true;
  }

  /** Counts what is new. The first count of a long history takes a while, in which timers and stops are served. */
  async #count(messages: readonly Message[], tally: TokenTally): Promise<void> {
    const breath = new Breath();
    for (const message of messages) {
      tally.message(message);
      if (breath.isDue()) await this.#run.control.wait(breath.take());
    }
  }

  #plan(messages: readonly Message[], tally: TokenTally, more: PlanOptions = {}): ContextPlan {
    const { maxMessageTokens, keepToolCalls = true } = this.#options;
    return new ContextPlan(
      messages,
      { keepToolCalls, ...(maxMessageTokens !== undefined && { maxMessageTokens }), ...more },
      tally,
    );
  }

  #overflow(
    tokens: number,
    longest: number,
    limit: number,
    corrected: (tokens: number) => number,
  ): Unstamped<ContextOverflow> | undefined {
    const { maxTokens, maxMessageTokens = 0 } = this.#options;
    const type = "context-overflow";
    const refused = this.#refused;
    this.#refused = undefined;
    if (refused !== undefined) return { type, tokens: corrected(refused), limit: corrected(limit), by: "provider" };
    if (tokens > limit) {
      const shown = limit === this.#ceiling ? corrected(limit) : maxTokens;
      return { type, tokens: corrected(tokens), limit: shown, by: "estimate" };
    }
    return longest > 0 ? { type, tokens: longest, limit: maxMessageTokens, by: "estimate" } : undefined;
  }

  async #cut(
    turn: Turn,
    given: ContextPlan,
    room: Room,
    tally: TokenTally,
    overflows: boolean,
    events: Unstamped[],
  ): Promise<Fitted> {
    const {
      drop = "oldest",
      overflowPrompt = defaultOverflowPrompt,
      droppedPrompt = defaultDroppedPrompt,
    } = this.#options;
    const noteTokens = (...notes: string[]): number => tally.text(`\n\n${notes.join("\n\n")}`) + 2;
    // In a context that is nearly too small for them the prompts would push out what they speak of.
    const prompts =
      noteTokens(overflowPrompt, droppedPrompt) <= room.tokens / 2 ? { overflowPrompt, droppedPrompt } : {};
    const free = room.tokens - noteTokens(prompts.overflowPrompt ?? "", prompts.droppedPrompt ?? "");
    const isOver = given.exceeds(free, room.messages);

    let plan = given;
    if (isOver && typeof drop === "function") {
      const count = (message: Message): number => tally.message(message);
      const { provider, id } = turn.model;
      const strategy = { model: { provider, id }, limit: free, count };
      plan = this.#plan(await askStrategy(this.#run, drop, given, strategy), tally);
    }
    const summary =
      isOver && drop === "summary"
        ? await this.#summary(turn, plan, { ...room, tokens: free }, tally, events)
        : undefined;
    const left = free - (summary ? tally.message(summary.message) : 0);
    const most = room.messages - (summary ? 1 : 0);
    const units = Math.max(summary?.units ?? 0, plan.cutFor(left, most, Math.max(1, Math.floor(room.request / 8))));
    const dropped = plan === given ? plan.dropped(units) : leftOut(given, plan, units);

    const note = [
      ...(dropped.length > 0 ? [prompts.droppedPrompt] : []),
      ...(overflows ? [prompts.overflowPrompt] : []),
    ].filter((prompt) => prompt);
    const body = plan.without(units, left);
    const messages = [...plan.head, ...(summary ? [summary.message] : []), ...body];
    return {
      messages:
        note.length > 0 ? withNote(messages, note.join("\n\n"), this.#options.maxMessageTokens, tally) : messages,
      dropped,
      summary: summary?.text,
    };
  }

  /** A summary of what goes: one that was made before, as long as it is enough, or a new one. */
  async #summary(
    turn: Turn,
    plan: ContextPlan,
    room: Room,
    tally: TokenTally,
    events: Unstamped[],
  ): Promise<(Summary & { readonly units: number }) | undefined> {
    const run = this.#run;
    const known = knownSummaries(plan);
    const enough = known.find(
      ({ tokens, left, message }) => tokens + tally.message(message) <= room.tokens && left < room.messages,
    );
    // Half of the room is freed, so that there is a while until the next summary.
    const units = plan.cutFor(Math.floor(room.tokens / 2), Math.floor(room.messages / 2), 1);
    const previous = known.findLast((summary) => summary.units <= units);
    if (enough || this.#hasNoSummary || units === 0 || previous?.units === units) return enough ?? previous;

    const { summaryModel } = this.#options;
    const model = summaryModel ? await wrapModel(summaryModel, run) : turn.model;
    const dropped = plan.dropped(units);
    const most = Math.floor(room.tokens / 4);
    const request = summaryRequest(dropped, previous, room.request, most, tally);
    if (await this.#isTooExpensive(model, request, tally, events)) return previous;
    try {
      return { ...(await summarise(run, model, request, dropped, most, tally)), units };
    } catch (error) {
      if (error instanceof RunCut || run.control.stopped) throw error;
      run.report(error);
      this.#hasNoSummary = true;
      return previous;
    } finally {
      const settled = await run.budget?.settle();
      if (settled?.exceeded) events.push(settled.exceeded);
    }
  }

  async #isTooExpensive(
    model: Turn["model"],
    request: ModelRequest,
    tally: TokenTally,
    events: Unstamped[],
  ): Promise<boolean> {
    const { budget, usage, control } = this.#run;
    if (!budget) return false;
    const { provider, id } = model;
    const reserved = await control.wait(
      budget.reserve({ provider, id }, request, requestTokens(request, tally), usage),
    );
    if (reserved.stop && reserved.exceeded) budget.untell(reserved.exceeded);
    else if (reserved.exceeded) events.push(reserved.exceeded);
    return reserved.stop;
  }
}

/** What a strategy has left out, and what had to go of its answer. */
function leftOut(given: ContextPlan, answer: ContextPlan, units: number): Message[] {
  const gone = new Set(answer.dropped(units));
  const kept = new Set(answer.items.flatMap(({ message, sent }) => (gone.has(message) ? [] : [message, sent])));
  return given.items.flatMap(({ message, sent }) => (kept.has(message) || kept.has(sent) ? [] : [message]));
}

function tooSmall(maxTokens: number, tokens: number, frame: number): ConfigError {
  return new ConfigError(
    "context.maxTokens",
    `expected room for what must be sent, which is ${tokens} tokens (${frame} of them instructions and tools), got ${maxTokens}; raise it, or make instructions and tools shorter`,
  );
}

function sumOf(messages: readonly Message[], tally: TokenTally): number {
  return messages.reduce((sum, message) => sum + tally.message(message), 0);
}

function startsWithUser(messages: readonly Message[]): boolean {
  return (messages.find(({ role }) => role !== "system")?.role ?? "user") === "user";
}

/** Every provider takes a conversation that the user begins. */
function withUserFirst(messages: readonly Message[]): readonly Message[] {
  if (startsWithUser(messages)) return messages;
  const head = messages.findIndex(({ role }) => role !== "system");
  return messages.toSpliced(head, 0, opening);
}

/** Tells the model at the end of the newest user message, where every provider takes it and every model heeds it. */
function withNote(
  messages: readonly Message[],
  note: string,
  most: number | undefined,
  tally: TokenTally,
): readonly Message[] {
  const index = messages.findLastIndex(({ role }) => role === "user");
  const newest = messages[index];
  if (newest?.role !== "user") return messages;
  const limit = (most ?? Number.POSITIVE_INFINITY) - tally.text(note) - 2;
  const short = tally.message(newest) > limit ? shorten(newest, limit, tally) : newest;
  return short.role === "user" ? messages.with(index, noted(short, note)) : messages;
}

function noted(message: UserMessage, note: string): UserMessage {
  const { content } = message;
  if (typeof content === "string")
    return { ...message, content: content.endsWith(note) ? content : `${content}\n\n${note}` };
  const part: ContentPart = { type: "text", text: note };
  return { ...message, content: [...content.filter((other) => other.type !== "text" || other.text !== note), part] };
}
