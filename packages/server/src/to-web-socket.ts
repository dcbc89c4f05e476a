import type { AgentEvent, Run } from "millrace";
import { framesOf } from "./frames.ts";
import { HttpError } from "./http-error.ts";
import { toInput } from "./read-message.ts";

/** The part of a WebSocket that is used: those of browsers' kind (Deno, workers) have it, and those of `ws`. */
export interface WebSocketLike {
  readonly readyState: number;
  /** Bytes that wait to be sent. Where a runtime does not tell, a slow reader is not noticed. */
  readonly bufferedAmount?: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open" | "close" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  removeEventListener(type: "open" | "close" | "error", listener: () => void): void;
  removeEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
}

/** Options of {@link toWebSocket}. */
export interface WebSocketOptions {
  /** The next event is asked for when no more than so many bytes wait to be sent. Default: 65,536. */
  maxBufferedBytes?: number;
  /** A longer message from the peer closes the connection, in characters. Default: 1 Mi. */
  maxMessageLength?: number;
}

const connecting = 0;
const open = 1;

/**
 * Sends the events of a run over a WebSocket, each as a message of JSON, as `millrace/wire` writes it, and closes it at the
 * end. The run is read as fast as the socket takes it. A socket that closes leaves the run, which stops it.
 *
 * The peer may send `{ "type": "stop", "reason"? }` and `{ "type": "send", "input" }`, which do what `run.stop()` and
 * `run.send()` do; anything else closes the connection with code 1008. Who is connected, and from which page (see
 * {@link isAllowedOrigin}), is for you to check before.
 *
 * @param run a run, or anything that gives its events, such as `attach()`, which a peer cannot stop or send to
 * @returns when the connection has ended; never rejects
 */
export async function toWebSocket(
  run: Run | AsyncIterable<AgentEvent>,
  socket: WebSocketLike,
  options: WebSocketOptions = {},
): Promise<void> {
  const { maxBufferedBytes = 65_536, maxMessageLength = 1024 * 1024 } = options;
  const frames = framesOf(run);
  const listen = ({ data }: { readonly data: unknown }): void => {
    const problem = obey(run, data, maxMessageLength);
    if (problem) socket.close(1008, problem);
  };
  const leave = (): void => void frames.leave().catch(() => {});
  socket.addEventListener("message", listen);
  socket.addEventListener("close", leave);
  socket.addEventListener("error", leave);
  try {
    await opened(socket);
    while (socket.readyState === open) {
      const frame = await frames.next();
      if (!frame) break;
      if (socket.readyState === open) socket.send(frame.line);
      await drained(socket, maxBufferedBytes);
    }
    if (socket.readyState === open) socket.close(1000);
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
function obey(run: Run | AsyncIterable<AgentEvent>, text: unknown, maxLength: number): string | undefined {
  if (typeof text !== "string" || text.length > maxLength) return `expected a text of at most ${maxLength} characters`;
  const message = parse(text);
  if (message?.["type"] === "stop") {
    const { reason } = message;
    if ("stop" in run) run.stop(typeof reason === "string" ? reason : "stopped by the user");
    return undefined;
  }
  if (message?.["type"] !== "send") return "expected a message of type stop or send";
  try {
    const input = toInput(message["input"]);
    if ("send" in run && !run.final) run.send(input);
    return undefined;
  } catch (error) {
    return error instanceof HttpError ? error.message : "the run takes no more messages";
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** A socket that was just upgraded may not be open yet. */
async function opened(socket: WebSocketLike): Promise<void> {
  if (socket.readyState !== connecting) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      for (const type of ["open", "close", "error"] as const) socket.removeEventListener(type, done);
      resolve();
    };
    for (const type of ["open", "close", "error"] as const) socket.addEventListener(type, done);
  });
}

/** Waits until the peer has taken enough. No kind of socket but `ws` has an event for it, so it is asked. */
async function drained(socket: WebSocketLike, maxBytes: number): Promise<void> {
  for (let ms = 1; socket.readyState === open && (socket.bufferedAmount ?? 0) > maxBytes; ms = Math.min(ms * 2, 50)) {
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}
