import { ConfigError, ModelError, type ModelErrorKind } from "../errors.ts";
import { isModelError } from "../is-model-error.ts";
import type { Model, ModelEvent, ModelSwitch } from "../model.ts";
import { callable, fields, millisecondsOrNone } from "../option-checks.ts";
import { relay } from "./relay.ts";

/** Options of {@link fallback}. */
export interface FallbackOptions {
  /**
   * Whether another model is asked after this error. Default: after every `ModelError` but of the kinds
   * `invalid-request` (the next model would refuse it too; a model that is gone, status 404, does not count as such) and
   * `content-filter` (what one provider does not answer is not quietly asked of another).
   */
  when?: (error: ModelError) => boolean;
  /**
   * How long a model that failed is asked last, in milliseconds; longer where its provider asks for it
   * (`retryAfterMs`). Not for errors that are about the request. Default: 60,000.
   */
  cooldownMs?: number;
}

/** A model that failed lately. */
interface Cooldown {
  readonly until: number;
  readonly error: ModelError;
}

/**
 * Asks the first model, and where it fails the next one, and so on. Each change is announced by a `model-switched`
 * event; whatever had arrived before it is void. The result has the `provider` and `id` of the first model.
 *
 * A model that failed rests for `cooldownMs`: until then all runs that share the result of this call ask it last. What
 * one provider keeps in messages for itself (signatures, encrypted reasoning) is never sent to another: each provider's
 * encoder reads only its own.
 *
 * Wrap each model in {@link retry} to have its passing failures survived before the next one is asked, and in
 * {@link timeout} to have a silent one replaced.
 *
 * @example
 * ```ts
 * import { fallback, retry } from "millrace/models";
 * import { anthropic } from "@millrace/anthropic";
 * import { openai } from "@millrace/openai";
 *
 * const model = fallback([retry(openai("gpt-5.4")), anthropic("claude-sonnet-5-5")]);
 * ```
 *
 * Throws, while it streams, what the last model failed with; where there were several, as a `ModelError` with the same
 * facts, whose `cause` is an `AggregateError` of all of them.
 *
 * @throws {@link ConfigError} without a model, or when an option cannot work
 */
export function fallback(models: readonly Model[], options: FallbackOptions = {}): Model {
  const [first] = models;
  if (!first) throw new ConfigError("fallback", "expected at least one model, got an empty list");
  fields({ when: callable, cooldownMs: millisecondsOrNone })(options, "fallback");
  const { when = isWorthAnother, cooldownMs = 60_000 } = options;
  const cooldowns = new Map<Model, Cooldown>();
  const rest = (model: Model, error: ModelError): void => {
    const ms = Math.max(cooldownMs, error.retryAfterMs ?? 0);
    if (!isAboutRequest(error)) cooldowns.set(model, { until: Date.now() + ms, error });
  };
  const isResting = (model: Model): boolean => Date.now() < (cooldowns.get(model)?.until ?? 0);

  return {
    provider: first.provider,
    id: first.id,
    stream(request, { signal }) {
      const queue = models.toSorted((a, b) => Number(isResting(a)) - Number(isResting(b)));
      const errors: ModelError[] = [];
      let current = queue.shift() ?? first;
      const open = (): AsyncIterable<ModelEvent> => current.stream(request, { signal });
      // That the first model rests is a switch too.
      const lately = current === first ? undefined : cooldowns.get(first);
      return relay({ ...(lately && { event: switched(first, current, lately.error) }), open }, (error) => {
        signal.throwIfAborted();
        if (!isModelError(error)) throw error;
        errors.push(error);
        if (!when(error)) throw failed(errors, error);
        rest(current, error);
        const next = queue.shift();
        if (!next) throw failed(errors, error);
        const event = switched(current, next, error);
        current = next;
        return { event, open };
      });
    },
  };
}

function switched(from: Model, to: Model, error: ModelError): ModelSwitch {
  return { type: "model-switched", from: nameOf(from), to: nameOf(to), error };
}

function nameOf({ provider, id }: Model): string {
  return `${provider}/${id}`;
}

/** Kinds that say something of the request, and nothing of the state that the model is in. */
const requestKinds: ReadonlySet<ModelErrorKind> = new Set([
  "context-overflow",
  "invalid-request",
  "content-filter",
  "unsupported",
]);

function isAboutRequest({ kind, status }: ModelError): boolean {
  return requestKinds.has(kind) && status !== 404;
}

function isWorthAnother({ kind, status }: ModelError): boolean {
  return status === 404 || (kind !== "invalid-request" && kind !== "content-filter");
}

function failed(errors: readonly ModelError[], last: ModelError): ModelError {
  const others = errors.slice(0, -1);
  if (others.length === 0) return last;
  const before = others.map(({ message }) => message).join("; ");
  const cause = new AggregateError(errors, `${errors.length} models failed`);
  return new ModelError(`${last.message} (before it: ${before})`, last, { cause });
}
