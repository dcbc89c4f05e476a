import fc from "fast-check";
import { Agent, type AgentEvent, type Final, finalOf, ModelError, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { ChatServer } from "../test/chat-server.ts";
import { ConnectionError, type ConnectOptions, connect, type RemoteRun } from "./index.ts";

const weather = tool({
  name: "get_weather",
  description: "Get the weather of a city",
  input: z.object({ city: z.string() }),
  async *execute({ city }) {
    yield "asking";
    return { city, degrees: 22, sky: "clear\r\n\u2028💧" };
  },
});

const answers = [
  {
    reasoning: "Hm.",
    toolCalls: [
      { name: "get_weather", args: { city: "Tōkyō" } },
      { name: "nothing", args: {} },
    ],
  },
  "It is sunny in Tōkyō:\r\n\ndata: 22 °C 💧",
];

function weatherAgent(steps: Parameters<typeof scriptedModel>[0] = answers, delayMs = 0): Agent {
  return new Agent({ name: "weather", model: scriptedModel(steps, { delayMs }), tools: [weather] });
}

async function serve(agent: Agent, options: ConnectOptions = {}) {
  const server = new ChatServer(agent);
  const url = await server.listen();
  onTestFinished(() => server[Symbol.asyncDispose]());
  return { server, url, client: connect(url, { retry: { initialDelayMs: 1 }, check: true, ...options }) };
}

/** What a reader sees, the values that are parsed when read included. */
async function readAll(run: RemoteRun): Promise<{ events: AgentEvent[]; final: Final | undefined; error: unknown }> {
  const events: AgentEvent[] = [];
  try {
    for await (const event of run) events.push(event);
  } catch (error) {
    return { events, final: run.final, error };
  }
  return { events, final: run.final, error: undefined };
}

test("a run comes as it is in the server: every event, its run, what is parsed when read", async () => {
  const { server, client } = await serve(weatherAgent());
  const run = client.respond("Weather in Tōkyō?", { chatId: "c1" });
  expect(run.id).toBeUndefined();
  const { events, final, error } = await readAll(run);
  expect(error).toBeUndefined();
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index));
  expect(new Set(events.map((event) => event.run)).size).toBe(1);
  expect(events[0]).toMatchObject({ type: "run-start", run: { agentName: "weather", userId: "u1", chatId: "c1" } });
  const kinds = new Set(events.map(({ type }) => type));
  expect([...kinds]).toEqual(
    expect.arrayContaining(["reasoning-delta", "tool-call-delta", "tool-result", "tool-error"]),
  );
  const delta = events.findLast((event) => event.type === "tool-call-delta" && event.name === "get_weather");
  expect(delta).toMatchObject({ args: { city: "Tōkyō" } });
  const failed = events.find((event) => event.type === "tool-error");
  expect(failed?.error).toMatchObject({ name: "ToolCallError", kind: "unknown-tool", toolName: "nothing" });
  expect(final).toBe(events.at(-1));
  expect(final).toMatchObject({ stopReason: "completed", output: answers[1] });
  expect(run.id).toBe(final?.run.id);
  expect(server.requests.map(({ method }) => method)).toEqual(["POST"]);
  expect(JSON.parse(server.requests[0]?.body ?? "")).toEqual({ input: "Weather in Tōkyō?", chatId: "c1" });
});

test("the stream also returns its final event", async () => {
  const { client } = await serve(weatherAgent(["Hi"]));
  const run = client.respond("Hello", { chatId: "c1" });
  let step = await run.next();
  while (!step.done) step = await run.next();
  expect(step.value).toMatchObject({ type: "final", output: "Hi" });
  await expect(run.next()).resolves.toEqual({ done: true, value: step.value });
});

