import { createServer } from "node:http";
import type { Socket } from "node:net";
import { type ConnectOptions, connect, type RemoteRun } from "@millrace/client";
import { createChatHandler, memoryEventLog } from "@millrace/server";
import { nodeListener } from "@millrace/server/node";
import { Agent, type AgentEvent, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { expect, onTestFinished, test } from "vitest";

/** The client against the server of this project, over real sockets. */

const weather = tool({
  name: "get_weather",
  description: "Get the weather",
  input: { type: "object", properties: { city: { type: "string" } } },
  execute: () => "22 °C",
});

const longAnswer = "a long answer of many words ".repeat(40);
const withTool = [{ toolCalls: [{ name: "get_weather", args: { city: "Rome\u2028\r\n💧" } }] }, "It is warm."];

async function serve(steps: Parameters<typeof scriptedModel>[0], { delayMs = 0, hasLog = true } = {}) {
  const agent = new Agent({ name: "helper", model: scriptedModel(steps, { delayMs }), tools: [weather] });
  const handler = createChatHandler(agent, {
    authenticate: (request) => request.headers.get("authorization")?.replace(/^Bearer /, ""),
    ...(hasLog && { log: memoryEventLog() }),
  });
  const server = createServer(nodeListener(handler));
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("expected a port");
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(async () => {
    cut();
    await new Promise((resolve) => server.close(resolve));
  });
  const clientOf = (user: string, options: ConnectOptions = {}) =>
    connect(`http://127.0.0.1:${address.port}/chat`, {
      ...(user && { headers: { authorization: `Bearer ${user}` } }),
      retry: { initialDelayMs: 1, maxRetries: 3 },
      check: true,
      ...options,
    });
  return { clientOf, client: clientOf("ada"), cut };
}

async function readAll(run: RemoteRun): Promise<{ events: AgentEvent[]; error: unknown }> {
  const events: AgentEvent[] = [];
  try {
    for await (const event of run) events.push(event);
  } catch (error) {
    return { events, error };
  }
  return { events, error: undefined };
}

test("text and tools, and the run again for a second reader", async () => {
  const { client } = await serve(withTool);
  const run = client.respond([{ type: "text", text: "Weather?" }], { chatId: "c1" });
  const { events, error } = await readAll(run);
  expect(error).toBeUndefined();
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index));
  expect(events.find((event) => event.type === "tool-result")).toMatchObject({ args: { city: "Rome\u2028\r\n💧" } });
  expect(run.final).toMatchObject({ output: "It is warm.", run: { userId: "ada", chatId: "c1" } });
  expect((await readAll(client.attach(run.id ?? ""))).events).toEqual(events);
  expect((await readAll(client.attach({ chatId: "c1" }))).events).toEqual(events);
  expect((await readAll(client.attach({ chatId: "c2" }))).events).toEqual([]);
});

test("connections that are cut again and again lose nothing", async () => {
  const { client, cut } = await serve([longAnswer], { delayMs: 1 });
  const run = client.respond("Go", { chatId: "c1" });
  const events: AgentEvent[] = [];
  for await (const event of run) {
    events.push(event);
    if (event.seq % 40 === 3) cut();
  }
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index));
  expect(run.final?.output).toBe(longAnswer);
});

test("stop ends the run for all its readers; leaving does not", async () => {
  const { client } = await serve([longAnswer], { delayMs: 5 });
  const run = client.respond("Go", { chatId: "c1" });
  for await (const event of run) if (event.type === "text-delta") break;
  const again = client.attach({ chatId: "c1" });
  await again.next();
  await again.stop();
  await readAll(again);
  expect(again.final).toMatchObject({ stopReason: "stopped", run: { id: run.id } });
});

test("who may not, may not: no user, another's run, a chat that is busy", async () => {
  const { client, clientOf } = await serve([longAnswer], { delayMs: 5 });
  const nobody = clientOf("").respond("Hi", { chatId: "c1" });
  expect((await readAll(nobody)).error).toMatchObject({ kind: "refused", status: 401, code: "unauthenticated" });
  const run = client.respond("Go", { chatId: "c1" });
  await run.next();
  const eve = clientOf("eve").attach(run.id ?? "");
  expect((await readAll(eve)).error).toMatchObject({ kind: "refused", status: 404, code: "not-found" });
  await eve.stop();
  const second = client.respond("And?", { chatId: "c1" });
  expect((await readAll(second)).error).toMatchObject({ kind: "refused", status: 409, code: "chat-busy" });
  expect((await run.next()).value).not.toMatchObject({ type: "stopped" });
  await run.stop();
  await readAll(run);
});

test("without a log a lost run cannot be read again, and says so", async () => {
  const { client, cut } = await serve([longAnswer], { delayMs: 5, hasLog: false });
  const run = client.respond("Go", { chatId: "c1" });
  for (let step = await run.next(); step.value.type !== "text-delta"; ) step = await run.next();
  cut();
  const { error } = await readAll(run);
  expect(error).toMatchObject({ kind: "refused", status: 405 });
  expect(String(error)).toContain("the run cannot be read again");
});

test("a run that fails throws what it failed with", async () => {
  const { client } = await serve([]);
  const run = client.respond("Go", { chatId: "c1" });
  const { error } = await readAll(run);
  expect(run.final?.stopReason).toBe("error");
  expect(error).toBe(run.final?.error);
});
