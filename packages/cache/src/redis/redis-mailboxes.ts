import { WaitingReaders } from "../waiting-readers.ts";
import type { Changes } from "./changes.ts";
import type { Connection } from "./connection.ts";
import { textsOf } from "./replies.ts";

/** The readers of a mailbox in this process. */
interface Box {
  readonly key: string;
  readonly readers: WaitingReaders;
  isServed: boolean;
  /** Whether there may be messages, or readers, that the last look has not seen. */
  isRung: boolean;
  /** Ends the listening for its bell. */
  leave: (() => void) | undefined;
  idleTimer: ReturnType<typeof setTimeout> | undefined;
}

/** So many messages are taken at once at most. */
const maxTaken = 500;

/** So long a bell is listened to after the last reader has gone, in milliseconds. */
const idleMs = 5000;

/**
 * Serves all readers of this process over the one connection: takes as many messages as there are readers, and where there
 * are too few waits for the bell that rings when an empty mailbox gets one.
 */
export class RedisMailboxes {
  readonly #connection: Connection;
  readonly #changes: Changes;
  readonly #boxes = new Map<string, Box>();

  constructor(connection: Connection, changes: Changes) {
    this.#connection = connection;
    this.#changes = changes;
  }

  receive(key: string, timeoutMs: number | undefined, signal: AbortSignal | undefined): Promise<string | undefined> {
    const box = this.#boxes.get(key) ?? {
      key,
      readers: new WaitingReaders(),
      isServed: false,
      isRung: false,
      leave: undefined,
      idleTimer: undefined,
    };
    this.#boxes.set(key, box);
    const text = box.readers.wait(timeoutMs, signal);
    this.#ring(box);
    return text;
  }

  fail(error: unknown): void {
    for (const { readers, leave, idleTimer } of this.#boxes.values()) {
      clearTimeout(idleTimer);
      leave?.();
      readers.fail(error);
    }
  }

  #ring(box: Box): void {
    box.isRung = true;
    if (!box.isServed) void this.#serve(box);
  }

  async #serve(box: Box): Promise<void> {
    box.isServed = true;
    clearTimeout(box.idleTimer);
    try {
      while (box.isRung && box.readers.size > 0) {
        box.isRung = false;
        const isEmpty = await this.#take(box);
        if (!isEmpty) box.isRung = true;
        else if (!box.leave && box.readers.size > 0) await this.#listen(box);
      }
    } catch (error) {
      box.readers.fail(error);
    }
    box.isServed = false;
    if (box.readers.size === 0) this.#forgetLater(box);
  }

  /** Hands out what there is. Gives whether nothing is left. */
  async #take({ key, readers }: Box): Promise<boolean> {
    const asked = readers.all().slice(0, maxTaken);
    const onLate = (reply: unknown): void => this.#giveBack(key, textsOf(reply));
    const texts = textsOf(await this.#changes.make(["take", key, String(asked.length)], { onLate }));
    const first = texts.findIndex((text) => !readers.give(text));
    // Their readers have left meanwhile.
    if (first >= 0) this.#giveBack(key, texts.slice(first));
    const isEmpty = texts.length < asked.length;
    if (isEmpty) for (const reader of asked) if (reader.asksOnce && reader.isWaiting) reader.leave();
    return isEmpty;
  }

  /** Messages go back to where they were: to the head of their mailbox. */
  #giveBack(key: string, texts: readonly string[]): void {
    if (texts.length > 0) this.#changes.make(["giveBack", key, ...texts], { isPatient: true }).catch(() => {});
  }

  async #listen(box: Box): Promise<void> {
    const ring = (): void => this.#ring(box);
    box.leave = await this.#connection.listen(box.key, { hear: ring, lost: ring });
    // It may have rung before.
    box.isRung = true;
  }

  #forgetLater(box: Box): void {
    clearTimeout(box.idleTimer);
    box.idleTimer = setTimeout(() => {
      if (box.readers.size > 0 || box.isServed) return;
      box.leave?.();
      this.#boxes.delete(box.key);
    }, idleMs);
    box.idleTimer.unref();
  }
}
