import type { OutputOf, Schema } from "./standard-schema.ts";
import {
  asPartial,
  type OpenCall,
  type PartialArgs,
  type Tool,
  type ToolContext,
  type ToolOptions,
  tool,
} from "./tool.ts";

/** What {@link streamingTool} takes. */
export interface StreamingToolOptions<S extends Schema, Result>
  extends Omit<ToolOptions<S, Result>, "execute" | "preview"> {
  /**
   * Does the work while the arguments arrive. `partials` gives them as far as they have come, the newest state each
   * time it is asked (a slow reader skips the ones between), and at last the whole, validated. It throws when they
   * will never be complete. Nothing before the last one is validated, or even certain to be executed.
   */
  execute(partials: AsyncIterable<PartialArgs<OutputOf<S>>>, context: ToolContext): Result | PromiseLike<Result>;
}

/**
 * Makes a tool that begins with the first of its arguments instead of waiting for the last: it writes a file or a
 * draft while the model still dictates. All other tools run only when the model's message is complete.
 *
 * @throws {@link ConfigError} naming the option that cannot work
 */
export function streamingTool<S extends Schema, Result>(
  options: StreamingToolOptions<S, Result>,
): Tool<OutputOf<S>, Result> {
  const { execute, ...rest } = options;
  const begin = (context: ToolContext): StreamingCall<OutputOf<S>, Result> =>
    new StreamingCall((partials, signal) => execute.call(options, partials, { ...context, signal }));
  const whole = tool<S, Result>({
    ...rest,
    execute(args, context) {
      const { signal } = context;
      const call = begin(context);
      signal.addEventListener("abort", () => call.fail(signal.reason), { once: true });
      return call.finish(args);
    },
  });
  return { ...whole, begin };
}

class StreamingCall<Args, Result> implements OpenCall {
  readonly #controller = new AbortController();
  readonly #result: Promise<Result>;
  #unread: { readonly partial: unknown } | undefined;
  #end: { readonly error?: Error } | undefined;
  #wake: () => void = () => {};

  constructor(
    execute: (partials: AsyncIterable<PartialArgs<Args>>, signal: AbortSignal) => Result | PromiseLike<Result>,
  ) {
    this.#result = (async () => execute(this.#partials(), this.#controller.signal))();
    // Whoever finishes the call hears of it; a call that is abandoned has nobody to tell.
    this.#result.catch(() => {});
  }

  give(partial: unknown): void {
    if (this.#end) return;
    this.#unread = { partial };
    this.#wake();
  }

  finish(args: unknown): Promise<Result> {
    this.give(args);
    this.#end ??= {};
    return this.#result;
  }

  fail(error: Error): void {
    this.#end ??= { error };
    this.#controller.abort(error);
    this.#wake();
  }

  async *#partials(): AsyncGenerator<PartialArgs<Args>, void, undefined> {
    for (;;) {
      const unread = this.#unread;
      this.#unread = undefined;
      if (this.#end?.error) throw this.#end.error;
      if (unread) {
        yield asPartial(unread.partial);
      } else if (this.#end) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
