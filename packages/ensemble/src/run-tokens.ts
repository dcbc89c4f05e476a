import type { AgentEvent, Final, Run } from "millrace";
import { EventToken } from "./event-token.ts";
import { TextToken, type Token } from "./message.ts";

/** The events that are part of an answer, though not of its text. */
const besideText: ReadonlySet<AgentEvent["type"]> = new Set([
  "tool-call-start",
  "tool-progress",
  "sub-agent",
  "tool-result",
  "tool-error",
  "provider-tool",
  "source",
  "file-output",
]);

/**
 * A run as the tokens of a message, and what the message is to say. Written by hand: the `return()` of a generator would
 * wait for the next event before the run is stopped.
 */
export class RunTokens implements AsyncIterableIterator<Token, undefined, undefined> {
  /** What is known of the run so far: `model`, and at its end `usage`, `stopReason` and more. */
  readonly fields: Record<string, unknown> = {};
  readonly #run: Run;
  readonly #tell: (event: AgentEvent) => void;
  #ahead: Token[] = [];
  /** The text that counts. */
  #said: { readonly seq: number; readonly text: string }[] = [];
  #isNewBlock = false;
  #hasShown = false;

  /**
   * @param tell is told of each event
   * @throws a `ConfigError` for a run that has a reader already
   */
  constructor(run: Run, tell: (event: AgentEvent) => void = () => {}) {
    this.#run = run[Symbol.asyncIterator]();
    this.#tell = tell;
  }

  /** The text of the answer. It is not that of all tokens where a request was repeated in the midst of its answer. */
  get text(): string {
    return this.#said.map(({ text }) => text).join("");
  }

  /** Reads the run up to its first request to a model. */
  async begin(): Promise<void> {
    while (this.#ahead.length === 0 && this.fields["model"] === undefined) if (await this.#readOne()) return;
  }

  async next(): Promise<IteratorResult<Token, undefined>> {
    for (;;) {
      const token = this.#ahead.shift();
      if (token) return { done: false, value: token };
      if (await this.#readOne()) return { done: true, value: undefined };
    }
  }

  async return(): Promise<IteratorResult<Token, undefined>> {
    const { value } = await this.#run.return();
    // Not twice: what is told of it is counted.
    if (value && this.fields["stopReason"] === undefined) this.#tell(value);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Whether the run is over. Throws what it failed with. */
  async #readOne(): Promise<boolean> {
    const { done, value } = await this.#run.next();
    if (!done) {
      this.#tell(value);
      this.#take(value);
    }
    return done === true;
  }

  #take(event: AgentEvent): void {
    switch (event.type) {
      case "turn-start":
        this.fields["model"] = event.model.id;
        this.#isNewBlock = true;
        break;
      case "text-delta":
      case "refusal-delta":
        this.#say(event.text, event.seq);
        break;
      case "retry":
      case "model-switched":
        if (event.type === "model-switched") this.fields["model"] = event.to;
        if (event.discardFrom !== undefined) this.#discard(event, event.discardFrom);
        break;
      case "final":
        this.#finish(event);
        break;
      default:
        if (besideText.has(event.type)) this.#ahead.push(new EventToken(event));
    }
  }

  #say(text: string, seq: number): void {
    if (text === "") return;
    if (this.#isNewBlock && this.#hasShown) {
      this.#ahead.push(new TextToken("\n\n"));
      if (this.#said.length > 0) this.#said.push({ seq, text: "\n\n" });
    }
    this.#isNewBlock = false;
    this.#hasShown = true;
    this.#ahead.push(new TextToken(text));
    this.#said.push({ seq, text });
  }

  #discard(event: AgentEvent, from: number): void {
    this.#said = this.#said.filter(({ seq }) => seq < from);
    this.#isNewBlock = true;
    this.#ahead.push(new EventToken(event));
  }

  #finish({ stopReason, usage, costUsd, object }: Final): void {
    Object.assign(this.fields, { stopReason, usage, costUsd, object: plain(object) });
  }
}

/** What can be a field of a message: plain data. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value) ?? "null");
}
