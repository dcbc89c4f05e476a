import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { MessageBuilder } from "../src/message-builder.ts";
import type { Model, ModelEvent } from "../src/model.ts";
import { SseParser } from "../src/sse.ts";
import { noUsage } from "../src/usage.ts";

/** A server on this machine, and what it has seen. */
export interface Loopback extends AsyncDisposable {
  readonly url: string;
  /** Requests so far. */
  requests: number;
  /** Answers whose connection was closed, by whichever side. */
  closed: number;
  /** Sockets that are open. */
  readonly sockets: ReadonlySet<Socket>;
}

/** Answers each request with `handle`, over real HTTP. */
export async function serve(
  handle: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<Loopback> {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    loopback.requests++;
    response.on("close", () => loopback.closed++);
    response.on("error", () => {});
    handle(request, response);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  const { port } = server.address() as AddressInfo;
  const loopback = {
    url: `http://127.0.0.1:${port}/`,
    requests: 0,
    closed: 0,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return loopback;
}

/** Answers with these lines; the connection stays open unless they end with `[DONE]`. */
export function answering(...lines: string[]): (request: IncomingMessage, response: ServerResponse) => void {
  return (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const line of lines) response.write(`data: ${line}\n\n`);
    if (lines.at(-1) === "[DONE]") response.end();
  };
}

/** A model over HTTP: each line is a text, `call <name>` a tool call, `[DONE]` the end. */
export function httpModel(url: string): Model {
  return {
    provider: "own",
    id: "http",
    async *stream(_, { signal }): AsyncGenerator<ModelEvent> {
      const { body } = await fetch(url, { signal });
      const builder = new MessageBuilder();
      const parser = new SseParser();
      let calls = 0;
      for await (const bytes of body ?? []) {
        for (const { data } of parser.push(bytes)) {
          if (data === "[DONE]") {
            return yield builder.finish({ reason: builder.hasToolCalls ? "tool-calls" : "stop", usage: noUsage });
          }
          yield data.startsWith("call ")
            ? builder.toolCall(++calls, data.slice(5), `call_${calls}`)
            : builder.text(data);
        }
      }
    },
  };
}

/** Waits until it holds, or gives up after two seconds: then the assertion that follows says what is wrong. */
export async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; waited < 2000 && !holds(); waited += 5) await tick(5);
}

export function tick(ms = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export const ids: { userId: string; chatId: string } = { userId: "u", chatId: "c" };
