import { asError } from "millrace/runs";
import type { GraphStopReason } from "./events.ts";
import type { RunState } from "./run-state.ts";
import { stateOf } from "./snapshot.ts";
import { encodePart, encodeSnapshot } from "./snapshot-codec.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

/** Writes the snapshots of one task, one at a time, and keeps the newest. */
export class SnapshotWriter {
  readonly #store: SnapshotStore;
  readonly #taskId: string;
  readonly #keep: number;
  /** Those that the store has, the newest last; undefined until it was asked. */
  #numbers: number[] | undefined;
  #last: Promise<unknown> = Promise.resolve();
  /** The one that waits for its turn: it will hold what all ask for who come before it begins. */
  #next: Promise<number> | undefined;

  constructor(store: SnapshotStore, taskId: string, keep: number) {
    this.#store = store;
    this.#taskId = taskId;
    this.#keep = keep;
  }

  /** Writes what the run is when its turn comes. Gives its number, or undefined to who shares it with an earlier caller. */
  async write(run: RunState, over?: GraphStopReason): Promise<number | undefined> {
    if (this.#next !== undefined) {
      await this.#next;
      return undefined;
    }
    const turn = this.#last.then(() => {
      this.#next = undefined;
      return this.#write(run, over);
    });
    this.#next = turn;
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #write(run: RunState, over: GraphStopReason | undefined): Promise<number> {
    this.#numbers ??= await this.#store.list(this.#taskId);
    const number = (this.#numbers.at(-1) ?? -1) + 1;
    const text = await run.effects.run(async () => {
      const state = encodePart(stateOf(run, number, over), this.#taskId);
      return encodeSnapshot(state, await this.#contents(run));
    });
    await this.#store.write(this.#taskId, number, text);
    this.#numbers.push(number);
    for (const old of this.#numbers.splice(0, this.#numbers.length - this.#keep)) {
      await this.#store.delete(this.#taskId, old);
    }
    return number;
  }

  async #contents({ cache }: RunState): Promise<string> {
    const values = await cache.getAll({ raw: true });
    const mailboxes = new Map<string, readonly unknown[]>();
    for (const name of await cache.mailboxes({ raw: true })) mailboxes.set(name, await cache.peek(name, { raw: true }));
    return encodePart({ values, mailboxes }, this.#taskId);
  }
}

/** Saves the task. What goes wrong fails the run. */
export async function save(run: RunState, over?: GraphStopReason): Promise<void> {
  if (!run.snapshots || run.control.stopped) return;
  let number: number | undefined;
  try {
    number = await run.patiently(run.snapshots.write(run, over));
  } catch (error) {
    run.fail(asError(error));
    return;
  }
  if (number !== undefined) await run.emit({ type: "snapshot", number });
}

/** Saves the task after a module of a node that is always saved. */
export async function saveAlways(run: RunState, node: string): Promise<void> {
  if (run.plan.nodes.get(node)?.snapshot === "always") await save(run);
}
