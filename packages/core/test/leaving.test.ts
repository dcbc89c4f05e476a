import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, it } from "vitest";
import { Agent } from "../src/agent.ts";
import type { AgentEvent } from "../src/events.ts";
import type { Hooks } from "../src/hooks.ts";
import type { Model } from "../src/model.ts";
import type { Run } from "../src/run.ts";
import { checkEvents } from "../src/testing.ts";
import { tool } from "../src/tool.ts";
import { answering, httpModel, ids, type Loopback, serve, tick, until } from "./loopback.ts";

/** A run that has said two words and waits for more. */
async function waiting(): Promise<{ server: Loopback; run: Run }> {
  const server = await serve(answering("One", "two"));
  return { server, run: new Agent({ name: "a", model: httpModel(server.url) }).respond("?", ids) };
}

describe("a reader who leaves early", () => {
  it("closes the connection, aborts the tools and leaves no late effect behind", async () => {
    await using server = await serve(answering("One", "call obeys", "call ignores", "call fails", "[DONE]"));
    let effects = 0;
    const description = "Does";
    const tools = [
      tool({
        name: "obeys",
        description,
        async execute(_, { signal }) {
          await new Promise((resolve, reject) => {
            const timer = setTimeout(resolve, 50);
            const onAbort = (): void => {
              clearTimeout(timer);
              reject(signal.reason);
            };
            signal.addEventListener("abort", onAbort, { once: true });
          });
          effects++;
        },
      }),
      tool({ name: "ignores", description, execute: () => new Promise(() => {}) }),
      tool({
        name: "fails",
        description,
        async execute() {
          await tick(30);
          throw new Error("late");
        },
      }),
    ];
    const events: AgentEvent[] = [];
    const hooks: Hooks = { onEvent: (event) => events.push(event) };
    const run = new Agent({ name: "a", model: httpModel(server.url), tools, hooks, stop: { graceMs: 5 } }).respond(
      "?",
      ids,
    );
    let started = 0;
    for await (const event of run) if (event.type === "tool-call-start" && ++started === 3) break;
    expect(checkEvents(events)).toEqual([]);
    expect(run.final).toMatchObject({ stopReason: "stopped" });
    expect(run.final?.history.added.filter(({ role }) => role === "tool")).toMatchObject([
      { callId: "call_1", isError: true },
      { callId: "call_2", isError: true },
      { callId: "call_3", isError: true },
    ]);
    await tick(80);
    await until(() => server.closed === 1);
    expect({ effects, closed: server.closed }).toEqual({ effects: 0, closed: 1 });
  });

  it("keeps its own error, whatever goes wrong in the cleanup", async () => {
    const model: Model = {
      provider: "own",
      id: "untidy",
      async *stream() {
        try {
          yield { type: "text-delta", text: "One", part: 0 };
          yield { type: "text-delta", text: "two", part: 0 };
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: what a broken model does.
          throw new Error("cleanup");
        }
      },
    };
    const start = (): Run => new Agent({ name: "a", model }).respond("?", ids);
    const throwing = (async () => {
      for await (const event of start()) if (event.type === "text-delta") throw new Error("mine");
    })();
    await expect(throwing).rejects.toThrow(/^mine$/);
    const left = start();
    for await (const event of left) if (event.type === "text-delta") break;
    expect(left.final).toMatchObject({ stopReason: "stopped", output: "One" });
  });

  it("runs the cleanup of a model once, also behind a yield", async () => {
    const cleaned: string[] = [];
    const model: Model = {
      provider: "own",
      id: "tidy",
      async *stream() {
        try {
          yield { type: "text-delta", text: "One", part: 0 };
          yield { type: "text-delta", text: "two", part: 0 };
        } finally {
          cleaned.push("model");
        }
      },
    };
    for await (const event of new Agent({ name: "a", model }).respond("?", ids)) if (event.type === "text-delta") break;
    await tick();
    expect(cleaned).toEqual(["model"]);
  });
});

