import { ConfigError } from "millrace";
import { FunctionNotProvidedError } from "./errors.ts";
import { Outcome } from "./outcome.ts";
import { PieceReader, PieceSource, type PieceStream } from "./piece-log.ts";
import { filled, type Pieces, streamFrom } from "./pump.ts";
import { currentScope, report, runIn, type Scope, type Within, withWaiter } from "./scope.ts";

/** Where pieces come from: an iterable, another promise, an appender; or a function that is given the promise. */
export type Streamer<Piece, Whole> = Pieces<Piece> | ((promise: StreamedPromise<Piece, Whole>) => Pieces<Piece>);

/** When a promise starts and what it keeps. */
export interface PromiseOptions {
  /**
   * True: it starts at the next microtask. False: when it is first awaited or iterated. Default: the ensemble's
   * `startSoon`, which is true.
   */
  startSoon?: boolean | undefined;
  /**
   * How many pieces are kept to be read again. Who comes later gets a `PiecesDroppedError` and then the first that is
   * still there. Default: the ensemble's `maxPieces`, which is no limit.
   */
  maxPieces?: number | undefined;
  /** Where the promise belongs. Needed only where the runtime has no `AsyncLocalStorage`, such as a browser. */
  within?: Within | undefined;
}

/** Options of a {@link StreamedPromise}. */
export interface StreamedPromiseOptions<Piece, Whole> extends PromiseOptions {
  /** Where the pieces come from. Started once. What it throws is the last piece. */
  streamer?: Streamer<Piece, Whole>;
  /** All of the pieces, instead of a `streamer`. */
  pieces?: Iterable<Piece>;
  /** Gives the whole; called at most once. What it throws is thrown to everybody who awaits. */
  resolver?: (promise: StreamedPromise<Piece, Whole>) => Whole | PromiseLike<Whole>;
  /** The whole itself, instead of a `resolver`. */
  whole?: Whole;
}

/**
 * A promise of a whole that can be read piece by piece while it grows: `await` gives the whole, `for await` the pieces.
 *
 * It works by itself, in the background; each reader gets all pieces from the first, at its own pace, at any time. An
 * error is a piece too: it is thrown at its place, the same to each reader, and `next()` may be called again to go on.
 *
 * @example
 * ```ts
 * import { StreamedPromise } from "@millrace/ensemble";
 *
 * const numbers = new StreamedPromise<number, number>({
 *   streamer: async function* () {
 *     for (let n = 1; n <= 3; n++) yield n;
 *   },
 *   resolver: async (promise) => {
 *     let sum = 0;
 *     for await (const n of promise) sum += n;
 *     return sum;
 *   },
 * });
 * for await (const n of numbers) console.log(n);
 * console.log(await numbers); // 6
 * ```
 */
