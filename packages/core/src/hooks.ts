import { MillraceError } from "./errors.ts";
import type { AgentEvent } from "./events.ts";
import { isThenable } from "./is-thenable.ts";
import { logHookError } from "./log-hooks.ts";
import { after, type Bound } from "./runtime.ts";

type Pascal<S extends string> = S extends `${infer Head}-${infer Tail}`
  ? `${Capitalize<Head>}${Pascal<Tail>}`
  : Capitalize<S>;

/**
 * Observers of a run, one per event: `onToolCallStart`, `onToolResult`, `onFinal` … and `onEvent` for all of them.
 * Each may be async. They are called in the order of the events, one after the other, beside the stream; they change
 * nothing, and what they throw goes to `onHookError` and never breaks a run. The run is over for its reader when they
 * are done.
 */
export type Hooks = HooksOf<AgentEvent>;

/** Observers of a stream of other events, in the same way. */
export type HooksOf<Event extends { readonly type: string }> = {
  [Type in Event["type"] as `on${Pascal<Type>}`]?: (event: Extract<Event, { type: Type }>) => unknown;
} & {
  onEvent?: (event: Event) => unknown;
  /** Told of what any hook of the run threw. Default: `console.error`, where no set of hooks has one. */
  onHookError?: (error: unknown, event: Event | undefined) => unknown;
};

/** How many events may wait for slow hooks before the stream waits for them. */
const queueLimit = 256;
/** A hook that takes longer is reported and no longer waited for. */
const hookTimeoutMs = 10_000;

type AnyHook = (event: object) => unknown;

/** Calls the hooks of one run, in order, beside the stream. */
export class HookRunner<Event extends { readonly type: string } = AgentEvent> {
  readonly #hooks: HooksOf<Event>[];
  readonly #bound: Bound;
  readonly #queue: Event[] = [];
  readonly #hung = new WeakSet<AnyHook>();
  #working: Promise<void> | undefined;

  constructor(hooks: readonly HooksOf<Event>[], bound: Bound) {
    this.#hooks = [...hooks];
    this.#bound = bound;
  }

  /** Adds observers behind those that are there. */
  add(hooks: HooksOf<Event>): void {
    this.#hooks.push(hooks);
  }

  /** Takes an event. Hooks start in a microtask, never inside the caller. */
  observe(event: Event): void {
    this.#queue.push(event);
    this.#working ??= this.#work();
  }

  /** Reports what went wrong in something that must not break a run. */
  report(error: unknown, event?: Event): void {
    const reporters = this.#hooks.filter(({ onHookError }) => onHookError);
    const told = reporters.length > 0 ? reporters.map((hooks) => hooks.onHookError?.bind(hooks)) : [logHookError];
    for (const tell of told) {
      try {
        Promise.resolve(this.#bound(() => tell?.(error, event))).catch(() => {});
      } catch {
        // The last resort has failed too; a run is not broken by it.
      }
    }
  }

  /** Whether the stream should wait: set while too many events wait for the hooks. */
  get full(): boolean {
    return this.#queue.length > queueLimit;
  }

  /** Resolves when all events have been seen by all hooks. */
  async settled(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  async #work(): Promise<void> {
    await null;
    for (let event = this.#queue.shift(); event; event = this.#queue.shift()) {
      for (const hooks of this.#hooks) {
        for (const name of [hookName(event.type), "onEvent"]) {
          const hook: unknown = Reflect.get(hooks, name);
          if (isHook(hook)) await this.#call(hook, hooks, event);
        }
      }
    }
    this.#working = undefined;
  }

  async #call(hook: AnyHook, hooks: HooksOf<Event>, event: Event): Promise<void> {
    try {
      const outcome = this.#bound(() => hook.call(hooks, event));
      if (isThenable(outcome) && !(await this.#inTime(outcome, hook))) {
        this.#hung.add(hook);
        this.report(new MillraceError(`the hook for ${event.type} has not ended after ${hookTimeoutMs} ms`), event);
      }
    } catch (error) {
      this.report(error, event);
    }
  }

  async #inTime(outcome: PromiseLike<unknown>, hook: AnyHook): Promise<boolean> {
    const ended = Promise.resolve(outcome).then(() => true);
    if (this.#hung.has(hook)) {
      ended.catch((error: unknown) => this.report(error));
      return true;
    }
    let clear = (): void => {};
    const late = new Promise<boolean>((resolve) => {
      clear = after(hookTimeoutMs, () => resolve(false), true);
    });
    try {
      return await Promise.race([ended, late]);
    } finally {
      clear();
    }
  }
}

const hookNames = new Map<string, string>();

/** `tool-call-start` → `onToolCallStart`. */
function hookName(type: string): string {
  let name = hookNames.get(type);
  if (!name) {
    name = `on${type.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase())}`;
    hookNames.set(type, name);
  }
  return name;
}

function isHook(value: unknown): value is AnyHook {
  return typeof value === "function";
}
