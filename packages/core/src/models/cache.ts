import { abortable } from "../abortable.ts";
import { deepFreeze } from "../freeze.ts";
import type { Model, ModelEvent, ModelFinish, ModelRequest } from "../model.ts";
import { type Check, count, fields, milliseconds, wrong } from "../option-checks.ts";
import { noUsage } from "../usage.ts";
import { MemoryStore } from "./memory-store.ts";

/** Where {@link cache} keeps answers: plain JSON. Whatever it throws counts as an answer that is not there. */
export interface CacheStore {
  get(key: string): Promise<readonly ModelEvent[] | undefined> | readonly ModelEvent[] | undefined;
  set(key: string, events: readonly ModelEvent[]): Promise<void> | void;
}

/** Options of {@link cache}. */
export interface CacheOptions {
  /** Default: this process's memory. */
  store?: CacheStore;
  /** How long the memory keeps an answer, in milliseconds; a store of your own has its own rule. Default: for good. */
  ttlMs?: number;
  /** How many answers the memory keeps; the one that was not asked for the longest goes first. Default: 1,000. */
  maxEntries?: number;
}

/**
 * Answers a request that was answered before from a store, with the same events: for tests, evaluations and questions
 * that come again. The same means: the same model, messages, instructions, tools, output format and settings.
 *
 * Only complete answers are stored: those that ended by themselves or with tool calls. An answer from the store has cost
 * nothing and has zero `usage`. Requests of the same kind that run at the same time are all sent.
 *
 * @example
 * ```ts
 * import { cache } from "millrace/models";
 * import { openai } from "@millrace/openai";
 *
 * const model = cache(openai("gpt-5.4-mini"), { ttlMs: 3_600_000 });
 * ```
 *
 * @throws {@link ConfigError} when an option cannot work
 */
export function cache(model: Model, options: CacheOptions = {}): Model {
  fields({ store: isStore, ttlMs: milliseconds, maxEntries: count })(options, "cache");
  const { provider, id } = model;
  const { store = new MemoryStore(options) } = options;
  return {
    provider,
    id,
    async *stream(request, { signal }) {
      const key = await keyOf(model, request);
      const known = await abortable(read(store, key), signal);
      if (known) {
        for (const event of known) {
          signal.throwIfAborted();
          yield event;
        }
        return;
      }
      let events: ModelEvent[] = [];
      for await (const event of model.stream(request, { signal })) {
        if (event.type === "retry" || event.type === "model-switched") events = [];
        else events.push(event);
        if (event.type === "finish" && isComplete(event)) await abortable(write(store, key, events), signal);
        yield event;
      }
    },
  };
}

const isStore: Check = (value, at) => {
  const { get, set } = Object(value);
  if (typeof get !== "function" || typeof set !== "function") throw wrong(at, "an object with get and set", value);
};

function isComplete({ reason }: ModelFinish): boolean {
  return reason === "stop" || reason === "tool-calls";
}

async function read(store: CacheStore, key: string): Promise<readonly ModelEvent[] | undefined> {
  try {
    return (await store.get(key)) ?? undefined;
  } catch {
    return undefined;
  }
}

async function write(store: CacheStore, key: string, events: readonly ModelEvent[]): Promise<void> {
  try {
    await store.set(key, deepFreeze(events.flatMap(freeOfCost)));
  } catch {
    // An answer that cannot be kept is asked for again.
  }
}

/** `estimated: false`: nothing is what it cost, not what was not told. */
function freeOfCost(event: ModelEvent): ModelEvent[] {
  if (event.type === "usage") return [];
  return [event.type === "finish" ? { ...event, usage: { ...noUsage, estimated: false } } : event];
}

async function keyOf({ provider, id }: Model, request: ModelRequest): Promise<string> {
  const { messages, instructions, tools, output, settings } = request;
  const text = JSON.stringify([provider, id, messages, instructions, tools, output, settings], sorted);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The fields of every object in one order. */
function sorted(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