export class StreamedPromise<Piece, Whole>
  extends PieceSource<Piece>
  implements PromiseLike<Whole>, AsyncIterable<Piece, undefined, undefined>
{
  readonly #scope: Scope;
  readonly #stream: PieceStream<Piece>;
  readonly #outcome: Outcome<Whole> = new Outcome();
  readonly #resolver: (() => Whole | PromiseLike<Whole>) | undefined;
  #isResolving = false;

  /** @throws {@link ConfigError} for options that exclude each other */
  constructor(options: StreamedPromiseOptions<Piece, Whole> = {}) {
    super();
    checkOptions(options);
    const { resolver, startSoon, within } = options;
    this.#scope = currentScope(within);
    this.#stream = this.#streamOf(options);
    this.#resolver = resolver && (() => resolver(this));
    const { ensemble } = this.#scope;
    if (ensemble?.isObserved) this.#outcome.onSettled = (outcome) => ensemble.settled(this, outcome);
    if (hasWhole<Whole>(options)) this.#outcome.resolve(options.whole);
    if (startSoon ?? ensemble?.startSoon ?? true) this.#startSoon();
  }

  /** Resolves with the whole. Rejects with the same error each time. */
  // biome-ignore lint/suspicious/noThenProperty: to be awaited is what it is for.
  then<Result1 = Whole, Result2 = never>(
    onResolved?: ((whole: Whole) => Result1 | PromiseLike<Result1>) | null,
    onRejected?: ((error: unknown) => Result2 | PromiseLike<Result2>) | null,
  ): Promise<Result1 | Result2> {
    this.#stream.start();
    this.#resolveSoon();
    return this.#outcome.wait(currentScope().waiter).then(onResolved, onRejected);
  }

  /** All pieces from the first on. Who leaves does not stop the promise: others may read it. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Piece, undefined, undefined> {
    this.#stream.start();
    return new PieceReader(this.#stream, currentScope().waiter);
  }

  /** Shows in texts and logs that it is a promise still: await it. */
  get [Symbol.toStringTag](): string {
    return this.constructor.name;
  }

  /** @internal */
  override stream(): PieceStream<Piece> {
    return this.#stream;
  }

  /** Whether the whole is made as soon as the promise starts, also where nobody has asked for it. @internal */
  protected get makesWholeUnasked(): boolean {
    return true;
  }

  /** Whether an ensemble is to be told of its whole. @internal */
  protected get isObserved(): boolean {
    return this.#scope.ensemble?.isObserved ?? false;
  }

  #streamOf(options: StreamedPromiseOptions<Piece, Whole>): PieceStream<Piece> {
    const { streamer, pieces, maxPieces } = options;
    const limit = maxPieces ?? this.#scope.ensemble?.maxPieces;
    if (streamer === undefined) return filled(pieces ?? [], limit);
    // Shared, not copied: a chain of promises costs a piece no more than one of them.
    if (streamer instanceof PieceSource && maxPieces === undefined) return streamer.stream();
    const open = typeof streamer === "function" ? () => streamer(this) : () => streamer;
    return streamFrom({ open, convert: itself<Piece>, scope: this.#scope, maxPieces: limit });
  }

  #startSoon(): void {
    const makesWhole = this.#resolver && this.makesWholeUnasked;
    if (this.#stream.isStarted && !makesWhole) return;
    this.#stream.start();
    if (makesWhole) this.#resolveSoon();
  }

  #resolveSoon(): void {
    if (this.#isResolving || this.#outcome.isSettled) return;
    this.#isResolving = true;
    const outcome = this.#outcome;
    outcome.beginIn(this.#scope);
    const resolver = this.#resolver ?? noResolver;
    const inside = withWaiter(this.#scope);
    outcome.maker = inside.waiter;
    queueMicrotask(() => {
      if (outcome.isSettled) return;
      void runIn(inside, () => settleWith(called(resolver), outcome, inside));
    });
  }
}

/** Not in the function that waits: it would keep the resolver, and so the promise with all its pieces. */
function called<Whole>(resolver: () => Whole | PromiseLike<Whole>): Whole | PromiseLike<Whole> {
  try {
    return resolver();
  } catch (error) {
    return Promise.reject(error);
  }
}

async function settleWith<Whole>(
  made: Whole | PromiseLike<Whole>,
  outcome: Outcome<Whole>,
  scope: Scope,
): Promise<void> {
  try {
    outcome.resolve(await made);
  } catch (error) {
    outcome.reject(error);
    report(scope, error);
  }
}

/** Not in a closure of the promise: what makes the pieces would keep it, with all of them. */
function itself<Piece>(piece: Piece): Piece {
  return piece;
}

function noResolver(): never {
  throw new FunctionNotProvidedError("This promise has no whole: give it a `resolver`, or a `whole`");
}

function hasWhole<Whole>(options: { whole?: Whole }): options is { whole: Whole } {
  return "whole" in options;
}

function checkOptions<Piece, Whole>(options: StreamedPromiseOptions<Piece, Whole>): void {
  const { streamer, pieces, resolver, maxPieces } = options;
  if (streamer !== undefined && pieces) throw new ConfigError("pieces", "expected either these or a `streamer`");
  if (resolver && "whole" in options) throw new ConfigError("whole", "expected either this or a `resolver`");
  if (maxPieces !== undefined && !(maxPieces >= 1)) {
    throw new ConfigError("maxPieces", `expected a number of pieces from 1, got ${maxPieces}`);
  }
}