describe("one reader", () => {
  it("is all that a run has", async () => {
    const { server, run } = await waiting();
    await using _ = server;
    run[Symbol.asyncIterator]();
    expect(() => run[Symbol.asyncIterator]()).toThrow(/broadcast/);
    await run.return();
  });

  it("is freed at once by return() while next() waits", async () => {
    const { server, run } = await waiting();
    await using _ = server;
    let waits = run.next();
    while (
      !(await Promise.race([waits.then(({ value }) => value.type === "text-delta" && value.text === "two"), tick(100)]))
    ) {
      waits = run.next();
    }
    const pending = run.next();
    const returned = await run.return();
    expect(returned).toMatchObject({ done: true, value: { type: "final", stopReason: "stopped", output: "Onetwo" } });
    await pending;
    await until(() => server.closed === 1);
    expect(server.closed).toBe(1);
    expect(await run.next()).toMatchObject({ done: true });
    expect(await run.return()).toMatchObject({ done: true });
  });

  it("may throw into the run", async () => {
    const { server, run } = await waiting();
    await using _ = server;
    await run.next();
    await expect(run.throw(new Error("mine"))).rejects.toThrow("mine");
    expect(run.final?.stopReason).toBe("stopped");
  });

  it("may be a Node stream, a pipeline or a web stream, each of which ends it", async () => {
    const readers: Record<string, (run: Run) => Promise<void>> = {
      async readable(run) {
        const stream = Readable.from(run);
        stream.on("error", () => {});
        stream.resume();
        await tick(30);
        stream.destroy();
      },
      async pipeline(run) {
        const sink = new Writable({ objectMode: true, write: (_, __, done) => done() });
        const piping = pipeline(Readable.from(run), sink).catch(() => {});
        await tick(30);
        sink.destroy();
        await piping;
      },
      async web(run) {
        const events = run[Symbol.asyncIterator]();
        const stream = new ReadableStream<AgentEvent>(
          {
            async pull(controller) {
              const { done, value } = await events.next();
              if (done) controller.close();
              else controller.enqueue(value);
            },
            async cancel() {
              await events.return();
            },
          },
          { highWaterMark: 0 },
        );
        const reader = stream.getReader();
        for (let count = 0; count < 5; count++) await reader.read();
        reader.read().catch(() => {});
        await tick(30);
        await reader.cancel();
      },
    };
    for (const [name, read] of Object.entries(readers)) {
      const { server, run } = await waiting();
      await using _ = server;
      await read(run);
      await until(() => server.closed === 1);
      expect({ name, closed: server.closed, stopReason: run.final?.stopReason }).toEqual({
        name,
        closed: 1,
        stopReason: "stopped",
      });
    }
  });

  it("may leave it to await using", async () => {
    const { server, run } = await waiting();
    await using _ = server;
    {
      await using used = run;
      for (let count = 0; count < 4; count++) await used.next();
    }
    expect(run.final?.stopReason).toBe("stopped");
    await until(() => server.sockets.size === 0);
    expect(server.sockets.size).toBe(0);
  });
});

describe("a run that nobody reads", () => {
  it("asks nothing, listens to nothing, and is over when it is left", async () => {
    await using server = await serve(answering("One"));
    let asked = 0;
    const { signal } = new AbortController();
    const listening: string[] = [];
    signal.addEventListener = (type: string) => void listening.push(type);
    const agent = new Agent({
      name: "a",
      model: () => {
        asked++;
        return httpModel(server.url);
      },
      instructions: () => String(asked++),
      stop: { check: () => asked++ < 0 },
      hooks: { onEvent: () => asked++ },
    });
    agent.respond("?", { ...ids, signal });
    const left = agent.respond("?", { ...ids, signal });
    await left.return();
    expect(await left.next()).toMatchObject({ done: true });
    await tick(10);
    expect({ asked, requests: server.requests, listening }).toEqual({ asked: 0, requests: 0, listening: [] });
  });
});
