import type { IncomingMessage, ServerResponse } from "node:http";
import { toRequest } from "./to-request.ts";

/**
 * A handler of web requests as a listener of `node:http`, which Express and others take too. A response is written as
 * fast as the client reads it; a client that leaves aborts the request's signal and cancels the response.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { nodeListener } from "@millrace/server/node";
 *
 * createServer(nodeListener(async (request) => new Response(`You asked for ${request.url}`)));
 * ```
 */
export function nodeListener(
  handler: (request: Request) => Response | Promise<Response>,
): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  return (incoming, outgoing) => {
    const leaving = new AbortController();
    outgoing.on("close", () => leaving.abort());
    // A socket that fails is closed too.
    outgoing.on("error", () => {});
    const request = toRequest(incoming, leaving.signal);
    if (!request) {
      outgoing.writeHead(400).end();
      return;
    }
    answer(handler, request, outgoing).catch((error: unknown) => {
      console.error(error);
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(500).end();
    });
  };
}

async function answer(
  handler: (request: Request) => Response | Promise<Response>,
  request: Request,
  outgoing: ServerResponse,
): Promise<void> {
  const response = await handler(request);
  outgoing.writeHead(response.status, [...response.headers].flat());
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = response.body?.getReader();
  if (!reader) {
    outgoing.end();
    return;
  }
  outgoing.flushHeaders();
  const cancel = (): void => void reader.cancel().catch(() => {});
  if (outgoing.destroyed) return cancel();
  outgoing.on("close", cancel);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!outgoing.write(value)) await drained(outgoing);
  }
  outgoing.off("close", cancel);
  outgoing.end();
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      outgoing.off("drain", done);
      outgoing.off("close", done);
      resolve();
    };
    outgoing.on("drain", done);
    outgoing.on("close", done);
    if (outgoing.destroyed) done();
  });
}
