import { PiecesDroppedError } from "./errors.ts";
import { type Activity, begin, finish, type Scope } from "./scope.ts";
import { beginWait, endWait, type Wait, type Waiter } from "./wait-graph.ts";

/** One piece, one error or the end; and the place before the first of them. */
class Place<Piece> {
  readonly result: IteratorResult<Piece, undefined> | undefined;
  readonly failure: { readonly error: unknown } | undefined;
  next: Place<Piece> | undefined = undefined;
  isDropped = false;

  constructor(result: IteratorResult<Piece, undefined> | undefined, failure?: { readonly error: unknown }) {
    this.result = result;
    this.failure = failure;
  }
}

/** Is told that there is more. */
interface Reader {
  wake(): void;
}

/**
 * Where pieces are written. It knows only the last place of a linked list: who reads holds the place that it has come
 * to, who may read again holds the first, and what nobody holds is freed.
 */
export class PieceLog<Piece> implements Activity {
  /** Who writes it, for the detection of rings. */
  maker: Waiter | undefined = undefined;
  /** Called when the log is cut from outside. */
  onAbort: ((reason: unknown) => void) | undefined = undefined;
  isEnded = false;
  /** The place before the first piece that is kept; known only where there is a limit. */
  oldest: Place<Piece> | undefined;
  /** How many pieces were let go. */
  dropped = 0;
  readonly #maxPieces: number;
  #kept = 0;
  #last: Place<Piece>;
  #readers: Reader[] = [];
  #scope: Scope | undefined = undefined;

  constructor(first: Place<Piece>, maxPieces: number) {
    this.#last = first;
    this.#maxPieces = maxPieces;
    this.oldest = maxPieces < Number.POSITIVE_INFINITY ? first : undefined;
  }

  push(piece: Piece): void {
    this.#add(new Place<Piece>({ done: false, value: piece }));
  }

  fail(error: unknown): void {
    this.#add(new Place<Piece>(undefined, { error }));
  }

