import { isThenable } from "millrace/runs";
import { type Fields, isPlainObject } from "./frozen.ts";
import { Message } from "./message.ts";
import type { MessagePromise } from "./message-promise.ts";
import { PieceSource } from "./piece-log.ts";
import { isAsyncIterable, isIterable } from "./pump.ts";

/**
 * What can be sent and replied: texts, messages, their fields, promises of them, errors (thrown at their place), and any
 * nesting of iterables, asynchronous iterables and promises of these.
 */
export type MessageInput =
  | string
  | Message
  | MessagePromise
  | Error
  | Fields
  | PieceSource<MessagePromise>
  | Iterable<MessageInput>
  | AsyncIterable<MessageInput>
  | PromiseLike<MessageInput>;

/**
 * What is sent, as it is at this moment: lists are copied, fields made messages. Only what comes by and by, asynchronous
 * iterables and promises, is left as it is.
 *
 * @throws what an iterable throws, and a `ValidationError` for fields that are no plain data
 */
export function freezeInput(input: unknown): unknown {
  if (typeof input !== "object" || input === null || isLeft(input)) return input;
  if (isIterable(input)) return Array.from(input, freezeInput);
  // It may fail before its turn comes, and is heard of then.
  if (input instanceof Promise) input.catch(() => {});
  return isPlainObject(input) && !isThenable(input) ? new Message(input) : input;
}

function isLeft(input: object): boolean {
  return input instanceof Message || input instanceof PieceSource || input instanceof Error || isAsyncIterable(input);
}
