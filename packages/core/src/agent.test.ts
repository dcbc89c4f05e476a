import { describe, expect, it } from "vitest";
import { z } from "zod";
import { Agent } from "./agent.ts";
import type { RespondOptions, TurnContext } from "./agent-options.ts";
import { ConfigError, OutputError } from "./errors.ts";
import type { AgentEvent, EventOf } from "./events.ts";
import type { Hooks } from "./hooks.ts";
import { finalOf } from "./index.ts";
import type { Message } from "./messages.ts";
import type { Run } from "./run.ts";
import { checkEvents, checkHistory, type ScriptedStep, scriptedModel } from "./testing.ts";
import { type Toolkit, tool } from "./tool.ts";

const ids = { userId: "u", chatId: "c" };
const look = tool({ name: "look", description: "Looks", execute: () => "seen" });
const looks = (count: number): ScriptedStep[] =>
  Array.from({ length: count }, () => ({ toolCalls: [{ name: "look" }] }));

async function eventsOf(run: Run): Promise<AgentEvent[]> {
  const events: AgentEvent[] = [];
  try {
    for await (const event of run) events.push(event);
  } catch {
    // Told by the last event.
  }
  expect(checkEvents(events)).toEqual([]);
  return events;
}

function ofType<Type extends AgentEvent["type"]>(events: readonly AgentEvent[], type: Type): EventOf<Type>[] {
  return events.filter((event): event is EventOf<Type> => event.type === type);
}

