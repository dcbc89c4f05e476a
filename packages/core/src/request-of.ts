import type { AgentEvent, TurnStart } from "./events.ts";
import type { ModelRequest } from "./model.ts";

/** Held by nothing but their events: a run that nobody looks into keeps none. */
const requests = new WeakMap<AgentEvent, ModelRequest>();

/** Notes what is sent to the model after this event. */
export function withRequest(event: AgentEvent, request: ModelRequest): AgentEvent {
  requests.set(event, request);
  return event;
}

/**
 * What is sent to the model after a `turn-start`: the messages as they were fitted, instructions, tools, settings.
 * Only for events of this process: it is not part of an event's JSON, which would repeat the whole conversation each turn.
 * Undefined for an event that came over a wire or from a log.
 */
export function requestOf(event: TurnStart): ModelRequest | undefined {
  return requests.get(event);
}
