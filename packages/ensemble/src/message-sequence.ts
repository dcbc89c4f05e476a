import { type Fields, Frozen } from "./frozen.ts";
import { type Message, TextMessage, TextToken, type Token } from "./message.ts";
import type { MessageInput } from "./message-input.ts";
import { joined, MessagePromise, withoutText } from "./message-promise.ts";
import { follow, type PieceLog, PieceStream } from "./piece-log.ts";
import { currentScope } from "./scope.ts";
import { SequenceWriter } from "./sequence-writer.ts";
import { type PromiseOptions, StreamedPromise } from "./streamed-promise.ts";

/** Options of {@link MessageSequencePromise.asSingleTextPromise}. */
export interface SingleTextOptions extends PromiseOptions {
  /** What is put between the messages. Default: an empty line. */
  delimiter?: string;
  /** Whether line breaks at the start of each message are left out. Default: false. */
  stripLeadingNewlines?: boolean;
  /** Whether the message has the others in its field `original_messages`. Default: true. */
  referenceOriginalMessages?: boolean;
  /** Fields of the message that are known before its text; they win over those of the other messages. */
  knownBeforehand?: Fields;
}

/**
 * A promise of messages: `await` gives all of them, `for await` a promise of each as soon as it is known that it will
 * come. Whatever is given becomes one flat sequence.
 *
 * @example
 * ```ts
 * import { MessageSequencePromise } from "@millrace/ensemble";
 *
 * const messages = new MessageSequencePromise(["one", ["two", { role: "user" }], Promise.resolve("four")]);
 * for await (const message of messages) console.log(String(await message));
 * ```
 */
export class MessageSequencePromise extends StreamedPromise<MessagePromise, readonly Message[]> {
  constructor(messages: MessageInput | SequenceWriter | null | undefined, options: PromiseOptions = {}) {
    const { startSoon, within } = options;
    super({ startSoon, within, streamer: written(messages, options), resolver: allOf });
  }

  /** The promise of one message with the text of all. It starts when it is first read, unless `startSoon` says otherwise. */
  asSingleTextPromise(options: SingleTextOptions = {}): MessagePromise {
    return joinMessages(this, options);
  }

  /** Nobody may ever ask for all of the messages: kept for that, they could not be freed one by one. */
  protected override get makesWholeUnasked(): boolean {
    return this.isObserved;
  }
}

function written(
  messages: MessageInput | SequenceWriter | null | undefined,
  { within, maxPieces }: PromiseOptions,
): SequenceWriter {
  if (messages instanceof SequenceWriter) return messages;
  const writer = new SequenceWriter({ scope: currentScope(within), maxPieces });
  writer.add(messages);
  writer.close();
  return writer;
}

async function allOf(sequence: AsyncIterable<MessagePromise>): Promise<readonly Message[]> {
  const messages: Message[] = [];
  for await (const message of sequence) messages.push(await message);
  return Object.freeze(messages);
}

function joinMessages(sequence: MessageSequencePromise, options: SingleTextOptions): MessagePromise {
  const { delimiter = "\n\n", stripLeadingNewlines = false, referenceOriginalMessages = true } = options;
  const { knownBeforehand = {}, startSoon = false, within, maxPieces } = options;
  const scope = currentScope(within);
  const known = new Frozen(knownBeforehand);
  const stream = new PieceStream<Token>(maxPieces ?? scope.ensemble?.maxPieces, (log) => {
    log.beginIn(scope);
    new Joiner(log, delimiter, stripLeadingNewlines).join(sequence.stream());
  });
  const make = async (): Promise<Message> => {
    const [content, messages] = await Promise.all([joined(stream), sequence]);
    const fields = Object.assign({}, ...messages.map((message) => withoutText(message.fields())));
    const original = referenceOriginalMessages ? { original_messages: messages } : {};
    return new TextMessage({ ...fields, ...original, ...known.fields(), content });
  };
  return new MessagePromise({ stream, known, make, startSoon, within });
}

/** Writes the tokens of one message after the other, with a delimiter between them. */
class Joiner {
  readonly #log: PieceLog<Token>;
  readonly #delimiter: string;
  readonly #strips: boolean;
  #left: MessagePromise[] = [];
  #at = 0;
  #isFirst = true;
  #isAtStart = false;
  #isReading = false;
  #isOver = false;

  constructor(log: PieceLog<Token>, delimiter: string, strips: boolean) {
    this.#log = log;
    this.#delimiter = delimiter;
    this.#strips = strips;
  }

  join(messages: PieceStream<MessagePromise>): void {
    messages.start();
    follow(messages, {
      onPiece: (message) => {
        this.#left.push(message);
        this.#readNext();
      },
      onError: (error) => this.#log.fail(error),
      onEnd: () => {
        this.#isOver = true;
        this.#readNext();
      },
    });
  }

  #readNext(): void {
    if (this.#isReading) return;
    const message = this.#left[this.#at++];
    if (!message) {
      this.#left = [];
      this.#at = 0;
      if (this.#isOver) this.#log.end();
      return;
    }
    if (!this.#isFirst) this.#log.push(new TextToken(this.#delimiter));
    this.#isFirst = false;
    this.#isReading = true;
    this.#isAtStart = this.#strips;
    const stream = message.stream();
    stream.start();
    follow(stream, {
      onPiece: (token) => this.#write(token),
      onError: (error) => this.#log.fail(error),
      onEnd: () => {
        this.#isReading = false;
        this.#readNext();
      },
    });
  }

  #write(token: Token): void {
    const text = String(token);
    const shown = this.#isAtStart ? text.replace(/^[\r\n]+/, "") : text;
    if (shown !== "") this.#isAtStart = false;
    this.#log.push(shown === text && token instanceof TextToken ? token : new TextToken(shown));
  }
}