describe("a run", () => {
  it("returns its Final, which tells all of it", async () => {
    const model = scriptedModel([
      { text: "I look.", toolCalls: [{ name: "look" }] },
      { reasoning: "Hm.", text: "Blue." },
    ]);
    const history: Message[] = [
      { role: "user", content: "Hi" },
      { role: "assistant", content: [{ type: "text", text: "Hello" }] },
    ];
    const final = await new Agent({ name: "a", model, tools: [look] }).sendMessage("?", { ...ids, history });
    expect(final).toMatchObject({ type: "final", stopReason: "completed", output: "Blue.", turns: 2 });
    expect(final.usage).toMatchObject({ inputTokens: 20, outputTokens: 10 });
    expect(final.history.messages.slice(0, 2)).toEqual(history);
    expect(final.history.messages.slice(2)).toEqual(final.history.added);
    expect(final.history.added.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant"]);
    expect(final.history.simplified.map(({ content }) => content)).toEqual([
      "Hi",
      [{ type: "text", text: "Hello" }],
      "?",
      [{ type: "text", text: "I look." }],
      [{ type: "text", text: "Blue." }],
    ]);
    model.assertDone();
  });

  it("throws its error after its Final, and the error leads to it", async () => {
    const error = new Error("no");
    const run = new Agent({ name: "a", model: scriptedModel([{ text: "Half ", error }]) }).respond("?", ids);
    const events: AgentEvent[] = [];
    const reading = (async () => {
      for await (const event of run) events.push(event);
    })();
    await expect(reading).rejects.toBe(error);
    expect(events.at(-1)).toMatchObject({ type: "final", stopReason: "error", output: "Half ", error });
    expect(finalOf(error)).toBe(events.at(-1));
    expect(finalOf(new Error("other"))).toBeUndefined();
    expect(JSON.stringify(error)).toBe("{}");
    expect(JSON.parse(JSON.stringify(run.final)).error).toEqual({ name: "Error", message: "no" });
  });

  it("ends as its last answer says", async () => {
    const endings = {
      stop: "completed",
      length: "length",
      "content-filter": "content-filter",
      other: "completed",
    } as const;
    for (const [finishReason, stopReason] of Object.entries(endings)) {
      const model = scriptedModel([{ text: "x", finishReason: finishReason as keyof typeof endings }]);
      expect((await new Agent({ name: "a", model }).sendMessage("?", ids)).stopReason).toBe(stopReason);
    }
    const refusing = new Agent({ name: "a", model: scriptedModel([{ refusal: "No." }]) });
    expect((await refusing.sendMessage("?", ids)).stopReason).toBe("refused");
    const failing = new Agent({ name: "a", model: scriptedModel([{ text: "x", finishReason: "error" }]) });
    await expect(failing.sendMessage("?", ids)).rejects.toMatchObject({ kind: "server-error" });
  });

  it("asks again where the model only paused", async () => {
    const model = scriptedModel([{ text: "Wait", finishReason: "pause" }, "Done"]);
    expect((await new Agent({ name: "a", model }).sendMessage("?", ids)).turns).toBe(2);
    expect(model.requests[1]?.messages.length).toBe(2);
  });

  it("ends at its turn cap with all calls answered", async () => {
    const events = await eventsOf(
      new Agent({ name: "a", model: scriptedModel(looks(3)), tools: [look], maxTurns: 3 }).respond("?", ids),
    );
    expect(events.slice(-2)).toMatchObject([
      { type: "max-turns-reached", maxTurns: 3 },
      { stopReason: "max-turns", turns: 3 },
    ]);
  });

  it("has ten turns where nothing else is said", async () => {
    const model = scriptedModel(looks(11));
    expect((await new Agent({ name: "a", model, tools: [look] }).sendMessage("?", ids)).turns).toBe(10);
  });

  it("goes on from a history without a new prompt", async () => {
    const model = scriptedModel(["Hello"]);
    const history: Message[] = [{ role: "user", content: "Hi" }];
    const { added } = (await new Agent({ name: "a", model }).sendMessage([], { ...ids, history })).history;
    expect(added.map(({ role }) => role)).toEqual(["assistant"]);
  });

  it("leaves what it was given alone", async () => {
    const history: Message[] = [
      { role: "user", content: [{ type: "text", text: "Hi" }] },
      { role: "assistant", content: [{ type: "text", text: "Hello" }] },
    ];
    const input: Message[] = [{ role: "user", content: [{ type: "text", text: "?" }] }];
    await new Agent({ name: "a", model: scriptedModel(["x"]) }).sendMessage(input, { ...ids, history });
    for (const message of [...history, ...input]) expect(Object.isFrozen(message.content)).toBe(false);
    expect([history.length, input.length]).toEqual([2, 1]);
  });
});

describe("a history that a crash has cut", () => {
  const asks: Message = { role: "assistant", content: [{ type: "tool-call", callId: "c1", name: "look", args: {} }] };
  const question: Message = { role: "user", content: "?" };
  const result: Message = { role: "tool", callId: "c1", name: "look", content: "seen" };

  async function sent(
    input: readonly Message[],
    history: readonly Message[],
  ): Promise<{ request: readonly Message[]; added: readonly Message[] }> {
    const model = scriptedModel(["Done"]);
    const added: Message[] = [];
    const hooks: Hooks = { onMessageAdded: ({ message }) => added.push(message) };
    const final = await new Agent({ name: "a", model, tools: [look] }).sendMessage(input, { ...ids, history, hooks });
    expect(checkHistory(final.history.messages)).toEqual([]);
    const request = model.requests[0]?.messages ?? [];
    expect(checkHistory(request)).toEqual([]);
    return { request, added };
  }

  it("is repaired before it is sent", async () => {
    const { request, added } = await sent([question], [question, asks]);
    expect(request).toMatchObject([{}, {}, { role: "tool", isError: true }, question]);
    expect(added).toMatchObject([question, { role: "assistant" }]);
  });

  it("takes the results that come as the input", async () => {
    const { request, added } = await sent([result, question], [question, asks]);
    expect(request).toEqual([question, asks, result, question]);
    expect(added).toMatchObject([result, question, { role: "assistant" }]);
  });

  it("may be the input itself", async () => {
    const { request, added } = await sent([question, asks, question], []);
    expect(request).toMatchObject([question, asks, { role: "tool", isError: true }, question]);
    expect(added).toMatchObject([question, asks, { role: "tool" }, question, { role: "assistant" }]);
  });

  it("is not made worse by results without a call", async () => {
    const { request } = await sent([result, question], [question]);
    expect(request).toEqual([question, question]);
  });
});

describe("what a call overrides", () => {
  it("counts for this call only", async () => {
    const agent = new Agent({
      name: "a",
      model: scriptedModel(["agent's", "agent's"]),
      instructions: "Agent's",
      settings: { temperature: 0, seed: 1 },
      maxTurns: 3,
    });
    const model = scriptedModel(["call's"]);
    const options: RespondOptions = {
      ...ids,
      model,
      instructions: "Call's",
      settings: { temperature: 1 },
      tools: [look],
    };
    expect((await agent.sendMessage("?", options)).output).toBe("call's");
    expect(model.requests[0]).toMatchObject({
      instructions: "Call's",
      settings: { temperature: 1, seed: 1 },
      tools: [{ name: "look" }],
    });
    expect((await agent.sendMessage("?", ids)).output).toBe("agent's");
  });

  it("is nothing where it is undefined", async () => {
    const model = scriptedModel(looks(3));
    const agent = new Agent({ name: "a", model, tools: [look], maxTurns: 2 });
    const none = {
      maxTurns: undefined,
      model: undefined,
      tools: undefined,
      instructions: undefined,
      stop: undefined,
      hooks: undefined,
      signal: undefined,
      history: undefined,
    };
    const run: Run = Reflect.apply(agent.respond, agent, ["?", { ...ids, ...none }]);
    expect((await eventsOf(run)).at(-1)).toMatchObject({ stopReason: "max-turns", turns: 2 });
  });

  it("makes another agent with with()", async () => {
    const model = scriptedModel(["x"]);
    const agent = new Agent({ name: "a", model: scriptedModel([]), instructions: "One" });
    await agent.with({ model, instructions: "Two" }).sendMessage("?", ids);
    expect(model.requests[0]?.instructions).toBe("Two");
  });
});

describe("what is asked each turn", () => {
  it("is told where the run is", async () => {
    const told: TurnContext[] = [];
    const model = scriptedModel([...looks(1), "Done"]);
    const agent = new Agent({
      name: "a",
      tools: [look],
      model: async () => model,
      instructions: (context) => {
        told.push(context);
        return `Turn ${context.turn}`;
      },
    });
    const events = await eventsOf(agent.respond("?", { ...ids, deps: 7 }));
    expect(model.requests.map(({ instructions }) => instructions)).toEqual(["Turn 1", "Turn 2"]);
    expect(told).toMatchObject([
      { ...ids, agentName: "a", turn: 1, deps: 7, usage: { inputTokens: 0 }, history: [{}] },
      { turn: 2, usage: { inputTokens: 10 }, history: [{}, {}, {}] },
    ]);
    expect(ofType(events, "run-start")[0]).not.toHaveProperty("model");
    expect(ofType(events, "turn-start").map(({ turn, model: { id } }) => [turn, id])).toEqual([
      [1, "scripted"],
      [2, "scripted"],
    ]);
  });

  it("fails the run where it throws, and does not hold a stop up", async () => {
    const failing = new Agent({
      name: "a",
      model: scriptedModel([]),
      instructions: () => Promise.reject(new Error("no")),
    });
    await expect(failing.sendMessage("?", ids)).rejects.toThrow("no");
    const run = new Agent({ name: "a", model: scriptedModel([]), instructions: () => new Promise(() => {}) }).respond(
      "?",
      ids,
    );
    setTimeout(() => run.stop("enough"), 5);
    expect((await eventsOf(run)).slice(-2)).toMatchObject([
      { type: "stopped", reason: "enough", by: "call" },
      { stopReason: "stopped" },
    ]);
  });
});

describe("tools on offer", () => {
  it("come from lists and toolkits, each turn anew", async () => {
    class Door implements Toolkit {
      isOpen = false;
      turn(isOpen: boolean): void {
        this.isOpen = isOpen;
      }
      readonly tools = [
        tool({
          name: "open",
          description: "Opens",
          enabled: () => !this.isOpen,
          execute: () => this.turn(true),
        }),
        tool({
          name: "close",
          description: "Closes",
          enabled: async () => this.isOpen,
          execute: () => this.turn(false),
        }),
      ];
    }
    const off: Toolkit = { tools: [look], enabled: ({ userId }) => userId === "admin" };
    const model = scriptedModel([
      { toolCalls: [{ name: "open" }] },
      { toolCalls: [{ name: "open" }, { name: "look" }] },
      "Done",
    ]);
    const events = await eventsOf(new Agent({ name: "a", model, tools: [[new Door()], off] }).respond("?", ids));
    expect(model.requests.map(({ tools }) => tools.map(({ name }) => name))).toEqual([["open"], ["close"], ["close"]]);
    expect(ofType(events, "tool-error").map(({ error }) => error.kind)).toEqual(["unknown-tool", "unknown-tool"]);
    expect(ofType(events, "run-start")[0]?.tools).toEqual(["open", "close", "look"]);
  });

  it("are demanded once", async () => {
    const demands = ["required", { tool: "look" }] as const;
    for (const toolChoice of demands) {
      const model = scriptedModel([...looks(1), "Done"]);
      await new Agent({ name: "a", model, tools: [look], settings: { toolChoice, seed: 1 } }).sendMessage("?", ids);
      expect(model.requests.map(({ settings }) => settings)).toEqual([{ toolChoice, seed: 1 }, { seed: 1 }]);
    }
    const model = scriptedModel([...looks(1), "Done"]);
    await new Agent({ name: "a", model, tools: [look], settings: { toolChoice: "auto" } }).sendMessage("?", ids);
    expect(model.requests[1]?.settings).toEqual({ toolChoice: "auto" });
  });
});

describe("send", () => {
  it("puts a message before the next turn", async () => {
    const model = scriptedModel([...looks(1), "Done"]);
    const run = new Agent({ name: "a", model, tools: [look] }).respond("?", ids);
    for await (const event of run) if (event.type === "tool-call-start") run.send("Hurry!");
    expect(model.requests[1]?.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "user"]);
  });

  it("makes a turn for a message that comes during the last one", async () => {
    const model = scriptedModel(["Done", "Done again"]);
    const run = new Agent({ name: "a", model }).respond("?", ids);
    let sent = 0;
    for await (const event of run)
      if (event.type === "text-delta" && sent++ === 0) run.send([{ type: "text", text: "More" }]);
    expect(run.final).toMatchObject({ output: "Done again", turns: 2 });
  });

  it("keeps what no turn is left for", async () => {
    const run = new Agent({ name: "a", model: scriptedModel(["Done"]) }).respond("?", ids);
    for await (const event of run) {
      if (event.type !== "text-delta") continue;
      run.send("Wait");
      run.stop();
    }
    expect(run.final?.history.messages.at(-1)).toEqual({ role: "user", content: "Wait" });
  });

  it("loses nothing: whenever a message comes, it joins the history or is refused", async () => {
    for (let at = 0; ; at++) {
      const run = new Agent({ name: "a", model: scriptedModel([...looks(1), "Done"]), tools: [look] }).respond(
        "?",
        ids,
      );
      let taken = false;
      let index = 0;
      for await (const event of run) {
        if (event.type === "text-delta") run.stop();
        if (index++ !== at) continue;
        try {
          run.send("Hello?");
          taken = true;
        } catch {
          expect(["stopped", "final"]).toContain(event.type);
        }
      }
      const joined = run.final?.history.messages.some(({ content }) => content === "Hello?");
      expect(joined, `sent at event ${at}`).toBe(taken);
      if (at > index) break;
    }
  });

  it("refuses what is no user's message, and a run that has ended", async () => {
    const run = new Agent({ name: "a", model: scriptedModel(["Done"]) }).respond("?", ids);
    expect(() => run.send("")).toThrow(ConfigError);
    expect(() => run.send([{ role: "assistant", content: [] }])).toThrow(ConfigError);
    await eventsOf(run);
    expect(() => run.send("late")).toThrow(/ended/);
  });
});

