import { describe, expect, it } from "vitest";
import { Agent } from "./agent.ts";
import type { ChatStore } from "./chat.ts";
import { ConfigError } from "./errors.ts";
import type { Message } from "./messages.ts";
import type { Model } from "./model.ts";
import { checkHistory, type ScriptedStep, scriptedModel } from "./testing.ts";
import { tool } from "./tool.ts";

const ids = { userId: "u", chatId: "c" };
const tick = (ms = 0): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const look = tool({ name: "look", description: "Looks", execute: () => "seen" });

function agentOf(steps: ScriptedStep[], delayMs = 0): { agent: Agent; model: ReturnType<typeof scriptedModel> } {
  const model = scriptedModel(steps, { delayMs });
  return { model, agent: new Agent({ name: "a", model, tools: [look] }) };
}

/** A store that keeps plain data, as a database does. */
function memory(saved: Message[] = []): ChatStore & { saved: Message[] } {
  return {
    saved,
    load: async () => JSON.parse(JSON.stringify(saved)),
    async append({ userId, chatId }, message) {
      expect({ userId, chatId }).toEqual(ids);
      await tick(1);
      saved.push(JSON.parse(JSON.stringify(message)));
    },
  };
}

const roles = (messages: readonly Message[]): string[] => messages.map(({ role }) => role);

describe("a chat", () => {
  it("remembers what was said", async () => {
    const { agent, model } = agentOf([{ toolCalls: [{ name: "look" }] }, "One", "Two"]);
    const chat = agent.chat(ids);
    await chat.sendMessage("1");
    const final = await chat.sendMessage("2");
    expect(roles(model.requests[2]?.messages ?? [])).toEqual(["user", "assistant", "tool", "assistant", "user"]);
    expect(chat.history).toEqual(final.history.messages);
    expect(final.history.added.length).toBe(2);
    chat.reset();
    expect(chat.history).toEqual([]);
  });

  it("begins with the history that it is given", async () => {
    const { agent, model } = agentOf(["Hello"]);
    const history: Message[] = [{ role: "user", content: "Hi" }];
    const chat = agent.chat({ ...ids, history });
    await chat.sendMessage("?");
    expect(model.requests[0]?.messages.length).toBe(2);
    expect(history.length).toBe(1);
    chat.reset();
    expect(chat.history).toEqual(history);
    expect(() => agent.chat({ ...ids, history: JSON.parse('[{"role":"robot"}]') })).toThrow(ConfigError);
  });

  it("goes on after a run that was stopped, left or failed", async () => {
    const { agent, model } = agentOf(["One two", "One two", { text: "Half ", error: new Error("no") }, "Done"], 1);
    const chat = agent.chat(ids);
    const stopped = chat.respond("stop");
    for await (const event of stopped) if (event.type === "text-delta") stopped.stop();
    for await (const event of chat.respond("leave")) if (event.type === "text-delta") break;
    await expect(chat.sendMessage("fail")).rejects.toThrow("no");
    expect((await chat.sendMessage("go on")).output).toBe("Done");
    const texts = (model.requests[3]?.messages ?? []).map(({ content }) => content);
    expect(texts).toEqual([
      "stop",
      [{ type: "text", text: "One " }],
      "leave",
      [{ type: "text", text: "One " }],
      "fail",
      [{ type: "text", text: "Half " }],
      "go on",
    ]);
  });

  it("has one run at a time, and is free again when that has ended", async () => {
    const { agent, model } = agentOf(["One", "Two"]);
    const chat = agent.chat(ids);
    const first = chat.respond("1");
    await first.next();
    await first.next();
    await expect(chat.sendMessage("2")).rejects.toThrow(/another run.*send/);
    for await (const _ of first);
    expect((await chat.sendMessage("3")).output).toBe("Two");
    expect(roles(model.requests[1]?.messages ?? [])).toEqual(["user", "assistant", "user"]);
  });

  it("is free again when its run is left in the middle of a next()", async () => {
    const silent: Model = {
      provider: "own",
      id: "silent",
      async *stream(_, { signal }) {
        await new Promise((_, reject) => signal.addEventListener("abort", reject, { once: true }));
        yield { type: "text-delta", text: "", part: 0 };
      },
    };
    const chat = agentOf(["Done"]).agent.chat(ids);
    const run = chat.respond("1", { model: silent });
    const reading = (async () => {
      while (!(await run.next()).done);
    })();
    await tick(5);
    await run.return();
    await reading;
    expect((await chat.sendMessage("2")).output).toBe("Done");
  });
});

