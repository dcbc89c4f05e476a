import type { AgentEvent } from "../events.ts";
import type { Hooks } from "../hooks.ts";
import type { Model, ModelEvent, ModelRequest } from "../model.ts";
import type { Usage } from "../usage.ts";
import { ListenerCount } from "./listener-count.ts";
import { moment } from "./pacing.ts";

/** One request to a watched model. */
export interface WatchedStream {
  /** How many events it has given. */
  events: number;
  /** The usage of its finish, once that has come. */
  finished?: Usage;
  /** It failed by itself. */
  failed: boolean;
  /** Its cleanup has run. */
  closed: boolean;
}

/** Watches one run from outside: its model's streams, its events, its listeners. Makes its model fail on demand. */
export class RunWatch {
  readonly streams: WatchedStream[] = [];
  readonly observed: AgentEvent[] = [];
  readonly hooks: Hooks = { onEvent: (event) => this.observed.push(event) };
  readonly controller: AbortController = new AbortController();
  readonly #listeners: ListenerCount;
  readonly #failure: { at: number; error: Error } | undefined;
  #given = 0;
  #hasFailed = false;

  /** @param failure thrown in place of this event of the model, counted over all its requests */
  constructor(failure?: { at: number; error: Error }) {
    this.#failure = failure;
    this.#listeners = new ListenerCount(this.controller.signal);
  }

  /** How many events the model has given in all its requests. */
  get modelEvents(): number {
    return this.#given;
  }

  /** Whether the model has failed on demand. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** How many listeners wait on the caller's signal. */
  get listeners(): number {
    return this.#listeners.count;
  }

  /** The same model, watched. */
  readonly model = (model: Model): Model => {
    const { provider, id } = model;
    return { provider, id, stream: (request, options) => this.#stream(model, request, options) };
  };

  /** Waits until all streams are closed, at most so long. */
  async settle(timeoutMs: number): Promise<void> {
    await moment();
    for (let waited = 0; waited < timeoutMs && this.streams.some(({ closed }) => !closed); waited += 5) await moment(5);
  }

  async *#stream(
    model: Model,
    request: ModelRequest,
    options: { signal: AbortSignal },
  ): AsyncGenerator<ModelEvent, void> {
    const stream: WatchedStream = { events: 0, failed: false, closed: false };
    this.streams.push(stream);
    try {
      for await (const event of model.stream(request, options)) {
        if (this.#failure && this.#given === this.#failure.at) {
          this.#hasFailed = true;
          throw this.#failure.error;
        }
        this.#given++;
        stream.events++;
        if (event.type === "finish") stream.finished = event.usage;
        yield event;
      }
    } catch (error) {
      stream.failed = true;
      throw error;
    } finally {
      stream.closed = true;
    }
  }
}