describe("structured output", () => {
  const output = z.object({ city: z.string(), days: z.number().default(1) });
  const agentOf = (steps: ScriptedStep[], more = {}): Agent =>
    new Agent({ name: "a", model: scriptedModel(steps), output, ...more });

  it("grows, and is validated in the end", async () => {
    const model = scriptedModel([{ object: { city: "Tokyo" } }], { chunk: 4 });
    const events = await eventsOf(new Agent({ name: "a", model, output }).respond("?", ids));
    const states = ofType(events, "object-delta").map(({ object }) => object);
    expect(states).toContainEqual({ city: "Tok" });
    expect(states.at(-1)).toEqual({ city: "Tokyo" });
    expect(events.at(-1)).toMatchObject({ object: { city: "Tokyo", days: 1 }, output: '{"city":"Tokyo"}' });
    expect(model.requests[0]?.output).toMatchObject({ schema: { type: "object", required: ["city"] } });
  });

  it("is taken out of a code block", async () => {
    const final = await agentOf(['```json\n{"city":"Tokyo"}\n```\n']).sendMessage("?", ids);
    expect(final.object).toEqual({ city: "Tokyo", days: 1 });
  });

  it("is asked for again, with what was wrong", async () => {
    const events = await eventsOf(
      agentOf([{ object: { city: 7 } }, "no JSON", { object: { city: "Tokyo" } }]).respond("?", ids),
    );
    const asked = ofType(events, "message-added").flatMap(({ message }) =>
      message.role === "user" ? [String(message.content)] : [],
    );
    expect(asked.slice(1)).toEqual([expect.stringMatching(/city: /), expect.stringMatching(/expected JSON/)]);
    expect(events.at(-1)).toMatchObject({ stopReason: "completed", object: { city: "Tokyo" }, turns: 3 });
  });

  it("fails the run where it never fits", async () => {
    const failing = agentOf([{ object: { city: 7 } }], { outputRetries: 0 }).sendMessage("?", ids);
    await expect(failing).rejects.toThrow(OutputError);
    await expect(failing).rejects.toMatchObject({ issues: [{ path: "city" }], text: '{"city":7}' });
  });

  it("is not asked for again where the answer was cut short or declined", async () => {
    const cut = await agentOf([{ text: '{"city":"To', finishReason: "length" }]).sendMessage("?", ids);
    expect(cut).toMatchObject({ stopReason: "length", turns: 1 });
    expect(cut).not.toHaveProperty("object");
    expect((await agentOf([{ refusal: "No." }]).sendMessage("?", ids)).stopReason).toBe("refused");
  });

  it("may be overridden by a call, and follow tools", async () => {
    const model = scriptedModel([...looks(1), { object: { ok: true } }]);
    const agent = new Agent({ name: "a", model, tools: [look] });
    const final = await agent.sendMessage("?", { ...ids, output: { type: "object", required: ["ok"] } });
    expect(final.object).toEqual({ ok: true });
  });
});

