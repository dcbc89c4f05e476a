import { ConfigError, errorMessage } from "millrace";
import { MessageTokenAppender, type TokenInput, toToken } from "./appender.ts";
import { DialogEnd } from "./errors.ts";
import { type Fields, Frozen } from "./frozen.ts";
import { ErrorMessage, Message, type MessageKind, TextMessage, TextToken, type Token } from "./message.ts";
import { follow, type Listener, PieceStream } from "./piece-log.ts";
import { type Pieces, streamFrom } from "./pump.ts";
import { currentScope, type Scope, type Within } from "./scope.ts";
import { type PromiseOptions, StreamedPromise } from "./streamed-promise.ts";

/** Where tokens come from; a function is given the fields that the message will have besides its text, to add to them. */
export type TokenStreamer = Pieces<TokenInput> | ((fields: Record<string, unknown>) => Pieces<TokenInput>);

/** Options of a {@link MessagePromise} whose message is there already. */
export interface ReadyMessage extends PromiseOptions {
  message: Message;
}

/** Options of a {@link MessagePromise} whose message streams. */
export interface StreamedMessage extends PromiseOptions {
  /** Where the tokens come from. The text of the message is all of them together. */
  streamer: TokenStreamer;
  /** Fields that are known before the text; they win over those that come with it. */
  knownBeforehand?: Fields;
  /** What the message is to be. Default: `TextMessage`. */
  messageClass?: MessageKind;
}

/**
 * A promise of a message: `await` gives the message, `for await` its tokens.
 *
 * @example
 * ```ts
 * import { MessagePromise } from "@millrace/ensemble";
 *
 * const message = new MessagePromise({
 *   knownBeforehand: { role: "assistant" },
 *   streamer: async function* (fields) {
 *     yield "Hello, ";
 *     yield "Ada!";
 *     fields.mood = "merry";
 *   },
 * });
 * for await (const token of message) console.log(String(token));
 * console.log((await message).get("mood"));
 * ```
 */
export class MessagePromise extends StreamedPromise<Token, Message> {
  /** What is known of the message before it has come; the message itself, where it is there already. */
  readonly knownBeforehand: Frozen;

  /** @throws {@link ConfigError} for a class without text, or for a text that is to be known before it streams */
  constructor(options: ReadyMessage | StreamedMessage | MadeMessage) {
    if ("message" in options) {
      const { message, ...rest } = options;
      if (!(message instanceof Message))
        throw new ConfigError("message", "expected a Message; a text is a TextMessage");
      super({ ...rest, pieces: [message], whole: message });
      this.knownBeforehand = message;
      return;
    }
    const { stream, known, make, ...rest } = "make" in options ? options : madeOf(options);
    super({ ...rest, streamer: stream, resolver: make });
    this.knownBeforehand = known;
  }
}

/** How a message comes to be. @internal */
export interface MadeMessage extends Omit<PromiseOptions, "maxPieces"> {
  stream: PieceStream<Token>;
  known: Frozen;
  make: () => Promise<Message>;
}

function madeOf(options: StreamedMessage): MadeMessage {
  const { knownBeforehand = {}, messageClass = TextMessage, streamer, startSoon, within } = options;
  if (streamer === undefined) throw new ConfigError("streamer", "expected where the tokens come from, or a `message`");
  checkStreamed(knownBeforehand, messageClass);
  const known = new Frozen(knownBeforehand);
  const fields = streamer instanceof MessageTokenAppender ? streamer.fields : {};
  const stream = tokensOf(streamer, fields, options);
  const text = textFrom(stream);
  const make = async (): Promise<Message> => {
    const content = await text();
    return messageClass.of({ ...withoutText(fields), ...known.fields(), content });
  };
  return { stream, known, make, startSoon, within };
}