test("nothing is sent before the events are read", async () => {
  const { server, client } = await serve(weatherAgent());
  const unread = client.respond("Hello", { chatId: "c1" });
  await unread.return();
  const stopped = client.respond("Hello", { chatId: "c1" });
  await stopped.stop();
  const aborted = client.respond("Hello", { chatId: "c1", signal: AbortSignal.abort() });
  for (const run of [unread, stopped, aborted]) {
    expect(await readAll(run)).toEqual({ events: [], final: undefined, error: undefined });
  }
  expect(server.requests).toEqual([]);
});

test("a run that fails tells its final event and then throws the error, as in the server", async () => {
  const failure = new ModelError("the model is down", { kind: "auth", provider: "scripted", status: 401 });
  const { client } = await serve(
    weatherAgent([
      () => {
        throw failure;
      },
    ]),
  );
  const { final, error } = await readAll(client.respond("Hello", { chatId: "c1" }));
  expect(final).toMatchObject({ stopReason: "error" });
  expect(error).toBeInstanceOf(ModelError);
  expect(error).toMatchObject({ message: "the model is down", kind: "auth", status: 401 });
  expect(finalOf(error)).toBe(final);
});

test("stop() stops the run at the server; its events go on to the end", async () => {
  const { server, client } = await serve(weatherAgent(["a long answer of many words ".repeat(50)], 5));
  const run = client.respond("Hello", { chatId: "c1" });
  const events: AgentEvent[] = [];
  for await (const event of run) {
    events.push(event);
    if (event.type === "text-delta" && events.length < 10) void run.stop();
  }
  expect(events.slice(-2).map(({ type }) => type)).toEqual(["stopped", "final"]);
  expect(run.final?.stopReason).toBe("stopped");
  expect(server.requests.map(({ method }) => method)).toEqual(["POST", "DELETE"]);
});

test("a signal stops the run at the server, and its listener is taken away", async () => {
  const { client } = await serve(weatherAgent(["a long answer of many words ".repeat(50)], 5));
  const controller = new AbortController();
  const remove = vi.spyOn(controller.signal, "removeEventListener");
  const run = client.respond("Hello", { chatId: "c1", signal: controller.signal });
  for await (const event of run) if (event.type === "turn-start") controller.abort();
  expect(run.final).toMatchObject({ stopReason: "stopped" });
  expect(remove).toHaveBeenCalled();
});

test("a stop before the first event waits for the run's id", async () => {
  const { client } = await serve(weatherAgent(["a long answer of many words ".repeat(50)], 5));
  const run = client.respond("Hello", { chatId: "c1" });
  const first = run.next();
  const stopping = run.stop();
  expect((await first).value).toMatchObject({ type: "run-start" });
  await stopping;
  const { final } = await readAll(run);
  expect(final?.stopReason).toBe("stopped");
});

test("a stop that the server refuses ends its promise, and with a signal the loop", async () => {
  const { server, client } = await serve(weatherAgent(["a long answer of many words ".repeat(50)], 5));
  server.intercept = ({ method }, response) => {
    if (method !== "DELETE") return false;
    response.writeHead(403, { "content-type": "application/json" });
    response.end('{"error":{"code":"forbidden","message":"not yours"}}');
    return true;
  };
  const run = client.respond("Hello", { chatId: "c1" });
  await run.next();
  await expect(run.stop()).rejects.toMatchObject({ name: "ConnectionError", status: 403, code: "forbidden" });
  await run.return();
  const controller = new AbortController();
  const other = client.attach(run.id ?? "", { signal: controller.signal });
  await other.next();
  controller.abort();
  expect((await readAll(other)).error).toMatchObject({ status: 403 });
});

test("leaving the loop closes the connection at once and leaves the run alone", async () => {
  const { server, client } = await serve(weatherAgent(["one two three four five"], 30), {});
  const run = client.respond("Hello", { chatId: "c1" });
  for await (const event of run) if (event.type === "turn-start") break;
  await vi.waitFor(() => expect(server.openSockets).toBe(0));
  expect(run.final).toBeUndefined();
  const again = await readAll(client.attach(run.id ?? ""));
  expect(again.final).toMatchObject({ stopReason: "completed", output: "one two three four five" });
  expect(again.events[0]?.type).toBe("run-start");
});

