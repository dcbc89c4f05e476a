import { type AgentEvent, errorMessage, type Json, maskSecrets } from "millrace";
import { jsonOf } from "millrace/wire";

/** A copy that is JSON: of errors their plain data, without stack and secrets. */
export function plain(value: unknown): Json {
  return JSON.parse(jsonOf(value));
}

/** An error's message as a user may read it. */
export function safeMessage(error: unknown): string {
  return maskSecrets(errorMessage(error));
}

/** What neither protocol has a word for, but a page may want to tell: the event's own fields. Undefined for other events. */
export function noticeOf(event: AgentEvent): { readonly [field: string]: Json } | undefined {
  switch (event.type) {
    case "retry":
      return { attempt: event.attempt, delayMs: event.delayMs, message: safeMessage(event.error) };
    case "model-switched":
      return { from: event.from, to: event.to, message: safeMessage(event.error) };
    case "context-overflow":
      return { tokens: event.tokens, limit: event.limit, by: event.by };
    case "budget-exceeded":
      return { by: event.by, spent: event.spent, limit: event.limit };
    case "max-turns-reached":
      return { maxTurns: event.maxTurns };
    case "stopped":
      return { reason: event.reason, by: event.by };
    default:
      return undefined;
  }
}

/** Why a call has no result that its run has left open. */
export const noResult = "No result: the run ended before this tool call had one.";

/** What is said of calls that belong to an answer which the model was asked for again. */
export const voidCall = "Void: the request was repeated.";
