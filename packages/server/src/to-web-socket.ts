import type { Run, StreamEvent } from "millrace";
import { framesOf } from "./frames.ts";
import { HttpError } from "./http-error.ts";
import { parseObject, toInput } from "./read-message.ts";
import { closeCodes, defaultMaxBuffered, isOpen, opened, sendFrames, type WebSocketLike } from "./web-socket-like.ts";

/** Options of {@link toWebSocket}. */
export interface WebSocketOptions {
  /** The next event is asked for when no more than so many bytes wait to be sent. Default: 65,536. */
  maxBufferedBytes?: number;
  /** A longer message from the peer closes the connection, in characters. Default: 1 Mi. */
  maxMessageLength?: number;
}

/**
 * Sends the events of a run over a WebSocket, each as a message of JSON, as `millrace/wire` writes it, and closes it at the
 * end. The run is read as fast as the socket takes it. A socket that closes leaves the run, which stops it.
 *
 * The peer may send `{ "type": "stop", "reason"? }` and `{ "type": "send", "input" }`, which do what `run.stop()` and
 * `run.send()` do; anything else closes the connection with code 4400, or 4413 where it is too long. Who is connected, and
 * from which page (see {@link isAllowedOrigin}), is for you to check before; `createChatSocket` does.
 *
 * @param run a run, or anything that gives its events, such as `attach()`, which a peer cannot stop or send to
 * @returns when the connection has ended; never rejects
 */
export async function toWebSocket(
  run: Run | AsyncIterable<StreamEvent>,
  socket: WebSocketLike,
  options: WebSocketOptions = {},
): Promise<void> {
  const { maxBufferedBytes = defaultMaxBuffered, maxMessageLength = 1024 * 1024 } = options;
  const frames = framesOf(run);
  const listen = ({ data }: { readonly data: unknown }): void => {
    const isTooLarge = typeof data === "string" && data.length > maxMessageLength;
    const problem = isTooLarge ? `expected at most ${maxMessageLength} characters` : obey(run, data);
    if (problem) socket.close(isTooLarge ? closeCodes.tooLarge : closeCodes.invalidMessage, problem);
  };
  const leave = (): void => void frames.leave().catch(() => {});
  socket.addEventListener("message", listen);
  socket.addEventListener("close", leave);
  socket.addEventListener("error", leave);
  try {
    await opened(socket);
    await sendFrames(frames, socket, maxBufferedBytes);
    if (isOpen(socket)) socket.close(1000);
  } catch {
    // A socket that failed while it was written to: nobody is left to be told.
  } finally {
    await frames.leave().catch(() => {});
    socket.removeEventListener("message", listen);
    socket.removeEventListener("close", leave);
    socket.removeEventListener("error", leave);
  }
}

/** Does what the peer asks; gives what is wrong with it. A run that has just ended is no fault of the peer. */
function obey(run: Run | AsyncIterable<StreamEvent>, text: unknown): string | undefined {
  try {
    const message = typeof text === "string" ? parseObject(text) : {};
    if (message["type"] === "stop") {
      const { reason } = message;
      if ("stop" in run) run.stop(typeof reason === "string" ? reason : "stopped by the user");
      return undefined;
    }
    if (message["type"] !== "send") return "expected a message of type stop or send";
    const input = toInput(message["input"]);
    if ("send" in run && !run.final) run.send(input);
    return undefined;
  } catch (error) {
    return error instanceof HttpError ? error.message : "the run takes no more messages";
  }
}