test("return() frees a reader that waits", async () => {
  const { client } = await serve(weatherAgent([() => new Promise<never>(() => {})]));
  const run = client.respond("Hello", { chatId: "c1" });
  await run.next();
  await run.next();
  const waiting = run.next();
  const left = run.return();
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(await left).toEqual({ done: true, value: undefined });
});

test("attach hands out what comes from an event on, with arguments that are whole", async () => {
  const { client } = await serve(weatherAgent());
  const run = client.respond("Weather?", { chatId: "c1" });
  const { events } = await readAll(run);
  const from = events.findIndex((event) => event.type === "tool-call-delta" && event.delta !== "") + 1;
  const again = await readAll(client.attach(run.id ?? "", { from }));
  expect(again.events).toEqual(events.slice(from));
  expect(again.events.map((event) => event.type === "tool-call-delta" && event.args)).toEqual(
    events.slice(from).map((event) => event.type === "tool-call-delta" && event.args),
  );
});

test("a run that the server does not know is told at once", async () => {
  const { server, client } = await serve(weatherAgent());
  const { error } = await readAll(client.attach("run_nowhere"));
  expect(error).toBeInstanceOf(ConnectionError);
  expect(error).toMatchObject({ kind: "refused", status: 404, code: "not-found", attempts: 1 });
  expect(server.requests).toHaveLength(1);
});

test("headers are asked for before each request; a refusal says what the server said", async () => {
  let count = 0;
  const headers = async () => ({ authorization: `Bearer token-${++count}` });
  const { server, client } = await serve(weatherAgent(), { headers });
  server.intercept = (_, response) => {
    response.writeHead(401, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { code: "unauthorized", message: "Bearer token-secret-1 has expired" } }));
    return true;
  };
  const { error } = await readAll(client.respond("Hello", { chatId: "c1" }));
  expect(error).toMatchObject({ kind: "refused", status: 401, code: "unauthorized", attempts: 1 });
  expect(String(error)).toContain("has expired");
  expect(String(error)).not.toContain("token-secret-1");
  await readAll(client.respond("Hello", { chatId: "c1" }));
  expect(server.requests.map((request) => request.headers.authorization)).toEqual(["Bearer token-1", "Bearer token-2"]);
});

test("what is no event stream is named", async () => {
  const { server, client } = await serve(weatherAgent());
  server.intercept = (_, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>");
    return true;
  };
  const { error } = await readAll(client.respond("Hello", { chatId: "c1" }));
  expect(error).toMatchObject({ kind: "protocol" });
  expect(String(error)).toContain("text/html");
});

const run = { id: "r", agentName: "a", userId: "u", chatId: "c" };

test.each([
  ["no JSON", "id: 0\ndata: oops\n\n", 'expected an event as JSON, got "oops"'],
  ["no event", "id: 0\ndata: 5\n\n", "expected an event, got 5"],
  ["a gap", sse({ type: "turn-start", seq: 1, at: 0, run }), "expected event 0, got event 1: events are missing"],
  [
    "an event that does not fit",
    sse({ type: "run-start", seq: 0, at: 0, run }),
    "event 0 (run-start).input does not fit",
  ],
  [
    "a failure",
    sse({ type: "stream-failed", error: { name: "Error", message: "the log is gone" } }),
    "the log is gone",
  ],
])("a stream with %s is an error and not tried again", async (_, stream, message) => {
  const { server, client } = await serve(weatherAgent());
  server.intercept = (__, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).end(stream);
    return true;
  };
  const { events, error } = await readAll(client.respond("Hello", { chatId: "c1" }));
  expect(events).toEqual([]);
  expect(String(error)).toContain(message);
  expect(server.requests).toHaveLength(1);
});

function sse(json: object): string {
  return `data: ${JSON.stringify(json)}\n\n`;
}

