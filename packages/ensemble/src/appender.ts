import { AppenderClosedError, AppenderNotOpenError } from "./errors.ts";
import { type Fields, isPlainObject } from "./frozen.ts";
import { TextToken, Token } from "./message.ts";
import { PieceSource, PieceStream } from "./piece-log.ts";
import { currentScope, type Scope, throwClosed, type Within } from "./scope.ts";

/** Options of a {@link StreamAppender}. */
export interface AppenderOptions {
  /**
   * Whether what `fill()` fails with becomes the last piece, instead of being thrown at the writer. Default: the
   * ensemble's `captureErrors`, which is false.
   */
  captureErrors?: boolean;
  within?: Within;
}

/**
 * Writes the pieces of a promise from anywhere: give it to a promise as its `streamer`, open it, append, and close it.
 * Whoever reads waits until it is closed; `using` does so at the end of a block, and {@link StreamAppender.fill} around a
 * function.
 *
 * @example
 * ```ts
 * import { StreamAppender, StreamedPromise } from "@millrace/ensemble";
 *
 * const appender = new StreamAppender<string>();
 * const words = new StreamedPromise({ streamer: appender });
 * {
 *   using open = appender.open();
 *   open.append("one").append("two");
 * }
 * for await (const word of words) console.log(word);
 * ```
 */
export class StreamAppender<Piece> extends PieceSource<Piece> {
  readonly #scope: Scope;
  readonly #captureErrors: boolean;
  #stream: PieceStream<Piece> | undefined;
  readonly #log: PieceStream<Piece>["log"];
  #isOpen = false;

  constructor(options: AppenderOptions = {}) {
    super();
    this.#scope = currentScope(options.within);
    this.#captureErrors = options.captureErrors ?? this.#scope.ensemble?.captureErrors ?? false;
    this.#stream = new PieceStream(this.#scope.ensemble?.maxPieces, (log) => log.beginIn(this.#scope));
    this.#log = this.#stream.log;
  }

  /** @throws {@link AppenderClosedError} after `close()` */
  open(): this {
    if (this.#log.isEnded) throwClosed(this.#scope, "open() was called");
    this.#isOpen = true;
    return this;
  }

  /**
   * @throws {@link AppenderNotOpenError} before `open()`
   * @throws {@link AppenderClosedError} after `close()`; the reason of the abort where the tree was cancelled
   */
  append(piece: Piece): this {
    this.#check().push(piece);
    return this;
  }

  /** Appends an error: readers are thrown it at this place. */
  fail(error: unknown): this {
    this.#check().fail(error);
    return this;
  }

  /** Ends the pieces. May be called again. */
  close(): void {
    this.#isOpen = false;
    this.#log.end();
  }

  /** Opens, lets `write` append, and closes, whatever happens. */
  async fill(write: (appender: this) => unknown): Promise<void> {
    this.open();
    try {
      await write(this);
    } catch (error) {
      if (!this.#captureErrors || error instanceof AppenderClosedError || this.#log.isEnded) throw error;
      this.#log.fail(error);
    } finally {
      this.close();
    }
  }

  /** Whether it was never opened. */
  get isNew(): boolean {
    return !this.#isOpen && !this.#log.isEnded;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  override stream(): PieceStream<Piece> {
    const stream = this.#stream;
    // One promise takes the pieces over: kept here too, they would live as long as the writer.
    this.#stream = undefined;
    if (!stream) throw new AppenderClosedError("This appender has a promise already: read that one");
    return stream;
  }

  #check(): PieceStream<Piece>["log"] {
    if (this.#log.isEnded) throwClosed(this.#scope, "append() was called");
    if (!this.#isOpen) throw new AppenderNotOpenError("append() was called before open()");
    return this.#log;
  }
}

/** What can be appended to a message: a text, the fields of a token, a token. */
export type TokenInput = string | Token | Fields;

/** Writes the tokens of a `MessagePromise`, and collects what the message is to say beside its text. */
export class MessageTokenAppender extends StreamAppender<Token> {
  /** The fields of the message, besides its text. They are read when the appender is closed. */
  readonly fields: Record<string, unknown> = {};

  override append(token: TokenInput): this {
    return super.append(toToken(token));
  }

  /** @internal */
  override stream(): PieceStream<Token> {
    if (this.isNew) throw new AppenderNotOpenError("Open the appender before a message is made of it");
    return super.stream();
  }
}

/** @internal */
export function toToken(token: unknown): Token {
  if (typeof token === "string") return new TextToken(token);
  if (token instanceof Token) return token;
  if (isPlainObject(token)) return new Token(token);
  throw new TypeError(`Unexpected token: expected a string, a token or an object of fields, got a ${typeof token}`);
}
