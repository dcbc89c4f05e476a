import type { Fields } from "./frozen.ts";
import { TextMessage } from "./message.ts";

/** What a user says. */
export class UserMessage extends TextMessage {
  static override readonly className: string = "UserMessage";
  static override readonly defaults: Fields = { ...TextMessage.defaults, role: "user" };

  declare readonly role: string;
}

/** What a model is told to do. */
export class SystemMessage extends TextMessage {
  static override readonly className: string = "SystemMessage";
  static override readonly defaults: Fields = { ...TextMessage.defaults, role: "system" };

  declare readonly role: string;
}

/** What a model answers. */
export class AssistantMessage extends TextMessage {
  static override readonly className: string = "AssistantMessage";
  static override readonly defaults: Fields = {
    ...TextMessage.defaults,
    role: "assistant",
    model: null,
    agent_alias: null,
  };

  declare readonly role: string;
  /** The id of the model. */
  declare readonly model: string | null;
  /** The agent that has answered. */
  declare readonly agent_alias: string | null;
}