test("a server that cannot be reached is told at once", async () => {
  const client = connect("http://127.0.0.1:1/chat", { retry: { initialDelayMs: 1 } });
  const { error } = await readAll(client.respond("Hello", { chatId: "c1" }));
  expect(error).toMatchObject({ name: "ConnectionError", kind: "network", attempts: 1 });
});

test("a lost connection is made again, after the last event that was read", async () => {
  const { server, client } = await serve(weatherAgent());
  server.cuts.push(900, 333, 0, 0, 1000);
  const run = client.respond("Weather?", { chatId: "c1" });
  const { events, error } = await readAll(run);
  expect(error).toBeUndefined();
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index));
  expect(run.final?.output).toBe(answers[1]);
  expect(server.requests.map(({ method }) => method)).toEqual(["POST", "GET", "GET", "GET", "GET", "GET"]);
  expect(events).toEqual((await readAll(client.attach(run.id ?? ""))).events);
});

test("a connection that stays lost is given up", async () => {
  const { server, client } = await serve(weatherAgent(["a long answer"], 20), {
    retry: { maxRetries: 3, initialDelayMs: 1 },
  });
  const run = client.respond("Hello", { chatId: "c1" });
  await run.next();
  server.intercept = (_, response) => {
    response.writeHead(503).end("restarting");
    return true;
  };
  server.cutAll();
  const { error } = await readAll(run);
  expect(error).toMatchObject({ kind: "refused", status: 503, attempts: 4 });
  expect(server.requests.map(({ method }) => method)).toEqual(["POST", "GET", "GET", "GET"]);
});

test("a server that is silent counts as lost", async () => {
  const { server, client } = await serve(weatherAgent(["late"], 120), { idleMs: 50 });
  const { events, error } = await readAll(client.respond("Hello", { chatId: "c1" }));
  expect(error).toBeUndefined();
  expect(events.at(-1)).toMatchObject({ type: "final", output: "late" });
  expect(server.requests.length).toBeGreaterThan(1);
});

test("a reader that does not read stops the socket", async () => {
  const model = scriptedModel(["x".repeat(4_000_000)], { chunk: 4000 });
  const { server, client } = await serve(new Agent({ name: "long", model }), { check: false });
  const run = client.respond("Hello", { chatId: "c1" });
  await run.next();
  const [kept] = server.runs.values();
  await vi.waitFor(() => expect(kept?.isOver).toBe(true));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const total = kept?.lines.join("").length ?? 0;
  expect(total).toBeGreaterThan(10_000_000);
  expect(server.sent).toBeLessThan(total / 2);
  await run.return();
});

/** A fetch whose answers are the bytes of a kept run, each connection cut where `cuts` says, in chunks of `size`. */
function cutFetch(
  lines: readonly string[],
  cuts: readonly number[],
  size: number,
  isRude: boolean,
  id = "",
): typeof fetch {
  let connection = 0;
  return async (_, init) => {
    const last = new Headers(init?.headers).get("last-event-id");
    const bytes = new TextEncoder().encode(lines.slice(last === null ? 0 : Number(last) + 1).join(""));
    const end = Math.min(cuts[connection++] ?? bytes.length, bytes.length);
    let at = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const chunk = bytes.slice(at, Math.min(at + size, end));
          at += chunk.length;
          if (chunk.length > 0) controller.enqueue(chunk);
          else if (isRude) controller.error(new TypeError("terminated"));
          else controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(body, { headers: { "content-type": "text/event-stream", ...(id && { "x-run-id": id }) } });
  };
}

async function keptLines(agent = weatherAgent()): Promise<string[]> {
  const { server, client } = await serve(agent, { check: false });
  await readAll(client.respond("Weather?", { chatId: "c1" }));
  return [...server.runs.values()][0]?.lines ?? [];
}

