import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Agent, AgentEvent, Run } from "millrace";
import { WireEncoder } from "millrace/wire";

/** One run that the server keeps: its events as they are sent, and who waits for more. */
interface Kept {
  run: Run;
  lines: string[];
  isOver: boolean;
  wake: Set<() => void>;
}

/** A small server of runs, written for the tests: it shows what a client has to live with. */
export class ChatServer {
  readonly requests: { method: string; url: string; headers: IncomingMessage["headers"]; body: string }[] = [];
  /** Answers instead of the server while it gives true. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** After how many bytes the first stream is cut, the second … */
  readonly cuts: number[] = [];
  /** How many bytes of events went out. */
  sent = 0;
  readonly runs = new Map<string, Kept>();
  readonly #agent: Agent;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(agent: Agent) {
    this.#agent = agent;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) throw new Error("expected a port");
    return `http://127.0.0.1:${address.port}/chat`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { run } of this.runs.values()) run.stop();
    this.cutAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Cuts every connection, as a lost network does. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(request);
    const { method = "", url = "", headers } = request;
    this.requests.push({ method, url, headers, body });
    if (this.intercept?.(request, response)) return;
    if (method === "POST") return this.#send(this.#start(body), -1, response);
    const { searchParams } = new URL(url, "http://host");
    const ofChat = [...this.runs.values()].findLast(({ run }) => run.info.chatId === searchParams.get("chat"));
    const kept = this.runs.get(searchParams.get("run") ?? "") ?? ofChat;
    if (!kept && searchParams.has("chat")) {
      response.writeHead(204).end();
      return;
    }
    if (!kept) {
      response.writeHead(404, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { code: "not-found", message: "there is no such run" } }));
      return;
    }
    if (method === "GET") return this.#send(kept, Number(headers["last-event-id"] ?? -1), response);
    kept.run.stop();
    response.writeHead(204).end();
  }

  #start(body: string): Kept {
    const { input, chatId } = JSON.parse(body);
    const run = this.#agent.respond(input, { userId: "u1", chatId });
    const kept: Kept = { run, lines: [], isOver: false, wake: new Set() };
    this.runs.set(run.id, kept);
    void this.#keep(kept);
    return kept;
  }

  async #keep(kept: Kept): Promise<void> {
    const encoder = new WireEncoder();
    try {
      for await (const event of kept.run) {
        kept.lines.push(frame(event, encoder));
        for (const wake of kept.wake) wake();
      }
    } catch {
      // It is in the run's final event.
    }
    kept.isOver = true;
    for (const wake of kept.wake) wake();
  }

  async #send(kept: Kept, lastSeq: number, response: ServerResponse): Promise<void> {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    let left = this.cuts.shift() ?? Number.POSITIVE_INFINITY;
    const isRude = left % 2 === 0;
    const closed = new Promise((resolve) => response.once("close", resolve));
    for (let at = lastSeq + 1; !response.destroyed; at++) {
      const line = kept.lines[at];
      if (line === undefined) {
        if (kept.isOver) break;
        await Promise.race([new Promise<void>((resolve) => kept.wake.add(resolve)), closed]);
        at--;
        continue;
      }
      const bytes = Buffer.from(line).subarray(0, left);
      left -= bytes.length;
      this.sent += bytes.length;
      if (!response.write(bytes)) {
        await Promise.race([new Promise((resolve) => response.once("drain", resolve)), closed]);
      }
      if (left <= 0) {
        if (!isRude) break;
        setTimeout(() => response.destroy(), 5);
        return;
      }
    }
    response.end();
  }
}

function frame(event: AgentEvent, encoder: WireEncoder): string {
  return `id: ${event.seq}\ndata: ${encoder.encode(event)}\n\n`;
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text;
}
