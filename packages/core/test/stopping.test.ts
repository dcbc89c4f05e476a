import { getEventListeners } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Agent } from "../src/agent.ts";
import type { AgentOptions } from "../src/agent-options.ts";
import type { AgentEvent } from "../src/events.ts";
import type { Model } from "../src/model.ts";
import { checkEvents, scriptedModel } from "../src/testing.ts";
import { tool } from "../src/tool.ts";
import { answering, httpModel, ids, type Loopback, serve, tick, until } from "./loopback.ts";

const look = tool({ name: "look", description: "Looks", execute: () => "seen" });
const wait = tool({
  name: "wait",
  description: "Waits for its signal",
  execute: (_, { signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
});
const deaf = tool({ name: "deaf", description: "Never ends", execute: () => new Promise(() => {}) });

/** A model that says one word and then neither speaks nor listens. */
const deafModel: Model = {
  provider: "own",
  id: "deaf",
  async *stream() {
    yield { type: "text-delta", text: "One", part: 0 };
    await new Promise(() => {});
  },
};

/** One that is an iterator and nothing more. */
const bareModel: Model = {
  provider: "own",
  id: "bare",
  stream: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
};

let silent: Loopback;
let talking: Loopback;
beforeAll(async () => {
  silent = await serve(() => {});
  talking = await serve(answering("One", "two"));
});
afterAll(async () => {
  await silent[Symbol.asyncDispose]();
  await talking[Symbol.asyncDispose]();
});

describe("an abort", () => {
  const calls = (...names: string[]): AgentOptions["model"] =>
    scriptedModel([{ text: "I do.", toolCalls: names.map((name) => ({ name })) }, "Done"]);
  const points: Record<string, { model: () => AgentOptions["model"]; at: number | "before" | AgentEvent["type"] }> = {
    "before the start": { model: () => httpModel(talking.url), at: "before" },
    "before the server answers": { model: () => httpModel(silent.url), at: 20 },
    "while the model speaks": { model: () => httpModel(talking.url), at: 20 },
    "at the first word": { model: () => httpModel(talking.url), at: "text-delta" },
    "of a model that does not listen": { model: () => deafModel, at: "text-delta" },
    "of a model that is a bare iterator": { model: () => bareModel, at: 10 },
    "while a tool works": { model: () => calls("wait"), at: 10 },
    "while a tool works that does not listen": { model: () => calls("deaf", "look"), at: 10 },
    "when a tool begins": { model: () => calls("look", "wait"), at: "tool-call-start" },
    "between two turns": { model: () => calls("look"), at: "tool-result" },
    "at the end of a turn": { model: () => calls("look"), at: "turn-end" },
    "while the model is chosen": { model: () => () => new Promise(() => {}), at: 10 },
  };
  for (const [name, { model, at }] of Object.entries(points)) {
    it(`${name} ends the run in order`, async () => {
      const controller = new AbortController();
      const { signal } = controller;
      if (at === "before") controller.abort("why");
      if (typeof at === "number") setTimeout(() => controller.abort("why"), at);
      const agent = new Agent({ name: "a", model: model(), tools: [look, wait, deaf], stop: { graceMs: 20 } });
      const events: AgentEvent[] = [];
      for await (const event of agent.respond("?", { ...ids, signal })) {
        events.push(event);
        if (event.type === at) controller.abort("why");
      }
      expect(checkEvents(events)).toEqual([]);
      expect(events.slice(-2)).toMatchObject([
        { type: "stopped", reason: "why", by: "signal" },
        { type: "final", stopReason: "stopped" },
      ]);
      expect(getEventListeners(signal, "abort")).toEqual([]);
    });
  }

  it("after the end changes nothing", async () => {
    const controller = new AbortController();
    const run = new Agent({ name: "a", model: scriptedModel(["Done"]) }).respond("?", {
      ...ids,
      signal: controller.signal,
    });
    for await (const _ of run);
    controller.abort();
    run.stop();
    expect(run.final?.stopReason).toBe("completed");
    expect((await run.next()).done).toBe(true);
  });

  it("may have any reason, or none", async () => {
    const bare: unknown = Object.create(null);
    const reasons = [undefined, null, "", "why", 0, new Error("why"), Object.freeze({}), bare, Symbol("why"), () => {}];
    for (const reason of reasons) {
      for (const isEarly of [true, false]) {
        const controller = new AbortController();
        if (isEarly) controller.abort(reason);
        else setTimeout(() => controller.abort(reason), 5);
        const events: AgentEvent[] = [];
        const agent = new Agent({ name: "a", model: httpModel(talking.url) });
        for await (const event of agent.respond("?", { ...ids, signal: controller.signal })) events.push(event);
        expect(checkEvents(events)).toEqual([]);
        expect(events.slice(-2)).toMatchObject([
          { type: "stopped", reason: expect.stringMatching(/./), by: "signal" },
          { stopReason: "stopped" },
        ]);
      }
    }
  });
});

describe("a signal that many runs share", () => {
  it("has one listener for each that runs, none when they have ended, and warns of nothing", async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error): number => warnings.push(warning);
    process.on("warning", warn);
    const { signal } = new AbortController();
    let most = 0;
    const runs = Array.from({ length: 50 }, async () => {
      const model = scriptedModel([{ toolCalls: [{ name: "look" }, { name: "look" }] }, "Done"], { delayMs: 1 });
      for await (const _ of new Agent({ name: "a", model, tools: [look] }).respond("?", { ...ids, signal })) {
        most = Math.max(most, getEventListeners(signal, "abort").length);
      }
    });
    await Promise.all(runs);
    await tick();
    process.off("warning", warn);
    expect(most).toBeLessThanOrEqual(50);
    expect({ left: getEventListeners(signal, "abort"), warnings }).toEqual({ left: [], warnings: [] });
  });
});

describe("a stream that ends without its end marker", () => {
  it("is never a success", async () => {
    await using cut = await serve((_, response) => {
      response.writeHead(200, { connection: "close" });
      response.end("data: Half\n\n");
    });
    await using empty = await serve((_, response) => response.end());
    await using portal = await serve((_, response) => response.end("<html>Please log in</html>"));
    for (const { url } of [cut, empty, portal]) {
      const run = new Agent({
        name: "a",
        model: httpModel(url),
        retry: { network: { maxRetries: 0 } } as never,
      }).respond("?", ids);
      const reading = (async () => {
        for await (const _ of run);
      })();
      await expect(reading).rejects.toMatchObject({ kind: "protocol" });
      expect(run.final).toMatchObject({ stopReason: "error", error: { kind: "protocol" } });
    }
  });

  it("keeps what had arrived", async () => {
    await using reset = await serve((_, response) => {
      response.writeHead(200);
      response.write("data: Half\n\n");
      setTimeout(() => response.destroy(), 20);
    });
    const run = new Agent({ name: "a", model: httpModel(reset.url) }).respond("?", ids);
    const reading = (async () => {
      for await (const _ of run);
    })();
    await expect(reading).rejects.toThrow();
    await until(() => reset.sockets.size === 0);
    expect(run.final).toMatchObject({ stopReason: "error", output: "Half", usage: { estimated: true } });
  });
});
