import type { AgentEvent, Final } from "millrace";
import { ConfigError } from "millrace/provider";
import { ConnectionError } from "./connection-error.ts";
import { type Position, type RemoteSource, remoteEvents } from "./remote-events.ts";
import { backOff } from "./retry.ts";
import type { RemoteInput, Transport } from "./transport.ts";

type Step = IteratorResult<AgentEvent, Final>;

/** What a run is read from, and what it is known by. */
export interface RemoteRunOptions extends RemoteSource {
  readonly runId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A run that goes on at a server: the stream of its events, as `agent.respond()` gives it in the server. Nothing is sent
 * before the first `next()`; it is read once, by one reader. A connection that is lost is made again, after the last
 * event that was read.
 *
 * Leaving it (`break`, `return()`, a throw in the loop) closes the connection at once, even while an event is awaited.
 * It does not stop a run that the server keeps: `client.attach(run.id)` reads on. To stop it, call {@link stop}.
 */
export class RemoteRun implements AsyncGenerator<AgentEvent, Final, undefined> {
  readonly #transport: Transport;
  readonly #source: RemoteSource;
  readonly #position: Position;
  readonly #connection = new AbortController();
  /** Stops and messages that wait for the run's id. */
  readonly #waiting = new Set<{ resolve: (runId: string) => void; reject: (error: Error) => void }>();
  #events: AsyncGenerator<AgentEvent, void, undefined> | undefined;
  #final: Final | undefined;
  #stopping: Promise<void> | undefined;
  #unfollow = (): void => {};
  #hasReader = false;
  #isOver = false;

  /** Made by `client.respond()` and `client.attach()`. */
  constructor(transport: Transport, options: RemoteRunOptions) {
    this.#transport = transport;
    this.#source = options;
    this.#position = { runId: options.runId, seq: -1 };
    if (options.signal) this.#follow(options.signal);
  }

  /** The run's id; undefined until the first event of a new run has come. */
  get id(): string | undefined {
    return this.#position.runId;
  }

  /** The `seq` of the last event that was read; -1 before the first. */
  get lastSeq(): number {
    return this.#position.seq;
  }

  /** The run's last event, once it has been read. */
  get final(): Final | undefined {
    return this.#final;
  }

  /**
   * Stops the run at the server. Its events go on to `Stopped` and `Final`; nothing is thrown in the loop. A run that was
   * not begun is not begun any more: its stream is empty. Works also after the loop was left.
   *
   * The promise ends when the server has taken the stop, and need not be awaited.
   * @throws ConnectionError through the promise, where the server could not be told
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    // Whoever does not wait for it does not want to be told.
    this.#stopping.catch(() => {});
    return this.#stopping;
  }

  /**
   * Puts a message of the user into the live run: it joins before the next turn, and there is a next turn for it. Only
   * once the run was begun; waits for its id. Not tried again where it fails.
   *
   * @throws ConnectionError through the promise; of kind `refused` and code `run-not-live` where the run has ended, or is
   *   made by another process of the server
   */
  async send(input: RemoteInput): Promise<void> {
    await this.#transport.send(await this.#known(), input);
  }

  /** The next event. The call after `Final` is done, or throws what the run failed with. */
  async next(): Promise<Step> {
    if (this.#isOver) return this.#done();
    this.#events ??= remoteEvents(this.#source, this.#position, this.#connection.signal);
    try {
      const { done, value } = await this.#events.next();
      if (this.#isOver) return this.#done();
      if (done) return this.#end();
      for (const { resolve } of this.#waiting) resolve(value.run.id);
      this.#waiting.clear();
      if (value.type === "final") this.#final = value;
      return { value };
    } catch (error) {
      if (this.#isOver) return this.#done();
      this.#end();
      throw error;
    }
  }

  /** Leaves the run: closes the connection. Gives the `Final`, where it has been read. */
  async return(): Promise<Step> {
    this.#end();
    this.#connection.abort();
    // What it waited for is cut, and whoever waited for it is told that the stream is done.
    await this.#events?.return().catch(() => {});
    return this.#done();
  }

  /** Leaves the run as {@link return} does, then throws `error`. */
  async throw(error: unknown): Promise<Step> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    if (this.#hasReader) throw new ConfigError("run", "it has a reader already; client.attach(run.id) gives another");
    this.#hasReader = true;
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #stop(): Promise<void> {
    if (this.#final) return;
    if (!this.#events && this.id === undefined) {
      this.#end();
      return;
    }
    const runId = await this.#known();
    // Not the connection's signal: who stops and leaves still means the stop.
    const { signal } = new AbortController();
    for (let failures = 1; ; failures++) {
      try {
        return await this.#transport.stop(runId);
      } catch (error) {
        await backOff(error, failures, this.#source.retry, signal);
      }
    }
  }

  /** The run's id, which comes with its first event. */
  #known(): string | Promise<string> {
    if (this.id !== undefined) return this.id;
    return new Promise((resolve, reject) => {
      if (this.#isOver) reject(unknownRun());
      else this.#waiting.add({ resolve, reject });
    });
  }

  #follow(signal: AbortSignal): void {
    // Who stops by a signal has only the loop to be told by.
    const stop = (): void => void this.stop().catch((error: unknown) => this.#connection.abort(error));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    this.#unfollow = () => signal.removeEventListener("abort", stop);
  }

  #end(): Step {
    this.#isOver = true;
    this.#unfollow();
    for (const { reject } of this.#waiting) reject(unknownRun());
    return this.#done();
  }

  #done(): Step {
    // A stream that is left before its end returns nothing; the interface of generators cannot say so.
    return { done: true, value: this.#final as Final };
  }
}

function unknownRun(): ConnectionError {
  return new ConnectionError("the connection was closed before the run's id was known; the run may go on", {
    kind: "network",
  });
}
