import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { AgentEvent } from "millrace";
import { WireDecoder } from "millrace/wire";
import { nodeListener } from "../src/node.ts";

/** A handler behind real HTTP on this machine. */
export interface Served extends AsyncDisposable {
  readonly url: string;
  readonly sockets: ReadonlySet<Socket>;
}

export async function serve(handler: (request: Request) => Response | Promise<Response>): Promise<Served> {
  const server = createServer(nodeListener(handler));
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/chat`,
    sockets,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a stream of server-sent events says, read by a parser that is not ours. */
export async function* messagesOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<EventSourceMessage> {
  const queue: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => queue.push(message) });
  const decoder = new TextDecoder();
  for await (const bytes of body ?? []) {
    parser.feed(decoder.decode(bytes, { stream: true }));
    yield* queue.splice(0);
  }
}

/** The events of a response. */
export async function* eventsOf(response: Response, decoder = new WireDecoder()): AsyncGenerator<AgentEvent> {
  for await (const { id, data } of messagesOf(response.body)) {
    const event = decoder.decode(JSON.parse(data));
    if (id !== String(event.seq)) throw new Error(`id ${id} at event ${event.seq}`);
    yield event;
  }
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

export function textIn(events: readonly AgentEvent[]): string {
  return events.map((event) => (event.type === "text-delta" ? event.text : "")).join("");
}

/** A message of a user, who is named by a header here. */
export function say(url: string, input: unknown, { user = "ada", chatId = "c1" } = {}): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "x-user": user },
    body: JSON.stringify({ chatId, input, userId: "mallory" }),
  });
}

export const authenticate = (request: Request): string | undefined => request.headers.get("x-user") ?? undefined;

/** Waits until it holds, or gives up after five seconds: then the assertion that follows says what is wrong. */
export async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; waited < 5000 && !holds(); waited += 5) await pause(5);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
