import { Message } from "./message.ts";

/** A call to an agent, for the record: `agent`, its arguments, the `messages` that it was sent. */
export class AgentCallNode extends Message {
  static override readonly className: string = "AgentCallNode";
}

/** What an agent replied, for the record: `agent`, the `agent_call` and the `replies`. */
export class AgentReplyNode extends Message {
  static override readonly className: string = "AgentReplyNode";
}
