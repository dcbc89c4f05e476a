import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { ChatSocketHandler } from "../chat-socket.ts";
import type { WebSocketLike } from "../web-socket-like.ts";
import { toRequest } from "./to-request.ts";

/** The part of a `WebSocketServer` of `ws` that is used. */
export interface WebSocketServerLike {
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, accept: (socket: WebSocketLike) => void): void;
}

/**
 * A handler of `createChatSocket` as a listener of `upgrade` of `node:http`, over the package `ws`. What it refuses is
 * answered before a socket is made.
 *
 * @param server of `ws`, with `noServer: true`, and with a `maxPayload`: what is longer it does not keep
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { createChatSocket } from "@millrace/server";
 * import { nodeUpgrade } from "@millrace/server/node";
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 * import { WebSocketServer } from "ws";
 *
 * const accept = createChatSocket(new Agent({ name: "echo", model: echoModel() }), { authenticate: () => "ada" });
 * const sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 });
 * createServer().on("upgrade", nodeUpgrade(accept, sockets));
 * ```
 */
export function nodeUpgrade(
  handler: ChatSocketHandler,
  server: WebSocketServerLike,
): (incoming: IncomingMessage, socket: Duplex, head: Buffer) => void {
  return (incoming, socket, head) => {
    // Node listens no more to the errors of a socket that is to be upgraded.
    socket.on("error", () => {});
    const leaving = new AbortController();
    socket.once("close", () => leaving.abort());
    const request = toRequest(incoming, leaving.signal);
    const asked = request ? handler(request) : Promise.resolve(new Response(null, { status: 400 }));
    asked
      .then((found) => {
        if (found instanceof Response) return refuse(socket, found);
        server.handleUpgrade(incoming, socket, head, (accepted) => void found(accepted));
      })
      .catch((error: unknown) => {
        console.error(error);
        socket.destroy();
      });
  };
}

async function refuse(socket: Duplex, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  const headers = new Headers(response.headers);
  headers.set("content-length", String(body.length));
  headers.set("connection", "close");
  const lines = [`HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ""}`];
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  socket.end(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body]));
}
