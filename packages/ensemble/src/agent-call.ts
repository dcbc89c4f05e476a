import type { MessageInput } from "./message-input.ts";
import type { MessageSequencePromise } from "./message-sequence.ts";
import type { OpenCall, OpenCalls } from "./scope.ts";
import type { SequenceWriter } from "./sequence-writer.ts";

/** A call to an agent that messages can be sent to while it replies. */
export class AgentCall implements OpenCall {
  readonly #input: SequenceWriter;
  readonly #replies: MessageSequencePromise;
  readonly #siblings: OpenCalls | undefined;

  /** @internal */
  constructor(input: SequenceWriter, replies: MessageSequencePromise, siblings: OpenCalls | undefined) {
    this.#input = input;
    this.#replies = replies;
    this.#siblings = siblings;
    siblings?.add(this);
  }

  /**
   * Sends to the agent.
   *
   * @throws an `AppenderClosedError` after {@link finish}
   */
  send(messages: MessageInput | null | undefined): this {
    this.#input.add(messages);
    return this;
  }

  /** Sends without waiting for what was sent before to come. */
  sendOutOfOrder(messages: MessageInput | null | undefined): this {
    this.#input.addOutOfOrder(messages);
    return this;
  }

  /**
   * What the agent replies.
   *
   * @param options `finish`: whether nothing more will be sent. Default: true.
   */
  replySequence({ finish = true }: { finish?: boolean } = {}): MessageSequencePromise {
    if (finish) this.finish();
    return this.#replies;
  }

  /** Says that nothing more will be sent. A call is finished at the latest when the agent that began it ends. */
  finish(): void {
    this.#siblings?.delete(this);
    if (!this.#input.isClosed) this.#input.close();
  }

  get isFinished(): boolean {
    return this.#input.isClosed;
  }
}
