import { isThenable } from "millrace/runs";
import { CyclicWaitError, UnexpectedMessageError } from "./errors.ts";
import { ErrorMessage, Message, TextMessage } from "./message.ts";
import { freezeInput } from "./message-input.ts";
import { type ErrorTelling, isAbort, MessagePromise, tellError, tellingErrors } from "./message-promise.ts";
import { follow, type PieceLog, PieceSource, PieceStream } from "./piece-log.ts";
import { checkedResult, isAsyncIterable, leave } from "./pump.ts";
import { runIn, type Scope, throwClosed } from "./scope.ts";
import { unwatch, type Waiter, watch } from "./wait-graph.ts";

/** How a sequence is written. */
export interface SequenceOptions {
  scope: Scope;
  maxPieces?: number | undefined;
  /** Errors become messages. */
  telling?: ErrorTelling | undefined;
  /** Who gives what is to be flattened, for the detection of rings. */
  feeder?: Waiter | undefined;
  /** Called once, when the sequence starts. */
  onStart?: (() => void) | undefined;
  /** Waited for before the end, with all that was written. */
  beforeEnd?: ((messages: readonly MessagePromise[]) => Promise<void>) | undefined;
}

/**
 * Makes one flat sequence of message promises of all that is added, each thing at its place. What is there is written at
 * once; what is not holds up what was added after it, but for what is added out of order.
 */
export class SequenceWriter extends PieceSource<MessagePromise> implements Waiter {
  readonly #options: SequenceOptions;
  readonly #log: PieceLog<MessagePromise>;
  #stream: PieceStream<MessagePromise> | undefined;
  readonly #ordered: Lane;
  readonly #lanes: Set<Lane> = new Set();
  #early: (() => void)[] | undefined = [];
  #isClosed = false;
  readonly #written: MessagePromise[] = [];

  constructor(options: SequenceOptions) {
    super();
    this.#options = options;
    this.#stream = new PieceStream(options.maxPieces ?? options.scope.ensemble?.maxPieces, () => this.#start());
    this.#log = this.#stream.log;
    this.#log.maker = this;
    this.#ordered = new Lane(options.scope, this);
    this.#lanes.add(this.#ordered);
  }

  get name(): string {
    return this.#options.feeder?.name ?? "a sequence of messages";
  }

  get isClosed(): boolean {
    return this.#isClosed || this.#log.isEnded;
  }

  /**
   * @throws an `AppenderClosedError` after the end; the reason of the abort where the tree was cancelled
   */
  add(input: unknown): void {
    this.#check();
    const item = freezeInput(input);
    if (item === undefined || item === null) return;
    this.#soon(() => this.#ordered.add(item));
  }

