import { createServer } from "node:http";
import type { Socket } from "node:net";
import { type ClientSocket, type ConnectOptions, connect, type RemoteRun } from "@millrace/client";
import { type ChatHandlerOptions, createChatHandler, createChatSocket, memoryEventLog } from "@millrace/server";
import { nodeListener, nodeUpgrade } from "@millrace/server/node";
import { Agent, type AgentEvent, ConfigError, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocketServer, WebSocket as WsSocket } from "ws";

/** The client against the server of this project, over real sockets. */

const weather = tool({
  name: "get_weather",
  description: "Get the weather",
  input: { type: "object", properties: { city: { type: "string" } } },
  execute: () => "22 °C",
});

const longAnswer = "a long answer of many words ".repeat(40);
const withTool = [{ toolCalls: [{ name: "get_weather", args: { city: "Rome\u2028\r\n💧" } }] }, "It is warm."];

type Kind = "http" | "websocket" | "websocket of ws";
type Served = Awaited<ReturnType<typeof serveOver>>;

async function serveOver(
  kind: Kind,
  steps: Parameters<typeof scriptedModel>[0],
  { delayMs = 0, hasLog = true, keepAliveMs = 15_000 } = {},
) {
  const agent = new Agent({ name: "helper", model: scriptedModel(steps, { delayMs }), tools: [weather] });
  const options: ChatHandlerOptions = {
    // A browser's WebSocket sends no headers of one's own, so a token may be in the URL as well.
    authenticate: ({ headers, url }) =>
      headers.get("authorization")?.replace(/^Bearer /, "") ?? new URL(url).searchParams.get("user") ?? undefined,
    keepAliveMs,
    ...(hasLog && { log: memoryEventLog() }),
  };
  const server = createServer(nodeListener(createChatHandler(agent, options)));
  const accepted = new WebSocketServer({ noServer: true });
  server.on("upgrade", nodeUpgrade(createChatSocket(agent, options), accepted));
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
  const url = `http://127.0.0.1:${address.port}/chat`;
  const common: ConnectOptions = { retry: { initialDelayMs: 1, maxRetries: 3 }, check: true };
  const clientOf = (user: string, options: ConnectOptions = {}) => {
    const headers = user ? { authorization: `Bearer ${user}` } : {};
    if (kind === "http") return connect(url, { ...common, headers, ...options });
    if (kind === "websocket") {
      const address = user ? `${url}?user=${user}` : url;
      return connect(address, { ...common, transport: "websocket", ...options });
    }
    const openSocket = (address: string): WsSocket => new WsSocket(address, { headers });
    return connect(url.replace("http", "ws"), { ...common, openSocket, ...options });
  };
  return { clientOf, client: clientOf("ada"), cut, sockets };
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

describe.each<Kind>(["http", "websocket", "websocket of ws"])("over %s", (kind) => {
  const serve = (...args: Parameters<typeof serveOver> extends [Kind, ...infer Rest] ? Rest : never): Promise<Served> =>
    serveOver(kind, ...args);

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

  test("a server may be silent for as long as it likes where that is wanted", async () => {
    const { clientOf } = await serve(["Late."], { delayMs: 50 });
    const client = clientOf("ada", { idleMs: Number.POSITIVE_INFINITY, retry: { maxRetries: 0 } });
    const { events, error } = await readAll(client.respond("Go", { chatId: "c1" }));
    expect(error).toBeUndefined();
    expect(events.at(-1)).toMatchObject({ stopReason: "completed", output: "Late." });
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
    // A WebSocket does not tell why it was refused.
    const refused = { kind: "refused", status: 401, code: "unauthenticated" };
    expect((await readAll(nobody)).error).toMatchObject(kind === "http" ? refused : { kind: "network", attempts: 1 });
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

  test("send puts a message into the live run", async () => {
    const { client } = await serve([longAnswer, "Second."], { delayMs: 2 });
    const run = client.respond("Go", { chatId: "c1" });
    const early = run.send("And more.");
    const { events } = await readAll(run);
    await early;
    expect(run.final).toMatchObject({ output: "Second.", turns: 2 });
    expect(events).toContainEqual(expect.objectContaining({ message: { role: "user", content: "And more." } }));
    await expect(run.send("Too late.")).rejects.toMatchObject({ kind: "refused", status: 409, code: "run-not-live" });
  });

  test("a signal stops the run, and leaving it leaves it alone", async () => {
    const { client, sockets } = await serve([longAnswer], { delayMs: 2 });
    const controller = new AbortController();
    const run = client.respond("Go", { chatId: "c1" });
    for await (const event of run) if (event.type === "text-delta") break;
    await expect.poll(() => sockets.size).toBe(0);
    const again = client.attach(run.id ?? "", { signal: controller.signal, from: 5 });
    const events: AgentEvent[] = [];
    for await (const event of again) {
      events.push(event);
      controller.abort();
    }
    expect(events[0]?.seq).toBe(5);
    expect(again.final).toMatchObject({ stopReason: "stopped" });
  });

  test("a server that says nothing but that it lives keeps its connection", async () => {
    const { clientOf, sockets } = await serve(["late"], { delayMs: 800, keepAliveMs: 150 });
    const run = clientOf("ada", { idleMs: 500 }).respond("Go", { chatId: "c1" });
    expect(await connectionsOf(run, sockets)).toBe(1);
  });
});

/** Over how many connections a run is read. */
async function connectionsOf(run: RemoteRun, sockets: ReadonlySet<Socket>): Promise<number> {
  const seen = new Set<Socket>();
  for await (const _ of run) for (const socket of sockets) seen.add(socket);
  return seen.size;
}

test("a server that accepts a socket and then says nothing counts as lost", async () => {
  const accepted = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((resolve) => accepted.once("listening", resolve));
  onTestFinished(() => accepted.close());
  const address = accepted.address();
  if (typeof address !== "object" || address === null) throw new Error("expected a port");
  const client = connect(`ws://127.0.0.1:${address.port}/`, { idleMs: 50 });
  const { error } = await readAll(client.respond("Go", { chatId: "c1" }));
  expect(error).toMatchObject({ name: "ConnectionError", kind: "network", attempts: 1 });
  expect(String(error)).toContain("silent for 50 ms");
  await expect.poll(() => accepted.clients.size).toBe(0);
});

test("a URL and options that do not fit a WebSocket are told", () => {
  expect(() => connect("ws://host/chat", { headers: { a: "b" } })).toThrow(ConfigError);
  expect(() => connect("/chat", { transport: "websocket" })).toThrow(ConfigError);
});

test.each<[string, ConnectOptions]>([
  ["idleMs", { idleMs: Number.NaN }],
  ["retry.maxRetries", { retry: { maxRetries: Number.NaN } }],
  ["retry.maxDelayMs", { retry: { maxDelayMs: -1 } }],
])("no client is made with an option %s that cannot work", (option, options) => {
  const make = (): unknown => connect("https://host/chat", options);
  expect(make).toThrow(expect.objectContaining({ name: "ConfigError", option }));
});

test("a run is left at once while a token is fetched for it, and its late socket is closed", async () => {
  const headers = (): Promise<never> => new Promise(() => {});
  const overHttp = connect("http://host/chat", { headers }).respond("Go", { chatId: "c1" });
  void overHttp.next();
  await overHttp.return();

  let open = (_: ClientSocket): void => {};
  const openSocket = (): Promise<ClientSocket> =>
    new Promise((resolve) => {
      open = resolve;
    });
  const overSocket = connect("ws://host/chat", { openSocket }).respond("Go", { chatId: "c1" });
  void overSocket.next();
  await overSocket.return();
  const codes: unknown[] = [];
  const socket = { readyState: 0, send() {}, close: (code?: number) => codes.push(code), addEventListener() {} };
  open(socket);
  await expect.poll(() => codes).toEqual([1000]);
});

test("a socket that has failed before it was listened to is told at once", async () => {
  const socket = { readyState: 3, send() {}, close() {}, addEventListener() {} };
  const client = connect("ws://host/chat", { openSocket: () => socket });
  const { error } = await readAll(client.respond("Go", { chatId: "c1" }));
  expect(error).toMatchObject({ kind: "network", message: "the connection failed" });
});

test("a reader that does not read holds the run back, however its sockets buffer", async () => {
  const model = scriptedModel(["x".repeat(400_000)], { chunk: 100 });
  let made = 0;
  const agent = new Agent({ name: "long", model, hooks: { onTextDelta: () => void made++ } });
  const accepted = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((resolve) => accepted.once("listening", resolve));
  const accept = createChatSocket(agent, { authenticate: () => "ada" });
  accepted.on("connection", async (socket, incoming) => {
    const serveSocket = await accept(new Request("http://host/", { headers: { upgrade: "websocket" } }));
    if (!(serveSocket instanceof Response)) void serveSocket(socket);
    incoming.on("error", () => {});
  });
  onTestFinished(() => {
    for (const socket of accepted.clients) socket.terminate();
    accepted.close();
  });
  const address = accepted.address();
  if (typeof address !== "object" || address === null) throw new Error("expected a port");
  const run = connect(`ws://127.0.0.1:${address.port}/`).respond("Go", { chatId: "c1" });
  await run.next();
  let before = -1;
  for (let waited = 0; waited < 50 && before !== made; waited++) {
    before = made;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(made).toBe(before);
  expect(made).toBeGreaterThan(200);
  expect(made).toBeLessThan(300);
  for await (const event of run) if (event.type === "final") expect(event.output).toHaveLength(400_000);
  expect(made).toBe(4000);
});
