import { follow, type PieceLog, PieceSource, PieceStream } from "./piece-log.ts";
import { report, runIn, type Scope, withWaiter } from "./scope.ts";

/** Where pieces can come from. */
export type Pieces<Piece> = PieceSource<Piece> | AsyncIterable<Piece> | Iterable<Piece>;

/** How a source becomes a stream. */
export interface StreamFrom<Source, Piece> {
  /** Called once, a microtask after the start. */
  open: () => Pieces<Source>;
  /** Makes a piece of what the source gives; may throw. */
  convert: (piece: Source) => Piece;
  scope: Scope;
  maxPieces: number | undefined;
}

/** A stream of all that a source gives, from its start on. What goes wrong is the last piece. */
export function streamFrom<Source, Piece>({
  open,
  convert,
  scope,
  maxPieces,
}: StreamFrom<Source, Piece>): PieceStream<Piece> {
  return new PieceStream(maxPieces, (log) => {
    log.beginIn(scope);
    queueMicrotask(() => {
      if (log.isEnded) return;
      const inside = withWaiter(scope);
      log.maker = inside.waiter;
      runIn(inside, () => pump(open, log, convert, failing(log, scope)));
    });
  });
}

/** Not in a closure of {@link streamFrom}: it would keep `open`, and so the promise with all its pieces, as long as it is read. */
function failing(log: PieceLog<unknown>, scope: Scope): (error: unknown) => void {
  return (error) => {
    log.fail(error);
    report(scope, error);
  };
}

/** A stream that has all its pieces. */
export function filled<Piece>(pieces: Iterable<Piece>, maxPieces?: number): PieceStream<Piece> {
  const stream = new PieceStream<Piece>(maxPieces);
  for (const piece of pieces) stream.log.push(piece);
  stream.log.end();
  return stream;
}

function pump<Source, Piece>(
  open: () => Pieces<Source>,
  log: PieceLog<Piece>,
  convert: (piece: Source) => Piece,
  fail: (error: unknown) => void,
): void {
  try {
    const source = open();
    if (source instanceof PieceSource) forward(source.stream(), log, convert, fail);
    else if (isAsyncIterable<Source>(source)) void drain(source[Symbol.asyncIterator](), log, convert, fail);
    else copy(source, log, convert);
  } catch (error) {
    fail(error);
    log.end();
  }
}

function copy<Source, Piece>(source: Iterable<Source>, log: PieceLog<Piece>, convert: (piece: Source) => Piece): void {
  if (!isIterable<Source>(source)) {
    const got = source === null ? "null" : `a value of type ${typeof source}`;
    throw new TypeError(`The streamer gave no iterable, but ${got}`);
  }
  for (const piece of source) log.push(convert(piece));
  log.end();
}

function forward<Source, Piece>(
  stream: PieceStream<Source>,
  log: PieceLog<Piece>,
  convert: (piece: Source) => Piece,
  fail: (error: unknown) => void,
): void {
  stream.start();
  log.onAbort = follow(stream, {
    onPiece: (piece) => {
      try {
        log.push(convert(piece));
      } catch (error) {
        fail(error);
      }
    },
    onError: (error) => log.fail(error),
    onEnd: () => log.end(),
  });
}

async function drain<Source, Piece>(
  iterator: AsyncIterator<Source>,
  log: PieceLog<Piece>,
  convert: (piece: Source) => Piece,
  fail: (error: unknown) => void,
): Promise<void> {
  log.onAbort = () => leave(iterator);
  try {
    while (!log.isEnded) {
      const result = checkedResult<Source>(await iterator.next());
      if (result.done) break;
      log.push(convert(result.value));
    }
  } catch (error) {
    fail(error);
  }
  log.end();
}

/** Asks what `for await` asks: what is no object would be a piece without an end. */
export function checkedResult<Piece>(result: unknown): IteratorResult<Piece> {
  if (isResult<Piece>(result)) return result;
  throw new TypeError(`An iterator's next() gave ${String(result)}, which is no object`);
}

function isResult<Piece>(value: unknown): value is IteratorResult<Piece> {
  return typeof value === "object" && value !== null;
}

/** Ends an iterator. Not waited for: a generator hears of it only when what it awaits has come. */
export function leave(iterator: AsyncIterator<unknown>): void {
  void (async () => iterator.return?.())().catch(() => {});
}

export function isAsyncIterable<Piece>(value: unknown): value is AsyncIterable<Piece> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

export function isIterable<Piece>(value: unknown): value is Iterable<Piece> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}