  /** Not held up by what was added before. */
  addOutOfOrder(input: unknown): void {
    this.#check();
    const item = freezeInput(input);
    if (item === undefined || item === null) return;
    this.#soon(() => {
      const lane = new Lane(this.#options.scope, this);
      this.#lanes.add(lane);
      lane.add(item);
      lane.close();
    });
  }

  /** The error comes after all that was added. */
  fail(error: unknown): void {
    this.#soon(() => this.#ordered.add(new Failure(error)));
  }

  close(): void {
    this.#isClosed = true;
    this.#soon(() => this.#ordered.close());
  }

  waitsFor(): readonly (Waiter | undefined)[] | undefined {
    const { feeder } = this.#options;
    return Array.from(this.#lanes, (lane) => (lane.isIdle ? feeder : lane.waitsFor));
  }

  /** What the sequence goes on with at the moment. */
  follows(): (Waiter | undefined)[] {
    return Array.from(this.#lanes, (lane) => lane.waitsFor);
  }

  breakOff(error: unknown): void {
    for (const lane of this.#lanes) lane.breakOff(error);
  }

  /** For the one promise that is made of this: kept here too, the messages would live as long as the agent. */
  override stream(): PieceStream<MessagePromise> {
    const stream = this.#stream ?? new PieceStream<MessagePromise>();
    this.#stream = undefined;
    return stream;
  }

  /** @internal */
  write(message: MessagePromise): void {
    const { telling, scope, beforeEnd } = this.#options;
    const told = telling ? tellingErrors(message, telling, { scope }) : message;
    if (beforeEnd) this.#written.push(told);
    this.#log.push(told);
  }

  /** @internal */
  writeError(error: unknown): void {
    const { telling, scope } = this.#options;
    if (!telling || isAbort(scope, error)) {
      this.#log.fail(error);
      return;
    }
    const message = new ErrorMessage(tellError(error, telling));
    this.#log.push(new MessagePromise({ message, within: { scope } }));
  }

  /** @internal */
  laneEnded(lane: Lane): void {
    this.#lanes.delete(lane);
    if (this.#lanes.size > 0) return;
    const { beforeEnd, scope } = this.#options;
    const log = this.#log;
    if (!beforeEnd) {
      log.end();
      return;
    }
    beforeEnd(this.#written)
      .catch((error) => scope.ensemble?.report(error, scope))
      .finally(() => log.end());
  }

  #start(): void {
    this.#log.onAbort = () => {
      for (const lane of this.#lanes) lane.leave();
    };
    this.#log.beginIn(this.#options.scope);
    this.#options.onStart?.();
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const add of early) add();
  }

  #soon(add: () => void): void {
    if (this.#early) this.#early.push(add);
    else add();
  }

  #check(): void {
    if (this.isClosed) throwClosed(this.#options.scope, "A message was sent or replied");
  }
}

/** An error that ends an agent's replies: anything can be thrown, not only an `Error`. */
class Failure {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** Something with more things in it. */
type Frame =
  | { readonly kind: "list"; readonly items: unknown[]; at: number }
  | { readonly kind: "iterator"; readonly iterable: AsyncIterable<unknown>; iterator?: AsyncIterator<unknown> };

/** Flattens one thing after the other. */
class Lane {
  /** While the lane waits: for whom, where that is known. */
  waitsFor: Waiter | undefined = undefined;
  readonly #scope: Scope;
  readonly #writer: SequenceWriter;
  #items: unknown[] = [];
  #at = 0;
  #frames: Frame[] = [];
  #leave: (() => void) | undefined = undefined;
  #isWaiting = false;
  #isRunning = false;
  #isClosed = false;
  #isOver = false;

  constructor(scope: Scope, writer: SequenceWriter) {
    this.#scope = scope;
    this.#writer = writer;
  }

  /** Whether all that was added is written, and more may come. */
  get isIdle(): boolean {
    return !this.#isWaiting;
  }

  add(item: unknown): void {
    this.#items.push(item);
    this.#run();
  }

  close(): void {
    this.#isClosed = true;
    this.#run();
  }

  /** Ends at once. */
  leave(): void {
    this.#isOver = true;
    this.#drop();
    this.#items = [];
  }

  #run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (!this.#isWaiting && !this.#isOver && this.#step());
    this.#isRunning = false;
    if (!this.#isClosed || this.#isWaiting || this.#isOver) return;
    this.#isOver = true;
    this.#writer.laneEnded(this);
  }

  /** One step; false where there is nothing left to do. */
  #step(): boolean {
    const frame = this.#frames.at(-1);
    if (frame?.kind === "iterator") {
      this.#pull(frame);
    } else if (frame && frame.at < frame.items.length) {
      this.#write(taken(frame.items, frame.at++));
    } else if (frame) {
      this.#frames.pop();
    } else if (this.#at < this.#items.length) {
      this.#write(taken(this.#items, this.#at++));
    } else {
      this.#items = [];
      this.#at = 0;
      return false;
    }
    return true;
  }

  #write(item: unknown): void {
    const within = { scope: this.#scope };
    if (typeof item === "string") this.#writer.write(new MessagePromise({ message: new TextMessage(item), within }));
    else if (item instanceof Message) this.#writer.write(new MessagePromise({ message: item, within }));
    else if (item instanceof MessagePromise) this.#writer.write(item);
    else if (Array.isArray(item)) this.#frames.push({ kind: "list", items: [...item], at: 0 });
    else if (item instanceof Failure) this.#fail(item.error);
    else if (item instanceof Error) this.#fail(item);
    else if (isSequence(item)) this.#follow(item.stream());
    else if (isAsyncIterable<unknown>(item)) this.#frames.push({ kind: "iterator", iterable: item });
    else if (isThenable(item)) this.#await(item);
    else this.#writeLater(item);
  }

  /** What came only now: from an asynchronous iterable or a promise. */
  #writeLater(item: unknown): void {
    try {
      const frozen = freezeInput(item);
      if (frozen === item) throw new UnexpectedMessageError(item);
      this.#write(frozen);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Goes on with what another sequence writes, without a promise for each message. */
  #follow(stream: PieceStream<MessagePromise>): void {
    const ring = ringTo(this.#writer, stream.log.maker);
    if (ring) {
      this.#fail(new CyclicWaitError(ring));
      return;
    }
    this.#isWaiting = true;
    this.waitsFor = stream.log.maker;
    stream.start();
    const leaveStream = follow(stream, {
      onPiece: (message) => this.#writer.write(message),
      onError: (error) => this.#resume({ value: new Failure(error) }),
      onEnd: () => this.#resume(),
    });
    if (!this.#isWaiting) return;
    this.#leave = leaveStream;
    watch(this.#writer);
  }

  /** Leaves the sequence that it goes on with, if it does: that would never come. */
  breakOff(error: unknown): void {
    if (this.waitsFor) this.#resume({ value: new Failure(error) });
  }

  #pull(frame: Extract<Frame, { kind: "iterator" }>): void {
    this.#isWaiting = true;
    const next = async (): Promise<IteratorResult<unknown>> => {
      // The code of a generator is not to run inside of the call that was given it.
      if (!frame.iterator) await undefined;
      frame.iterator ??= frame.iterable[Symbol.asyncIterator]();
      return checkedResult(await frame.iterator.next());
    };
    runIn(this.#scope, next).then(
      ({ done, value }) => {
        if (done) this.#frames.pop();
        this.#resume(done ? undefined : { value });
      },
      (error) => this.#resume({ value: new Failure(error) }),
    );
  }

  #await(promise: PromiseLike<unknown>): void {
    this.#isWaiting = true;
    // What is no promise of the language or of ours may throw, or call back more than once.
    const sound = promise instanceof Promise || promise instanceof PieceSource ? promise : Promise.resolve(promise);
    sound.then(
      (value) => this.#resume({ value }),
      (error) => this.#resume({ value: new Failure(error) }),
    );
  }

  /** Goes on with what has come, if anything has. */
  #resume(arrived?: { readonly value: unknown }): void {
    if (this.#isOver) return;
    this.#isWaiting = false;
    this.waitsFor = undefined;
    unwatch(this.#writer);
    if (arrived) this.#write(arrived.value);
    this.#run();
  }

  /** An error takes the rest of what was added with it, and not what was added after that. */
  #fail(error: unknown): void {
    this.#drop();
    this.#writer.writeError(error);
  }

  #drop(): void {
    this.#leave?.();
    this.#leave = undefined;
    for (const frame of this.#frames) if (frame.kind === "iterator" && frame.iterator) leave(frame.iterator);
    this.#frames = [];
  }
}

const maxRing = 1000;

/**
 * Who is in the ring, where a sequence is to go on with what is made of itself: each message would come round without an
 * end. Longer rings are found once nothing moves in them.
 */
function ringTo(writer: SequenceWriter, from: Waiter | undefined, path: readonly string[] = []): string[] | undefined {
  if (from === writer) return [writer.name, ...path];
  if (!(from instanceof SequenceWriter) || path.length > maxRing) return undefined;
  for (const next of from.follows()) {
    const ring = ringTo(writer, next, [...path, from.name]);
    if (ring) return ring;
  }
  return undefined;
}

/** Takes an item out of a list: kept there, a sequence would keep all its messages as long as it is followed. */
function taken(items: unknown[], at: number): unknown {
  const item = items[at];
  items[at] = undefined;
  return item;
}

/** What another writer writes, whoever shares it. */
function isSequence(item: unknown): item is PieceSource<MessagePromise> {
  return item instanceof PieceSource && item.stream().log.maker instanceof SequenceWriter;
}