describe("previews", () => {
  const input = z.object({ path: z.string(), content: z.string() });
  const args = { path: "a.txt", content: "one two three" };

  async function progressOf(preview: (partial: unknown) => unknown): Promise<unknown[]> {
    const write = tool({ name: "write", description: "Writes", input, preview, execute: () => "written" });
    const model = scriptedModel([{ toolCalls: [{ name: "write", args }] }, "Done"]);
    const events = await eventsOf(new Agent({ name: "a", model, tools: [write] }).respond("?", ids));
    return ofType(events, "tool-progress").map(({ progress }) => progress);
  }

  it("show arguments while they arrive", async () => {
    const shown = await progressOf((partial) => partial);
    expect(shown.length).toBeGreaterThan(3);
    expect(shown.at(-1)).toEqual(args);
  });

  it("may take time, show nothing and fail", async () => {
    expect(await progressOf(async () => undefined)).toEqual([]);
    expect(await progressOf(() => Promise.reject(new Error("x")))).toEqual([]);
    expect(
      await progressOf(() => {
        throw new Error("x");
      }),
    ).toEqual([]);
  });

  it("do not hold a stop up", async () => {
    const write = tool({
      name: "write",
      description: "Writes",
      input,
      preview: () => new Promise(() => {}),
      execute: () => "",
    });
    const run = new Agent({
      name: "a",
      model: scriptedModel([{ toolCalls: [{ name: "write", args }] }]),
      tools: [write],
    }).respond("?", ids);
    setTimeout(() => run.stop(), 5);
    expect((await eventsOf(run)).at(-1)).toMatchObject({ stopReason: "stopped" });
  });
});
