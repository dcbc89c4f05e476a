import { describe, expect, it } from "vitest";
import { Agent } from "../src/agent.ts";
import type { AgentOptions, RespondOptions } from "../src/agent-options.ts";
import { ModelError } from "../src/errors.ts";
import type { AgentEvent, RunInfo } from "../src/events.ts";
import type { Hooks } from "../src/hooks.ts";
import type { Message } from "../src/messages.ts";
import { fallback } from "../src/models.ts";
import { scriptedModel } from "../src/testing.ts";
import { tool } from "../src/tool.ts";

const ids = { userId: "u1", chatId: "c1" };

const look = tool({ name: "look", description: "Looks", execute: () => "seen" });
const fail = tool({
  name: "fail",
  description: "Fails",
  execute() {
    throw new Error("no");
  },
});
const calling = (name: string) => scriptedModel([{ toolCalls: [{ name }] }, "Done."]);
const pricing = { scripted: { input: 1, output: 1 } };

const busy = new ModelError("p: busy", { kind: "overloaded", provider: "p" });
const long: readonly Message[] = Array.from({ length: 40 }, (_, index) =>
  index % 2 === 0
    ? { role: "user", content: "A question that is not short." }
    : { role: "assistant", content: [{ type: "text", text: "Nor is its answer." }] },
);

/** What a developer wants to be told, the hook that tells it, and a run in which it happens. */
const occasions: [string, keyof Hooks, Partial<AgentOptions>, Partial<RespondOptions>?][] = [
  ["a run begins", "onRunStart", {}],
  ["before each request", "onTurnStart", {}],
  ["after each request", "onTurnEnd", {}],
  ["a piece of text arrives", "onTextDelta", {}],
  ["a message joins the history", "onMessageAdded", {}],
  ["a tool begins", "onToolCallStart", { model: calling("look") }],
  ["a tool has succeeded", "onToolResult", { model: calling("look") }],
  ["a tool has failed", "onToolError", { model: calling("fail") }],
  ["the model asks for a tool that there is not", "onToolError", { model: calling("nothing") }],
  ["the turn cap is reached", "onMaxTurnsReached", { model: calling("look"), maxTurns: 1 }],
  ["the budget is spent", "onBudgetExceeded", { budget: { pricing, maxUsd: 0 } }],
  ["what would be sent is too long", "onContextOverflow", { context: { maxTokens: 200 } }, { history: long }],
  ["messages are left out", "onMessagesDropped", { context: { maxTokens: 200 } }, { history: long }],
  [
    "a request is repeated",
    "onRetry",
    { model: scriptedModel([{ error: busy }, "Ok."]), retry: { initialDelayMs: 0 } },
  ],
  [
    "another model takes over",
    "onModelSwitched",
    { model: fallback([scriptedModel([{ error: busy }]), scriptedModel(["Ok."])]) },
  ],
  ["someone stops the run, by a check", "onStopped", { stop: { check: () => true } }],
  ["someone stops the run, by a signal", "onStopped", {}, { signal: AbortSignal.abort("no") }],
  ["the final answer", "onFinal", {}],
  [
    "a run fails",
    "onFinal",
    { model: scriptedModel([{ error: new ModelError("p: no", { kind: "auth", provider: "p" }) }]) },
  ],
];

describe("a hook hears when", () => {
  it.each(occasions)("%s: %s", async (_, name, options, call) => {
    const heard: RunInfo[] = [];
    const hooks: Hooks = { [name]: ({ run }: AgentEvent) => heard.push(run) };
    const agent = new Agent({ name: "a", model: scriptedModel(["One."]), tools: [look, fail], hooks, ...options });
    const run = agent.respond("Go.", { ...ids, ...call });
    await (async () => {
      for await (const event of run) void event;
    })().catch(() => {});
    expect(heard.length).toBeGreaterThan(0);
    for (const info of heard) expect(info).toEqual({ id: run.id, agentName: "a", ...ids });
  });
});

describe("a hook that is slow", () => {
  it("does not hold the reader up while the queue has room", async () => {
    let finished = 0;
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const hooks: Hooks = {
      async onEvent() {
        await released;
        finished++;
      },
    };
    const agent = new Agent({ name: "a", model: scriptedModel(["word ".repeat(100)]), hooks });
    for await (const { type } of agent.respond("Go.", ids)) {
      if (type !== "final") continue;
      expect(finished).toBe(0);
      release();
    }
    expect(finished).toBeGreaterThan(100);
  });

  it("holds it up when the queue is full, and no longer than that", async () => {
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const agent = new Agent({
      name: "a",
      model: scriptedModel(["word ".repeat(1000)]),
      hooks: { onEvent: () => released },
    });
    const run = agent.respond("Go.", ids);
    let read = 0;
    const reading = (async () => {
      for await (const event of run) if (event) read++;
    })();
    for (let before = -1; before !== read || read === 0; ) {
      before = read;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(read).toBeGreaterThan(200);
    expect(read).toBeLessThan(300);
    release();
    await reading;
    expect(read).toBeGreaterThan(1000);
  });
});