  end(): void {
    if (this.isEnded) return;
    this.#add(new Place<Piece>({ done: true, value: undefined }));
    this.isEnded = true;
    this.onAbort = undefined;
    if (this.#scope) finish(this.#scope, this);
    this.#scope = undefined;
  }

  /** Its ensemble waits for its end from now on, and may cut it. */
  beginIn(scope: Scope): void {
    if (this.isEnded || this.#scope) return;
    if (begin(scope, this)) this.#scope = scope;
    else this.abort(scope.domain?.signal.reason);
  }

  abort(reason: unknown): void {
    if (this.isEnded) return;
    const { onAbort } = this;
    this.fail(reason);
    this.end();
    onAbort?.(reason);
  }

  /** Wakes the reader at the next place. Only for one that has read all there is. */
  wait(reader: Reader): void {
    this.#readers.push(reader);
  }

  leave(reader: Reader): void {
    const at = this.#readers.indexOf(reader);
    if (at >= 0) this.#readers.splice(at, 1);
  }

  #add(place: Place<Piece>): void {
    if (this.isEnded) return;
    this.#last.next = place;
    this.#last = place;
    if (this.oldest && !place.result?.done && ++this.#kept > this.#maxPieces) this.#drop(this.oldest);
    if (this.#readers.length === 0) return;
    const woken = this.#readers;
    this.#readers = [];
    for (const reader of woken) reader.wake();
  }

  #drop(oldest: Place<Piece>): void {
    this.oldest = oldest.next;
    oldest.next = undefined;
    oldest.isDropped = true;
    this.#kept--;
    this.dropped++;
  }
}

/** What has pieces to share: a promise, an appender. */
export abstract class PieceSource<Piece> {
  /** @internal */
  abstract stream(): PieceStream<Piece>;
}

/** A log and its first place: what can be read from the start, and started. */
export class PieceStream<Piece> extends PieceSource<Piece> {
  readonly log: PieceLog<Piece>;
  readonly first: Place<Piece>;
  #begin: (() => void) | undefined;

  /** @param begin called once, when the stream is started */
  constructor(maxPieces?: number, begin?: (log: PieceLog<Piece>) => void) {
    super();
    this.first = new Place<Piece>(undefined);
    this.log = new PieceLog(this.first, maxPieces ?? Number.POSITIVE_INFINITY);
    this.#begin = begin && (() => begin(this.log));
  }

  get isStarted(): boolean {
    return this.#begin === undefined;
  }

  start(): void {
    const begin = this.#begin;
    this.#begin = undefined;
    begin?.();
  }

  override stream(): this {
    return this;
  }
}

interface Waiting<Piece> {
  resolve(result: IteratorResult<Piece, undefined>): void;
  reject(error: unknown): void;
}

/** Reads a log from its start, at its own pace. */
export class PieceReader<Piece> implements AsyncIterableIterator<Piece, undefined, undefined>, Wait {
  readonly by: Waiter;
  readonly #log: PieceLog<Piece>;
  readonly #isTracked: boolean;
  #place: Place<Piece>;
  #read = 0;
  #hasLeft = false;
  readonly #waiting: Waiting<Piece>[] = [];

  constructor(stream: PieceStream<Piece>, by: Waiter | undefined) {
    this.#log = stream.log;
    this.#place = stream.first;
    this.#isTracked = by !== undefined;
    this.by = by ?? nobody;
  }

  next(): Promise<IteratorResult<Piece, undefined>> {
    if (this.#hasLeft) return Promise.resolve({ done: true, value: undefined });
    if (this.#waiting.length === 0) {
      const dropped = this.#skipDropped();
      if (dropped) return Promise.reject(dropped);
      const place = this.#step();
      if (place) return place.result ? Promise.resolve(place.result) : Promise.reject(place.failure?.error);
      this.#log.wait(this);
      if (this.#isTracked) beginWait(this);
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  /** Leaves. Whoever else reads the same promise reads on. */
  return(): Promise<IteratorResult<Piece, undefined>> {
    this.#hasLeft = true;
    if (this.#waiting.length > 0) {
      this.#log.leave(this);
      if (this.#isTracked) endWait(this);
      for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined });
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @internal */
  wake(): void {
    if (this.#isTracked) endWait(this);
    while (this.#waiting.length > 0) {
      const dropped = this.#skipDropped();
      const place = dropped ? undefined : this.#step();
      if (!dropped && !place) {
        this.#log.wait(this);
        if (this.#isTracked) beginWait(this);
        return;
      }
      const waiting = this.#waiting.shift();
      if (place?.result) waiting?.resolve(place.result);
      else waiting?.reject(dropped ?? place?.failure?.error);
    }
  }

  /** @internal */
  on(): Waiter | undefined {
    return this.#log.maker;
  }

  /** @internal */
  fail(error: Error): void {
    this.#log.leave(this);
    endWait(this);
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** The next place; the end is never passed. */
  #step(): Place<Piece> | undefined {
    const { next } = this.#place;
    if (!next) return undefined;
    if (!next.result?.done) {
      this.#place = next;
      this.#read++;
    }
    return next;
  }

  #skipDropped(): PiecesDroppedError | undefined {
    if (!this.#place.isDropped || !this.#log.oldest) return undefined;
    const missed = this.#log.dropped - this.#read;
    this.#place = this.#log.oldest;
    this.#read = this.#log.dropped;
    return new PiecesDroppedError(missed);
  }
}

const nobody: Waiter = { name: "", waitsFor: () => undefined };

/** What is told of a log's pieces. None of them may throw. */
export interface Listener<Piece> {
  onPiece(piece: Piece): void;
  onError(error: unknown): void;
  onEnd(): void;
}

/** Reads a log for the inside of an ensemble: at once when something is written, without a promise for each piece. */
class Follower<Piece> implements Reader {
  readonly #log: PieceLog<Piece>;
  readonly #listener: Listener<Piece>;
  #place: Place<Piece>;
  #read = 0;
  hasLeft = false;

  constructor(stream: PieceStream<Piece>, listener: Listener<Piece>) {
    this.#log = stream.log;
    this.#place = stream.first;
    this.#listener = listener;
  }

  wake(): void {
    woken.push(this);
    if (!isWaking) wakeAll();
  }

  #end(): void {
    this.hasLeft = true;
    this.#listener.onEnd();
  }

  readOn(): void {
    while (!this.hasLeft) {
      if (this.#place.isDropped && this.#log.oldest) {
        const missed = this.#log.dropped - this.#read;
        this.#place = this.#log.oldest;
        this.#read = this.#log.dropped;
        this.#listener.onError(new PiecesDroppedError(missed));
        continue;
      }
      const { next } = this.#place;
      if (!next) {
        this.#log.wait(this);
        return;
      }
      this.#place = next;
      this.#read++;
      if (next.failure) this.#listener.onError(next.failure.error);
      else if (next.result?.done) this.#end();
      else if (next.result) this.#listener.onPiece(next.result.value);
    }
  }
}

// Followers that write logs which others follow are woken one after the other, not one inside of the other: a chain of
// a hundred thousand promises needs no more stack than one.
const woken: { readOn(): void }[] = [];
let isWaking = false;

function wakeAll(): void {
  isWaking = true;
  for (let at = 0; at < woken.length; at++) woken[at]?.readOn();
  woken.length = 0;
  isWaking = false;
}

/** Tells a listener all that a stream has and will have. Gives the function that ends this. */
export function follow<Piece>(stream: PieceStream<Piece>, listener: Listener<Piece>): () => void {
  const follower = new Follower(stream, listener);
  follower.wake();
  return () => {
    follower.hasLeft = true;
  };
}
