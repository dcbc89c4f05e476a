import type { AssistantPart, Message, ToolCallPart, ToolMessage } from "millrace";
import { noResult } from "./plain.ts";

/** What a front end holds of a conversation, as our messages. */
export interface ClientHistory {
  /** Valid for every provider: it begins with the user, and each call has exactly one result. */
  readonly messages: readonly Message[];
  /** For each of the messages the id that the front end has for it. */
  readonly ids: readonly string[];
}

/** Builds a {@link ClientHistory}. What would make it invalid is left out. */
export class ClientHistoryBuilder {
  readonly messages: Message[] = [];
  readonly ids: string[] = [];

  user(id: string, content: Extract<Message, { role: "user" }>["content"]): void {
    if (content.length > 0) this.#add(id, { role: "user", content });
  }

  /** An answer, and the results of its calls. A call that has none gets one that says so. */
  assistant(id: string, parts: readonly AssistantPart[], results: ReadonlyMap<string, ToolMessage>): void {
    // A conversation begins with its user: what a page greets them with is no answer.
    if (this.messages.length === 0) return;
    const calls = new Map<string, ToolCallPart>();
    const content = parts.filter((part) => {
      if (part.type !== "tool-call") return !("text" in part) || part.text !== "";
      const isNew = !calls.has(part.callId);
      if (isNew) calls.set(part.callId, part);
      return isNew;
    });
    // Reasoning alone is what remains of an answer that was cut; no provider takes it back.
    if (content.every(({ type }) => type === "reasoning")) return;
    this.#add(id, { role: "assistant", content });
    for (const { callId, name } of calls.values()) {
      this.#add(id, results.get(callId) ?? { role: "tool", callId, name, content: noResult, isError: true });
    }
  }

  #add(id: string, message: Message): void {
    this.messages.push(message);
    this.ids.push(id);
  }
}
