import type { Frames } from "./frames.ts";

/** The part of a WebSocket that is used: those of browsers' kind (Deno, workers) have it, and those of `ws`. */
export interface WebSocketLike {
  readonly readyState: number;
  /** Bytes that wait to be sent. Where a runtime does not tell, a slow reader is not noticed. */
  readonly bufferedAmount?: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  /** Ends the connection to a peer that is gone, where the socket can. */
  terminate?(): void;
  addEventListener(type: "open" | "close" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  removeEventListener(type: "open" | "close" | "error", listener: () => void): void;
  removeEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
}

/** Why a socket is closed: statuses of HTTP, in the range that every runtime lets programs use. */
export const closeCodes = { invalidMessage: 4400, silent: 4408, tooLarge: 4413, tooMany: 4429 } as const;

/** So many bytes may wait to be sent before the next frame is asked for. */
export const defaultMaxBuffered: number = 65_536;

const connecting = 0;
const open = 1;

/** Whether it can be written to. */
export function isOpen({ readyState }: WebSocketLike): boolean {
  return readyState === open;
}

/**
 * Waits until a socket that was just upgraded is open, or is not any more. From then on its errors, which close it, have a
 * listener: one of `ws` would throw them at the process, also those that come after its last reader has gone.
 */
export async function opened(socket: WebSocketLike): Promise<void> {
  socket.addEventListener("error", () => {});
  if (socket.readyState !== connecting) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      for (const type of ["open", "close", "error"] as const) socket.removeEventListener(type, done);
      resolve();
    };
    for (const type of ["open", "close", "error"] as const) socket.addEventListener(type, done);
  });
}

/**
 * Sends frames as fast as the peer takes them, until they end or the socket is not open any more.
 *
 * @param pass is waited for before each frame
 */
export async function sendFrames(
  frames: Frames,
  socket: WebSocketLike,
  maxBufferedBytes: number,
  pass?: () => Promise<void> | undefined,
): Promise<void> {
  while (isOpen(socket)) {
    await pass?.();
    const frame = await frames.next();
    if (!frame) return;
    if (isOpen(socket)) socket.send(frame.line);
    await drained(socket, maxBufferedBytes);
  }
}

/** Waits until the peer has taken enough. No kind of socket but `ws` has an event for it, so it is asked. */
export async function drained(socket: WebSocketLike, maxBytes: number = defaultMaxBuffered): Promise<void> {
  for (let ms = 1; isOpen(socket) && (socket.bufferedAmount ?? 0) > maxBytes; ms = Math.min(ms * 2, 50)) {
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}
