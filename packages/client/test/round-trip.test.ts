import { once } from "node:events";
import { createServer } from "node:http";
import { connect as connectTo, createServer as createTcpServer, type Socket } from "node:net";
import { type Client, connect } from "@millrace/client";
import { createChatHandler, createChatSocket, type EventLog, memoryEventLog } from "@millrace/server";
import { nodeUpgrade } from "@millrace/server/node";
import fc from "fast-check";
import { Agent, type AgentEvent } from "millrace";
import { scriptedModel } from "millrace/testing";
import { WireEncoder } from "millrace/wire";
import { expect, onTestFinished, test } from "vitest";
import { WebSocketServer } from "ws";
import { anyStream } from "../../core/test/any-event.ts";

/** Every kind of event, with whatever breaks lines, frames and encoders, from a log at the server to a reader. */

const agent = new Agent({ name: "a", model: scriptedModel([]) });
const usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
const history = { messages: [], simplified: [], added: [] };

/** A stream as a run of Ada has it: numbered, with a final at its end. */
const anyRun = anyStream.map((events): { runId: string; events: AgentEvent[] } => {
  const end = events.findIndex(({ type }) => type === "final");
  const run = { id: `run_${++runs}`, agentName: "a", userId: "ada", chatId: `c${runs}` };
  const sent = end < 0 ? events : events.slice(0, end + 1);
  if (end < 0) {
    sent.push({
      ...{ type: "final", seq: 0, at: 0, run, stopReason: "completed", output: "" },
      ...{ history, usage, turns: 0, durationMs: 0 },
    });
  }
  for (const [seq, event] of sent.entries()) Object.assign(event, { seq, run });
  return { runId: run.id, events: sent };
});
let runs = 0;

function linesOf(events: readonly AgentEvent[]): string[] {
  const encoder = new WireEncoder();
  return events.map((event) => encoder.encode(event));
}

async function keep(log: EventLog, events: readonly AgentEvent[]): Promise<void> {
  const [first] = events;
  if (!first) throw new Error("a run has events");
  await log.begin(first.run);
  await log.end(first.run.id, linesOf(events));
}

async function readAll(client: Client, runId: string): Promise<AgentEvent[]> {
  const events: AgentEvent[] = [];
  const run = client.attach(runId);
  try {
    for await (const event of run) events.push(event);
  } catch (error) {
    // What the run failed with, and nothing else.
    expect(error).toBe(run.final?.error);
  }
  return events;
}

async function expectExact(log: EventLog, client: Client, numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(anyRun, async ({ runId, events }) => {
      await keep(log, events);
      const back = await readAll(client, runId);
      expect(linesOf(back)).toEqual(linesOf(events));
      expect(JSON.parse(JSON.stringify(back))).toEqual(JSON.parse(JSON.stringify(events)));
    }),
    { numRuns },
  );
}

test("server-sent events in pieces of one byte", async () => {
  const log = memoryEventLog();
  const handler = createChatHandler(agent, { authenticate: () => "ada", log });
  const inBytes: typeof fetch = async (input, init) => {
    const { body, status, headers } = await handler(new Request(input, init));
    const bytes = new Uint8Array(await new Response(body).arrayBuffer());
    let at = 0;
    const pieces = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at < bytes.length) controller.enqueue(bytes.subarray(at, ++at));
        else controller.close();
      },
    });
    return new Response(pieces, { status, headers });
  };
  await expectExact(log, connect("http://host/chat", { fetch: inBytes }), 100);
});

test("WebSockets, also where the network cuts them at every byte", async () => {
  const log = memoryEventLog();
  const server = createServer();
  const accept = createChatSocket(agent, { authenticate: () => "ada", log });
  server.on("upgrade", nodeUpgrade(accept, new WebSocketServer({ noServer: true })));
  server.listen(0, "127.0.0.1");
  const pieces = { size: 65_536 };
  const proxy = createTcpServer({ noDelay: true }, (client) => pipeIn(client, connectTo(portOf(server)), pieces));
  proxy.listen(0, "127.0.0.1");
  await Promise.all([once(server, "listening"), once(proxy, "listening")]);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
    proxy.close();
  });
  const client = connect(`ws://127.0.0.1:${portOf(proxy)}/chat`);
  await expectExact(log, client, 80);
  pieces.size = 1;
  await expectExact(log, client, 3);
});

/** Passes bytes on, those of the server in pieces. */
function pipeIn(client: Socket, server: Socket, pieces: { readonly size: number }): void {
  client.pipe(server);
  server.on("data", async (bytes) => {
    server.pause();
    for (let at = 0; at < bytes.length && !client.destroyed; at += pieces.size) {
      client.write(bytes.subarray(at, at + pieces.size));
      // A turn of the event loop, so that the pieces do not travel together.
      if (pieces.size < bytes.length) await new Promise((resolve) => setImmediate(resolve));
    }
    server.resume();
  });
  server.on("end", () => client.end());
  for (const socket of [client, server]) socket.on("error", () => {});
  client.on("close", () => server.destroy());
}

function portOf(server: { address(): unknown }): number {
  const address = server.address();
  if (typeof address !== "object" || address === null || !("port" in address)) throw new Error("expected a port");
  return Number(address.port);
}
