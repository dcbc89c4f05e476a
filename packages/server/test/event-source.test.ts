import { EventSource } from "eventsource";
import { Agent, type AgentEvent, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { WireDecoder } from "millrace/wire";
import { describe, expect, it } from "vitest";
import { createChatHandler, memoryEventLog } from "../src/index.ts";
import { authenticate, say, serve, textIn, until } from "./serve.ts";

/** The client that browsers have for server-sent events: it re-attaches by itself, and stops at 204. */

const long = Array.from({ length: 60 }, (_, index) => `word${index}`).join(" ");
const weather = tool({ name: "weather", description: "Weather", execute: () => ({ sky: "clear\r\n\u2028" }) });

async function chat(steps: Parameters<typeof scriptedModel>[0], delayMs = 5) {
  const agent = new Agent({ name: "a", model: scriptedModel(steps, { delayMs }), tools: [weather] });
  return serve(createChatHandler(agent, { authenticate, log: memoryEventLog() }));
}

/** Reads the chat until the server says that there is no more. */
function watch(url: string, user = "ada") {
  const events: AgentEvent[] = [];
  const decoder = new WireDecoder();
  const source = new EventSource(`${url}?chat=c1`, {
    fetch: (address, init) => fetch(address, { ...init, headers: { ...init.headers, "x-user": user } }),
  });
  source.onmessage = ({ data, lastEventId }) => {
    const event = decoder.decode(JSON.parse(data));
    if (lastEventId === String(event.seq)) events.push(event);
  };
  return { events, isOver: () => source.readyState === EventSource.CLOSED, [Symbol.dispose]: () => source.close() };
}

describe("EventSource", () => {
  it("reads text and tools", async () => {
    await using server = await chat([{ text: "Looking.", toolCalls: [{ name: "weather", args: {} }] }, "Clear."]);
    await say(server.url, "Sky?");
    using reader = watch(server.url);
    await until(() => reader.events.at(-1)?.type === "final");
    expect(reader.events.map(({ seq }) => seq)).toEqual(reader.events.map((_, index) => index));
    expect(reader.events.find(({ type }) => type === "tool-result")).toMatchObject({
      result: { sky: "clear\r\n\u2028" },
    });
    expect(reader.events.at(-1)).toMatchObject({ output: "Clear." });
  });

  it("comes again by itself after a cut, from the last event, and ends with the run", async () => {
    await using server = await chat([long], 20);
    await say(server.url, "Go");
    using reader = watch(server.url);
    await until(() => reader.events.length > 10);
    for (const socket of server.sockets) socket.destroy();
    // Twice it waits for three seconds, as its standard says: after the cut, and after the end, which is no 204 yet.
    await expect.poll(reader.isOver, { timeout: 15_000 }).toBe(true);
    expect(reader.events.map(({ seq }) => seq)).toEqual(reader.events.map((_, index) => index));
    expect(textIn(reader.events)).toBe(long);
  }, 20_000);

  it("sees a failure, and a stop", async () => {
    await using server = await chat([{ text: "Half", error: new Error("no") }, long]);
    await say(server.url, "Hi");
    using failed = watch(server.url);
    await until(() => failed.events.at(-1)?.type === "final");
    expect(failed.events.at(-1)).toMatchObject({ stopReason: "error", error: { message: "no" } });
    await say(server.url, "Go");
    using stopped = watch(server.url);
    await until(() => textIn(stopped.events) !== "");
    await fetch(`${server.url}?chat=c1`, { method: "DELETE", headers: { "x-user": "ada" } });
    await until(() => stopped.events.at(-1)?.type === "final");
    expect(stopped.events.at(-1)).toMatchObject({ stopReason: "stopped" });
  });

  it("gets nothing of another user's", async () => {
    await using server = await chat([long]);
    await say(server.url, "Mine");
    using reader = watch(server.url, "mallory");
    await until(reader.isOver);
    expect(reader.events).toEqual([]);
  });
});