async function readCut(lines: readonly string[], cuts: readonly number[], size: number, isRude: boolean, id = "") {
  const fetch = cutFetch(lines, cuts, size, isRude, id);
  const client = connect("http://host/chat", { fetch, retry: { initialDelayMs: 0, maxRetries: cuts.length } });
  return readAll(client.respond("Weather?", { chatId: "c1" }));
}

test("a stream that is cut at any byte is read again without loss or repetition", async () => {
  const lines = await keptLines(weatherAgent(["Só 💧"]));
  const whole = (await readCut(lines, [], 1000, false)).events;
  expect(whole).toHaveLength(lines.length);
  const first = Buffer.byteLength(lines[0] ?? "");
  const total = Buffer.byteLength(lines.join(""));
  for (let cut = 0; cut < total; cut++) {
    // A server tells the run's id before its first event; what lies between may not let the header pass.
    const id = cut % 4 < 2 ? whole[0]?.run.id : "";
    const { events, error } = await readCut(lines, [cut], 512, cut % 2 === 0, id);
    if (cut < first && !id) {
      // Without the run's id there is nothing to attach to.
      expect({ cut, events, error }).toMatchObject({ events: [], error: { kind: "network", attempts: 1 } });
    } else {
      expect({ cut, error, seqs: events.map(({ seq }) => seq) }).toEqual({
        cut,
        error: undefined,
        seqs: whole.map(({ seq }) => seq),
      });
      if (cut % 50 === 0) expect(events).toEqual(whole);
    }
  }
}, 60_000);

test("any number of cuts in any chunks leaves the events and their growing values as they were", async () => {
  const lines = await keptLines();
  const whole = (await readCut(lines, [], 1000, false)).events;
  const args = (events: readonly AgentEvent[]) => events.map((event) => "args" in event && event.args);
  const first = Buffer.byteLength(lines[0] ?? "");
  const total = Buffer.byteLength(lines.join(""));
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: first, max: total }),
      fc.array(fc.integer({ min: 0, max: total }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 700 }),
      fc.boolean(),
      async (firstCut, cuts, size, isRude) => {
        const { events, error } = await readCut(lines, [firstCut, ...cuts], size, isRude);
        expect(error).toBeUndefined();
        expect(events).toEqual(whole);
        expect(args(events)).toEqual(args(whole));
      },
    ),
    { seed: 4, numRuns: 150 },
  );
}, 60_000);

test("a server that repeats what was read, and one that leaves events out", async () => {
  const lines = await keptLines();
  const repeating = (from: number): typeof fetch => {
    const answers = [lines.slice(0, 5), lines.slice(from)];
    return async () =>
      new Response(answers.shift()?.join("") ?? "", { headers: { "content-type": "text/event-stream" } });
  };
  const read = (from: number) =>
    readAll(
      connect("http://host/chat", { fetch: repeating(from), retry: { initialDelayMs: 0, maxRetries: 2 } }).respond(
        "Hi",
        {
          chatId: "c1",
        },
      ),
    );
  expect((await read(0)).events).toHaveLength(lines.length);
  expect(await read(7)).toMatchObject({ events: { length: 5 }, error: { kind: "protocol" } });
});

test("a page reads the latest run of a chat, and stops it; a chat without one gives an empty stream", async () => {
  const { server, client } = await serve(weatherAgent(["a long answer of many words ".repeat(50)], 5));
  expect(await readAll(client.attach({ chatId: "c1" }))).toEqual({ events: [], final: undefined, error: undefined });
  const first = client.respond("Hello", { chatId: "c1" });
  await first.next();
  const second = client.attach({ chatId: "c1" });
  expect((await second.next()).value).toMatchObject({ type: "run-start", run: { id: first.id } });
  await second.stop();
  expect((await readAll(second)).final).toMatchObject({ stopReason: "stopped" });
  expect((await readAll(first)).final).toEqual(second.final);
  expect(server.requests.at(-1)?.url).toBe(`/chat?run=${first.id}`);
});
