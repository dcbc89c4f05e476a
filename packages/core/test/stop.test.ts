import { getEventListeners } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Agent } from "../src/agent.ts";
import type { AgentOptions, RespondOptions } from "../src/agent-options.ts";
import { ModelError } from "../src/errors.ts";
import type { AgentEvent, EventOf, Final } from "../src/events.ts";
import type { Message } from "../src/messages.ts";
import type { Model } from "../src/model.ts";
import { fallback, throttle } from "../src/models.ts";
import type { Run } from "../src/run.ts";
import { checkEvents, scriptedModel } from "../src/testing.ts";
import { tool } from "../src/tool.ts";
import { answering, httpModel, ids, type Loopback, serve, tick } from "./loopback.ts";

const look = tool({ name: "look", description: "Looks", execute: () => "seen" });

beforeAll(async () => {
  // Loads what a run loads: a module takes real time, in which the fake clock would run away.
  const model = scriptedModel([{ toolCalls: [{ name: "look" }] }, "Seen."]);
  const budget = { pricing: { scripted: { input: 1, output: 1 } } };
  await new Agent({ name: "a", model, tools: [look], budget, retry: {}, context: { maxTokens: 9000 } }).sendMessage(
    "Go.",
    ids,
  );
});

/** Time goes by as the tests say. */
function useFakeClock(): void {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
  afterEach(() => {
    // Nothing of a run may go on after its end.
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
}

/** A flag as another process would set it, and when it was asked for. */
class StopFlag {
  readonly askedAt: number[] = [];
  readonly #start = Date.now();
  readonly #sinceMs: number;

  constructor(sinceMs = Number.POSITIVE_INFINITY) {
    this.#sinceMs = sinceMs;
  }

  get elapsedMs(): number {
    return Date.now() - this.#start;
  }

  readonly check = async (): Promise<boolean> => {
    this.askedAt.push(this.elapsedMs);
    return this.elapsedMs >= this.#sinceMs;
  };
}

/** Never answers, and notes when it is aborted. */
function silentTool(name: string, aborted: string[]) {
  return tool({
    name,
    description: "Never ends by itself",
    execute: (_, { signal }) => {
      signal.addEventListener("abort", () => aborted.push(name), { once: true });
      return new Promise<string>(() => {});
    },
  });
}

const silentModel = { provider: "p", id: "silent", stream: () => ({ [Symbol.asyncIterator]: silence }) };
function silence() {
  return { next: () => new Promise<never>(() => {}) };
}

function options(overrides: Partial<AgentOptions>): AgentOptions {
  return { name: "a", model: silentModel, ...overrides };
}

/** Runs an agent to its end while time goes by, and checks what must hold of every stopped run. */
async function ending(
  agent: AgentOptions,
  call: Partial<RespondOptions> = {},
  use: (event: AgentEvent, run: Run) => void = () => {},
): Promise<{ final: Final; events: AgentEvent[]; hooked: string[] }> {
  const hooked: string[] = [];
  const events: AgentEvent[] = [];
  const observed = {
    onStopped: ({ reason, by }: EventOf<"stopped">) => hooked.push(`onStopped ${by}: ${reason}`),
    onToolError: ({ callId, error }: EventOf<"tool-error">) => hooked.push(`onToolError ${callId} ${error.kind}`),
    onToolResult: ({ callId }: EventOf<"tool-result">) => hooked.push(`onToolResult ${callId}`),
    onFinal: ({ stopReason, run }: EventOf<"final">) =>
      hooked.push(`onFinal ${stopReason} ${run.userId} ${run.chatId}`),
  };
  const hooks = [observed, ...[agent.hooks ?? []].flat()];
  const run = new Agent({ ...agent, hooks }).respond("Go.", { ...ids, ...call });
  let isOver = false;
  const reading = (async () => {
    for await (const event of run) {
      events.push(event);
      use(event, run);
    }
    isOver = true;
  })();
  for (let step = 0; !isOver && step < 2000; step++) await vi.advanceTimersByTimeAsync(50);
  await reading;
  expect(checkEvents(events)).toEqual([]);
  const final = events.at(-1);
  if (final?.type !== "final") throw new Error(`expected Final to be the last event, got ${final?.type}`);
  if (final.stopReason === "stopped") expect(events.at(-2)?.type).toBe("stopped");
  return { final, events, hooked };
}

function shape(messages: readonly Message[]): string[] {
  return messages.map((message) => {
    if (message.role === "tool") return `tool ${message.callId}${message.isError ? " error" : ""}`;
    return typeof message.content === "string"
      ? `${message.role} text`
      : [message.role, ...message.content.map(({ type }) => type)].join(" ");
  });
}

const byCheck = "onStopped stop-check: the stop check said so";
const stoppedFinal = "onFinal stopped u c";

describe("the stop check", () => {
  useFakeClock();

  it("is asked at once and then every everyMs after it has answered, with whose run it is", async () => {
    const flag = new StopFlag(10_000);
    const check = vi.fn(flag.check);
    const { hooked, final } = await ending(options({ stop: { check, everyMs: 4000 } }));
    expect(flag.askedAt).toEqual([0, 4000, 8000, 12_000]);
    expect(check).toHaveBeenCalledWith({ ...ids, runId: final.run.id });
    expect(hooked).toEqual([byCheck, stoppedFinal]);
  });

  it("is asked every three seconds by default", async () => {
    const flag = new StopFlag(6000);
    await ending(options({ stop: { check: flag.check } }));
    expect(flag.askedAt).toEqual([0, 3000, 6000]);
  });

  it("may take its time: it is never asked twice at once, and a late yes stops", async () => {
    let open = 0;
    const askedAt: number[] = [];
    const start = Date.now();
    const check = async (): Promise<boolean> => {
      expect(++open).toBe(1);
      askedAt.push(Date.now() - start);
      await new Promise((resolve) => setTimeout(resolve, 5000));
      open--;
      return askedAt.length === 2;
    };
    const { hooked } = await ending(options({ stop: { check, everyMs: 1000 } }));
    expect(askedAt).toEqual([0, 6000]);
    expect(hooked).toEqual([byCheck, stoppedFinal]);
  });

  it("may be a plain function", async () => {
    const { final } = await ending(options({ stop: { check: () => true } }));
    expect(final).toMatchObject({ stopReason: "stopped", output: "", turns: 0 });
    expect(shape(final.history.messages)).toEqual(["user text"]);
  });

  it("that throws or rejects is reported each time, and is asked again", async () => {
    const errors: unknown[] = [];
    const check = vi
      .fn<() => Promise<boolean>>()
      .mockImplementationOnce(() => {
        throw new Error("thrown");
      })
      .mockRejectedValueOnce(new Error("rejected"))
      .mockResolvedValueOnce(false)
      .mockResolvedValueOnce(true);
    const hooks = { onHookError: (error: unknown) => errors.push(error) };
    const { hooked, final } = await ending(options({ stop: { check }, hooks }));
    expect(errors).toEqual([new Error("thrown"), new Error("rejected")]);
    expect(check).toHaveBeenCalledTimes(4);
    expect(final.durationMs).toBe(9000);
    expect(hooked).toEqual([byCheck, stoppedFinal]);
  });

  it("that throws is told to the console where nobody listens", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const check = vi.fn<() => boolean>().mockImplementationOnce(() => {
      throw new Error("no database");
    });
    await ending(options({ model: scriptedModel(["Hi"]), stop: { check } }));
    expect(String(log.mock.calls[0])).toContain("no database");
  });

  it("that never answers holds nothing up, and is not asked again after the end", async () => {
    const check = vi.fn(() => new Promise<boolean>(() => {}));
    const { final } = await ending(options({ model: scriptedModel(["Hi"]), stop: { check } }));
    expect(final).toMatchObject({ stopReason: "completed", output: "Hi" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(check).toHaveBeenCalledTimes(1);
  });

  it("that says yes after the end changes nothing", async () => {
    let answer = (_: boolean): void => {};
    const check = (): Promise<boolean> => new Promise((resolve) => (answer = resolve));
    const { hooked } = await ending(options({ model: scriptedModel(["Hi"]), stop: { check } }));
    answer(true);
    await vi.advanceTimersByTimeAsync(1);
    expect(hooked).toEqual(["onFinal completed u c"]);
  });

  it("wins where the answer is complete at the same moment", async () => {
    const flag = new StopFlag(3000);
    const model = scriptedModel([() => new Promise<string>((resolve) => setTimeout(() => resolve("Too late"), 3000))]);
    const { final, hooked } = await ending(options({ model, stop: { check: flag.check } }));
    expect(final.stopReason).toBe("stopped");
    expect(hooked).toEqual([byCheck, stoppedFinal]);
  });

  it("can be given for one call, beside the agent's other options", async () => {
    const check = vi.fn(() => false);
    const agent = options({ stop: { check, everyMs: 500 } });
    const flag = new StopFlag(1000);
    await ending(agent, { stop: { check: flag.check } });
    expect(check).not.toHaveBeenCalled();
    expect(flag.askedAt).toEqual([0, 500, 1000]);
  });
});

describe("a stop while the model works", () => {
  useFakeClock();

  it("acts before the first event; what was sent is counted, estimated", async () => {
    const { final, hooked } = await ending(options({ stop: { check: new StopFlag(3000).check } }));
    expect(final.durationMs).toBe(3000);
    expect(shape(final.history.messages)).toEqual(["user text"]);
    expect(final).toMatchObject({ output: "", turns: 1, usage: { outputTokens: 0, estimated: true } });
    expect(final.usage.inputTokens).toBeGreaterThan(0);
    expect(hooked).toEqual([byCheck, stoppedFinal]);
  });

  it("acts between two chunks and keeps the text that had arrived", async () => {
    const model = scriptedModel(["One two three four five"], { delayMs: 1000 });
    const { final, hooked } = await ending(options({ model, stop: { check: new StopFlag(2500).check, everyMs: 500 } }));
    expect(final.output).toBe("One two ");
    expect(shape(final.history.messages)).toEqual(["user text", "assistant text"]);
    expect(final.usage).toMatchObject({ outputTokens: 2, estimated: true });
    expect(hooked).toEqual([byCheck, stoppedFinal]);
  });

  it("aborts the request and closes its stream", async () => {
    const seen: string[] = [];
    const model = {
      provider: "p",
      id: "m",
      async *stream(_: unknown, { signal }: { signal: AbortSignal }) {
        signal.addEventListener("abort", () => seen.push("aborted"), { once: true });
        try {
          yield { type: "text-delta", text: "One", part: 0 } as const;
          await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        } finally {
          seen.push("closed");
        }
      },
    };
    await ending(options({ model, stop: { check: new StopFlag(3000).check } }));
    expect(seen).toEqual(["aborted", "closed"]);
  });

  it("drops calls whose arguments are still arriving", async () => {
    const execute = vi.fn(() => "done");
    const write = tool({ name: "write", description: "Writes", input: { type: "object" }, execute });
    const toolCalls = [{ name: "write", args: { text: "a rather long text that arrives in pieces" } }];
    const model = scriptedModel([{ text: "Well:", toolCalls }], { delayMs: 1000 });
    const { final, events } = await ending(
      options({ model, tools: [write], stop: { check: new StopFlag(3000).check } }),
    );
    expect(events.some(({ type }) => type === "tool-call-delta")).toBe(true);
    expect(execute).not.toHaveBeenCalled();
    expect(shape(final.history.messages)).toEqual(["user text", "assistant text"]);
  });

  it.each([
    ["instructions", { instructions: () => new Promise<string>(() => {}) }],
    ["model", { model: () => new Promise<never>(() => {}) }],
  ])("does not wait for the question %s", async (_, question) => {
    const { hooked, final } = await ending(options({ ...question, stop: { check: new StopFlag(3000).check } }));
    expect(final.turns).toBe(1);
    expect(hooked).toEqual([byCheck, stoppedFinal]);
  });
});

describe("a stop while the context is summarised", () => {
  useFakeClock();

  it("does not wait for the summary", async () => {
    const model = scriptedModel(["Never asked"]);
    const said = "A sentence that is said again and again, and takes some room. ".repeat(4);
    const history: Message[] = Array.from({ length: 20 }, (_, index) =>
      index % 2 === 0
        ? { role: "user", content: said }
        : { role: "assistant", content: [{ type: "text", text: said }] },
    );
    const context = { maxTokens: 400, drop: "summary", summaryModel: silentModel } as const;
    const stop = { check: new StopFlag(3000).check };
    const { final, hooked } = await ending(options({ model, context, stop }), { history });
    expect(final).toMatchObject({ stopReason: "stopped", durationMs: 3000, output: "" });
    expect(model.requests).toHaveLength(0);
    expect(hooked).toEqual([byCheck, stoppedFinal]);
  });
});

describe("a stop in a model wrapper", () => {
  useFakeClock();

  const busy = () => new ModelError("p: busy", { kind: "rate-limit", provider: "p" });

  it("ends the wait before a repetition; no further request is sent, and what had arrived stays void", async () => {
    const usage = { inputTokens: 30, outputTokens: 4 };
    const model = scriptedModel([
      { text: "One two", error: busy() },
      { error: busy() },
      { text: "Never asked", usage },
    ]);
    const { final, events, hooked } = await ending(
      options({
        model,
        retry: { initialDelayMs: 10_000, jitter: "none" },
        stop: { check: new StopFlag(15_000).check, everyMs: 5000 },
      }),
    );
    expect(events.filter(({ type }) => type === "retry")).toHaveLength(2);
    expect(final.durationMs).toBe(15_000);
    expect(model.requests).toHaveLength(2);
    expect(final).toMatchObject({ output: "", usage: { outputTokens: 2, estimated: true } });
    expect(shape(final.history.messages)).toEqual(["user text"]);
    expect(hooked).toEqual([byCheck, stoppedFinal]);
  });

  it("ends the wait in a throttle's queue, and the place in it is free again", async () => {
    const model = throttle(scriptedModel(["One.", "Two.", "Three."]), { requestsPerMinute: 1 });
    const agent = options({ model });
    expect((await ending(agent)).final.output).toBe("One.");
    const stopped = await ending(agent, { stop: { check: new StopFlag(3000).check } });
    expect(stopped.final).toMatchObject({ stopReason: "stopped", durationMs: 3000 });
    expect(stopped.hooked).toEqual([byCheck, stoppedFinal]);
    expect((await ending(agent)).final.output).toBe("Two.");
  });

  it("does not ask the next model of a fallback", async () => {
    const next = scriptedModel(["Never asked"]);
    const silent = { ...silentModel, stream: silentModel.stream };
    const { hooked } = await ending(
      options({ model: fallback([silent, next]), stop: { check: new StopFlag(3000).check } }),
    );
    expect(next.requests).toHaveLength(0);
    expect(hooked).toEqual([byCheck, stoppedFinal]);
  });
});

describe("a stop while tools work", () => {
  useFakeClock();

  const toolCalls = [{ name: "one" }, { name: "two" }];

  it("aborts all of them, gives each call a result, and tells every hook", async () => {
    const aborted: string[] = [];
    const model = scriptedModel([{ text: "Working.", toolCalls, usage: { inputTokens: 40, outputTokens: 9 } }]);
    const tools = [silentTool("one", aborted), silentTool("two", aborted)];
    const { final, hooked, events } = await ending(
      options({ model, tools, stop: { check: new StopFlag(3000).check } }),
    );
    expect(aborted).toEqual(["one", "two"]);
    expect(hooked).toEqual(["onToolError call_1_1 stopped", "onToolError call_1_2 stopped", byCheck, stoppedFinal]);
    expect(shape(final.history.messages)).toEqual([
      "user text",
      "assistant text tool-call tool-call",
      "tool call_1_1 error",
      "tool call_1_2 error",
    ]);
    expect(final).toMatchObject({ output: "Working.", usage: { inputTokens: 40, outputTokens: 9 } });
    expect(final.usage.estimated).toBeUndefined();
    expect(events.filter(({ type }) => type === "turn-start")).toHaveLength(1);
  });

  it("waits for the grace, in which a tool may still give its result", async () => {
    const slow = tool({
      name: "one",
      description: "Saves at an abort",
      execute: (_, { signal }) =>
        new Promise<string>((resolve) => {
          signal.addEventListener("abort", () => setTimeout(() => resolve("saved"), 200), { once: true });
        }),
    });
    const model = scriptedModel([{ toolCalls }]);
    const tools = [slow, silentTool("two", [])];
    const { hooked, final } = await ending(options({ model, tools, stop: { check: new StopFlag(3000).check } }));
    expect(hooked.slice(0, 2)).toEqual(["onToolResult call_1_1", "onToolError call_1_2 stopped"]);
    expect(final.durationMs).toBe(3250);
  });

  it("abandons at once with graceMs: 0", async () => {
    const model = scriptedModel([{ toolCalls }]);
    const tools = [silentTool("one", []), silentTool("two", [])];
    const stop = { check: new StopFlag(3000).check, graceMs: 0 };
    expect((await ending(options({ model, tools, stop }))).final.durationMs).toBeLessThan(3010);
  });

  it("never starts the tools that wait for their turn", async () => {
    const execute = vi.fn(() => "done");
    const two = tool({ name: "two", description: "Waits", execute });
    const { hooked, events, final } = await ending(
      options({
        model: scriptedModel([{ toolCalls }]),
        tools: [silentTool("one", []), two],
        toolExecution: { parallel: false },
        stop: { check: new StopFlag(3000).check },
      }),
    );
    expect(execute).not.toHaveBeenCalled();
    expect(hooked).toEqual(["onToolError call_1_1 stopped", "onToolError call_1_2 stopped", byCheck, stoppedFinal]);
    expect(events.filter(({ type }) => type === "tool-call-start")).toHaveLength(1);
    expect(shape(final.history.messages).slice(2)).toEqual(["tool call_1_1 error", "tool call_1_2 error"]);
  });

  it("by a plain function that runs keeps that function's result", async () => {
    let live: Run | undefined;
    const one = tool({
      name: "one",
      description: "Stops its own run",
      execute() {
        live?.stop("enough");
        return "done";
      },
    });
    const model = scriptedModel([{ toolCalls: [{ name: "one" }] }]);
    const { hooked } = await ending(options({ model, tools: [one] }), {}, (_, run) => {
      live = run;
    });
    expect(hooked).toEqual(["onToolResult call_1_1", "onStopped call: enough", stoppedFinal]);
  });

  it("leaves a generator, whose cleanup runs", async () => {
    const seen: string[] = [];
    const one = tool({
      name: "one",
      description: "Counts",
      async *execute() {
        try {
          for (let step = 1; ; step++) {
            await new Promise((resolve) => setTimeout(resolve, 1000));
            yield step;
          }
        } finally {
          seen.push("cleaned up");
        }
      },
    });
    const model = scriptedModel([{ toolCalls: [{ name: "one" }] }]);
    const { hooked, events } = await ending(
      options({ model, tools: [one], stop: { check: new StopFlag(3000).check, everyMs: 1500 } }),
    );
    await vi.advanceTimersByTimeAsync(1000);
    const progress = events.flatMap((event) => (event.type === "tool-progress" ? [event.progress] : []));
    expect(progress).toEqual([1, 2, 3]);
    expect(seen).toEqual(["cleaned up"]);
    expect(hooked).toEqual(["onToolError call_1_1 stopped", byCheck, stoppedFinal]);
  });

  it("does not wait for authorize", async () => {
    const one = tool({ name: "one", description: "Never asked", execute: () => "done" });
    const { hooked } = await ending(
      options({
        model: scriptedModel([{ toolCalls: [{ name: "one" }] }]),
        tools: [one],
        authorize: () => new Promise(() => {}),
        stop: { check: new StopFlag(3000).check },
      }),
    );
    expect(hooked).toEqual(["onToolError call_1_1 stopped", byCheck, stoppedFinal]);
  });

  it("stops the agents that run as tools, and counts what they spent", async () => {
    const inner = new Agent({
      name: "inner",
      model: scriptedModel([{ toolCalls: [{ name: "one" }], usage: { inputTokens: 7, outputTokens: 3 } }]),
      tools: [silentTool("one", [])],
    });
    const model = scriptedModel([
      { toolCalls: [{ name: "inner", args: { input: "?" } }], usage: { inputTokens: 40, outputTokens: 9 } },
    ]);
    const { final, events, hooked } = await ending(
      options({ model, tools: [inner.asTool()], stop: { check: new StopFlag(3000).check } }),
    );
    const nested = events.flatMap((event) => (event.type === "sub-agent" ? [event.event] : []));
    expect(checkEvents(nested)).toEqual([]);
    expect(nested.at(-1)).toMatchObject({ type: "final", stopReason: "stopped" });
    expect(final.usage).toMatchObject({ inputTokens: 47, outputTokens: 12 });
    expect(hooked.slice(-2)).toEqual([byCheck, stoppedFinal]);
  });

  it("of an agent that runs as a tool, by its own check, leaves the run above it going", async () => {
    const inner = new Agent(options({ name: "inner", stop: { check: new StopFlag(3000).check } }));
    const model = scriptedModel([{ toolCalls: [{ name: "inner", args: { input: "?" } }] }, "It was stopped."]);
    const { final, hooked } = await ending(options({ model, tools: [inner.asTool()] }));
    expect(final).toMatchObject({ stopReason: "completed", output: "It was stopped." });
    expect(hooked).toEqual(["onToolError call_1_1 stopped", "onFinal completed u c"]);
  });
});

describe("a stopped conversation", () => {
  useFakeClock();

  it("goes on from where it was stopped", async () => {
    const one = silentTool("one", []);
    const model = scriptedModel([{ text: "Let me see.", toolCalls: [{ name: "one" }] }, "Never mind."]);
    const agent = options({ model, tools: [one], stop: { check: new StopFlag(3000).check } });
    const { final } = await ending(agent);
    const { messages } = final.history;
    const next = await ending(agent, { history: messages, stop: { check: () => false } });
    expect(next.final).toMatchObject({ stopReason: "completed", output: "Never mind." });
    expect(model.requests[1]?.messages).toEqual([...messages, { role: "user", content: "Go." }]);
  });
});

describe("how a run ends is one word", () => {
  useFakeClock();

  const again = { toolCalls: [{ name: "look" }] };
  const pricing = { scripted: { input: 1, output: 1 } };

  it.each([
    ["completed", options({ model: scriptedModel(["Done."]) }), "Done."],
    ["stopped", options({ stop: { check: () => true } }), ""],
    ["max-turns", options({ model: scriptedModel([again, again]), tools: [look], maxTurns: 2 }), ""],
    [
      "budget",
      options({ model: scriptedModel([again, again]), tools: [look], budget: { pricing, maxToolCalls: 1 } }),
      "",
    ],
  ] as const)("%s", async (stopReason, agent, output) => {
    const { final, hooked } = await ending(agent);
    expect(final).toMatchObject({ stopReason, output });
    expect(hooked.at(-1)).toBe(`onFinal ${stopReason} u c`);
  });
});

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

describe("an abort", () => {
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