describe("a chat with a store", () => {
  it("reads it once and keeps every message in it", async () => {
    const store = memory([{ role: "user", content: "Hi" }]);
    const { agent, model } = agentOf([{ toolCalls: [{ name: "look" }] }, "One"]);
    const chat = agent.chat({ ...ids, store });
    expect(chat.history).toEqual([]);
    await chat.sendMessage("1");
    expect(roles(model.requests[0]?.messages ?? [])).toEqual(["user", "user"]);
    expect(store.saved).toEqual(chat.history);
    const again = agentOf(["Two"]);
    await again.agent.chat({ ...ids, store }).sendMessage("2");
    expect(again.model.requests[0]?.messages).toEqual(store.saved.slice(0, -1));
  });

  it("goes on from what a crash has left in it", async () => {
    const store = memory([
      { role: "user", content: "Hi" },
      { role: "assistant", content: [{ type: "tool-call", callId: "c1", name: "look", args: {} }] },
    ]);
    const { agent, model } = agentOf(["One", "Two"]);
    const chat = agent.chat({ ...ids, store });
    await chat.sendMessage("1");
    await chat.sendMessage("2");
    for (const { messages } of model.requests) expect(checkHistory(messages)).toEqual([]);
  });

  it("fails the run where it cannot be read, and reads it again for the next one", async () => {
    let reads = 0;
    const store: ChatStore = {
      load: () => (++reads === 1 ? Promise.reject(new Error("no connection")) : []),
      append: () => {},
    };
    const chat = agentOf(["One"]).agent.chat({ ...ids, store });
    await expect(chat.sendMessage("1")).rejects.toThrow("no connection");
    expect((await chat.sendMessage("2")).output).toBe("One");
    expect(roles(chat.history)).toEqual(["user", "assistant"]);
  });

  it("refuses what is no history of ours", async () => {
    const store: ChatStore = { load: () => JSON.parse('[{"role":"assistant","content":"Hi"}]'), append: () => {} };
    await expect(
      agentOf([])
        .agent.chat({ ...ids, store })
        .sendMessage("1"),
    ).rejects.toThrow(/^store\.load\(\)\[0\]: /);
  });

  it("goes on where it cannot be written, and says so", async () => {
    const errors: unknown[] = [];
    const store: ChatStore = { load: () => [], append: () => Promise.reject(new Error("disk full")) };
    const chat = agentOf(["One", "Two"]).agent.chat({ ...ids, store });
    await chat.sendMessage("1", { hooks: { onHookError: (error) => errors.push(error) } });
    expect(errors).toEqual([new Error("disk full"), new Error("disk full")]);
    expect((await chat.sendMessage("2", { hooks: { onHookError: () => {} } })).history.messages.length).toBe(4);
  });

  it("may answer after the run that waited for it was stopped", async () => {
    const answers: (() => void)[] = [];
    const store: ChatStore = {
      load: () => new Promise((resolve) => answers.push(() => resolve([{ role: "user", content: "Hi" }]))),
      append: () => {},
    };
    const { agent, model } = agentOf(["One"]);
    const chat = agent.chat({ ...ids, store });
    const stopped = chat.respond("1");
    setTimeout(() => stopped.stop(), 5);
    for await (const _ of stopped);
    expect(stopped.final?.stopReason).toBe("stopped");
    const next = chat.sendMessage("2");
    await tick(5);
    for (const answer of answers.reverse()) answer();
    await next;
    await tick();
    expect(roles(model.requests[0]?.messages ?? []).at(-1)).toBe("user");
    expect(chat.history.at(-1)).toMatchObject({ role: "assistant" });
    expect(checkHistory(chat.history)).toEqual([]);
  });

  it("refuses options that cannot work, naming them", () => {
    const { agent } = agentOf([]);
    const wrong: [option: string, options: unknown][] = [
      ["options", undefined],
      ["userId", { chatId: "c" }],
      ["chatId", { userId: "u", chatId: 7 }],
      ["history", { ...ids, history: "Hi" }],
      ["store.load", { ...ids, store: {} }],
      ["messages", { ...ids, messages: [] }],
    ];
    for (const [option, options] of wrong) {
      expect(() => Reflect.apply(agent.chat, agent, [options])).toThrow(expect.objectContaining({ option }));
    }
  });
});
