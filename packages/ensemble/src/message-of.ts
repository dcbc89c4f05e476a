import type { Run } from "millrace";
import { AssistantMessage } from "./chat-messages.ts";
import { type Fields, Frozen } from "./frozen.ts";
import type { Message, Token } from "./message.ts";
import { MessagePromise, textFrom } from "./message-promise.ts";
import { streamFrom } from "./pump.ts";
import { RunTokens } from "./run-tokens.ts";
import { currentScope } from "./scope.ts";
import type { PromiseOptions } from "./streamed-promise.ts";

/** Options of {@link messageOf}. */
export interface MessageOfOptions extends PromiseOptions {
  /** Fields of the message that are known before its text. */
  knownBeforehand?: Fields;
}

/**
 * The answer of a run as the promise of a message. Its tokens are the text, with an {@link EventToken} at the place of
 * each event of a tool; the message is an {@link AssistantMessage} with `model`, `usage`, `stopReason`, and where there are
 * any `costUsd` and `object`. The run goes on to its end, read or not, unless the ensemble is cancelled.
 *
 * @throws a `ConfigError` for a run that has a reader already
 * @example
 * ```ts
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 * import { messageOf } from "@millrace/ensemble";
 *
 * const agent = new Agent({ name: "echo", model: echoModel() });
 * const message = messageOf(agent.respond("Hello!", { userId: "u1", chatId: "c1" }));
 * for await (const token of message) process.stdout.write(String(token));
 * console.log((await message).get("stopReason"));
 * ```
 */
export function messageOf(run: Run, options: MessageOfOptions = {}): MessagePromise {
  return messageOfTokens(new RunTokens(run), options);
}

/** @internal */
export function messageOfTokens(tokens: RunTokens, options: MessageOfOptions): MessagePromise {
  const { knownBeforehand = {}, maxPieces, startSoon, within } = options;
  const scope = currentScope(within);
  const known = new Frozen({ role: "assistant", ...knownBeforehand });
  const stream = streamFrom({
    open: () => tokens,
    convert: (token: Token) => token,
    scope,
    maxPieces: maxPieces ?? scope.ensemble?.maxPieces,
  });
  const text = textFrom(stream);
  const make = async (): Promise<Message> => {
    await text();
    return new AssistantMessage({ ...tokens.fields, ...known.fields(), content: tokens.text });
  };
  return new MessagePromise({ stream, known, make, startSoon, within });
}
