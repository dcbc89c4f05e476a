import type { AgentEvent } from "millrace";
import { TextToken } from "./message.ts";

/**
 * Something that a run has told beside its text, at its place in the text: a tool was called, gave a result, failed; a
 * request was repeated. As a text it is empty, so that who only wants the text need not know of it.
 */
export class EventToken extends TextToken {
  static override readonly className: string = "EventToken";

  readonly #event: AgentEvent;

  constructor(event: AgentEvent) {
    super("", { type: event.type });
    this.#event = event;
  }

  /** The event itself, as the run has told it. */
  get event(): AgentEvent {
    return this.#event;
  }
}