function checkStreamed(known: Fields, messageClass: MessageKind): void {
  if (!messageClass.isText) {
    throw new ConfigError("messageClass", `expected a class of text messages, got ${messageClass.className}`);
  }
  const text = ["content", "content_template"].find((field) => known[field] !== undefined && known[field] !== null);
  if (text)
    throw new ConfigError(`knownBeforehand.${text}`, "expected no text beside a streamer: it is made of the tokens");
}

function tokensOf(
  streamer: TokenStreamer,
  fields: Record<string, unknown>,
  { within, maxPieces }: PromiseOptions,
): PieceStream<Token> {
  const isOfTokens = streamer instanceof MessagePromise || streamer instanceof MessageTokenAppender;
  if (isOfTokens && maxPieces === undefined) return streamer.stream();
  const scope = currentScope(within);
  const open = typeof streamer === "function" ? () => streamer(fields) : () => streamer;
  return streamFrom({ open, convert: toToken, scope, maxPieces: maxPieces ?? scope.ensemble?.maxPieces });
}

/** The text of all tokens. Fails with the first error. @internal */
export async function joined(stream: PieceStream<Token>): Promise<string> {
  return textFrom(stream)();
}

/**
 * Reads the text of all tokens, once. Whoever makes a message holds this instead of the stream, whose tokens would be kept
 * until the last has come.
 *
 * @internal
 */
export function textFrom(stream: PieceStream<Token>): () => Promise<string> {
  let unread: PieceStream<Token> | undefined = stream;
  return () => {
    const text = new JoinedText();
    unread?.start();
    if (unread) follow(unread, text);
    unread = undefined;
    return text.whole;
  };
}

/** Joins tokens to a text. */
class JoinedText implements Listener<Token> {
  readonly whole: Promise<string>;
  readonly #texts: string[] = [];
  #resolve: (text: string) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor() {
    this.whole = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  onPiece(token: Token): void {
    this.#texts.push(String(token));
  }

  onError(error: unknown): void {
    this.#reject(error);
  }

  onEnd(): void {
    this.#resolve(this.#texts.join(""));
  }
}

/** Fields besides the text. @internal */
export function withoutText(fields: Fields): Fields {
  const { content: _, content_template: __, ...rest }: Fields = fields;
  return rest;
}

/** How errors become messages. */
export interface ErrorTelling {
  /** Whether with the stack. */
  withStacks: boolean;
}

/** The text of an error that becomes a message: `TypeError: …`. */
export function tellError(error: unknown, { withStacks }: ErrorTelling): string {
  if (!(error instanceof Error)) return `Error: ${errorMessage(error)}`;
  return (withStacks && error.stack) || `${error.name}: ${errorMessage(error)}`;
}

/**
 * The same message; an error in the middle of it becomes its last line, and the whole an `ErrorMessage`. The reason of an
 * abort stays an error.
 *
 * @internal
 */
export function tellingErrors(promise: MessagePromise, telling: ErrorTelling, within: Within): MessagePromise {
  if (promise.knownBeforehand instanceof Message) return promise;
  const { scope } = within;
  const stream = new PieceStream<Token>(undefined, (log) => {
    log.beginIn(scope);
    const source = promise.stream();
    source.start();
    log.onAbort = follow(source, {
      onPiece: (token) => log.push(token),
      onError: (error) => {
        if (isAbort(scope, error)) log.fail(error);
        else log.push(new TextToken(`\n${tellError(error, telling)}`));
        log.end();
      },
      onEnd: () => log.end(),
    });
  });
  const make = async (): Promise<Message> => {
    try {
      return await promise;
    } catch (error) {
      if (isAbort(scope, error)) throw error;
      return new ErrorMessage({ ...promise.knownBeforehand.fields(), content: await joined(stream) });
    }
  };
  return new MessagePromise({ stream, known: promise.knownBeforehand, make, within });
}

/** Whether an error is no failure: the reason why everything here was cut, or the end of a dialog. @internal */
export function isAbort(scope: Scope, error: unknown): boolean {
  return error instanceof DialogEnd || (scope.domain?.signal.aborted === true && scope.domain.signal.reason === error);
}
