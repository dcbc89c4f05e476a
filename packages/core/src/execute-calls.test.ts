import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { Agent } from "./agent.ts";
import type { AgentOptions } from "./agent-options.ts";
import { image } from "./content.ts";
import type { AgentEvent, EventOf } from "./events.ts";
import type { Message } from "./messages.ts";
import { checkEvents, type ScriptedToolCall, scriptedModel } from "./testing.ts";
import { type Tool, type ToolContext, tool } from "./tool.ts";

const ids = { userId: "u", chatId: "c" };
const tick = (ms = 0): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const never = (): Promise<never> => new Promise(() => {});

interface Outcome {
  events: AgentEvent[];
  results: Message[];
  errors: EventOf<"tool-error">[];
}

/** Runs one turn of calls and the answer after it. */
async function call(
  tools: Tool[],
  toolCalls: ScriptedToolCall[],
  options: Partial<AgentOptions> & { deps?: unknown } = {},
): Promise<Outcome> {
  const { deps, ...rest } = options;
  const model = scriptedModel([{ toolCalls }, "Done"]);
  const events: AgentEvent[] = [];
  for await (const event of new Agent({ name: "a", model, tools, ...rest }).respond("?", { ...ids, deps })) {
    events.push(event);
  }
  expect(checkEvents(events)).toEqual([]);
  expect(events.at(-1)).toMatchObject({ stopReason: "completed", output: "Done" });
  const messages = events.flatMap((event) => (event.type === "message-added" ? [event.message] : []));
  const errors = events.filter((event) => event.type === "tool-error");
  return { events, results: messages.filter(({ role }) => role === "tool"), errors };
}

function named<Args>(name: string, execute: (args: Args, context: ToolContext) => unknown, more = {}): Tool {
  return tool({
    name,
    description: "Does",
    input: { type: "object" },
    execute: (args, context) => execute(args as Args, context),
    ...more,
  });
}

describe("what a tool gives", () => {
  const given: Record<string, [value: unknown, content: unknown]> = {
    text: ["seen", "seen"],
    "an object": [{ a: [1] }, '{"a":[1]}'],
    "a number": [7, "7"],
    nothing: [undefined, "null"],
    null: [null, "null"],
    "an empty list": [[], "[]"],
    "a date": [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    "a part": [image("https://x/a.png"), [{ type: "image", url: "https://x/a.png" }]],
    parts: [
      [{ type: "text", text: "a" }, image("https://x/a.png")],
      [{ type: "text", text: "a" }, image("https://x/a.png")],
    ],
    "what looks like parts but is not": [[{ type: "text" }], '[{"type":"text"}]'],
    "a promise": [Promise.resolve("later"), "later"],
  };
  for (const [name, [value, content]] of Object.entries(given)) {
    it(`reaches the model: ${name}`, async () => {
      const { results, events } = await call([named("look", () => value)], [{ name: "look" }]);
      expect(results).toEqual([{ role: "tool", callId: "call_1_1", name: "look", content }]);
      expect(events.find(({ type }) => type === "tool-result")).toMatchObject({ result: await value });
    });
  }

  it("may come with progress, from a generator of either kind", async () => {
    const sync = named("sync", function* () {
      yield 1;
      return "a";
    });
    const async = named("async", async function* () {
      yield 2;
      return "b";
    });
    const { events, results } = await call([sync, async], [{ name: "sync" }, { name: "async" }]);
    expect(events.flatMap((event) => (event.type === "tool-progress" ? [[event.name, event.progress]] : []))).toEqual([
      ["sync", 1],
      ["async", 2],
    ]);
    expect(results.map(({ content }) => content)).toEqual(["a", "b"]);
  });
});

describe("what goes wrong in a call is told to the model, and the run goes on", () => {
  const unreadable: unknown = Object.create(null);
  const failures: Record<string, [tool: Tool, calls: ScriptedToolCall, kind: string, said: RegExp]> = {
    "an unknown tool": [named("look", () => ""), { name: "lok" }, "unknown-tool", /no tool named "lok".*look/],
    "no JSON": [
      named("look", () => ""),
      { name: "look", args: '{"a":' },
      "invalid-arguments",
      /expected a JSON object.*\{\\"a\\":/,
    ],
    "no object": [
      named("look", () => ""),
      { name: "look", args: "[1]" },
      "invalid-arguments",
      /expected a JSON object/,
    ],
    "a prototype": [
      named("look", () => ""),
      { name: "look", args: '{"__proto__":{}}' },
      "invalid-arguments",
      /JSON object/,
    ],
    "arguments that do not fit": [
      tool({ name: "look", description: "x", input: z.object({ at: z.object({ n: z.number() }) }), execute: () => "" }),
      { name: "look", args: { at: { n: "x" } } },
      "invalid-arguments",
      /Invalid arguments for look: at\.n: /,
    ],
    "a schema that throws": [
      tool({
        name: "look",
        description: "x",
        input: z.object({}).refine(() => {
          throw new Error("broken");
        }),
        execute: () => "",
      }),
      { name: "look" },
      "failed",
      /broken/,
    ],
    "a thrown error": [
      named("look", () => {
        throw new Error("dark");
      }),
      { name: "look" },
      "failed",
      /^dark$/,
    ],
    "a rejection": [
      named("look", async () => {
        throw new Error("dark");
      }),
      { name: "look" },
      "failed",
      /^dark$/,
    ],
    "a generator that throws": [
      named("look", async function* () {
        yield 1;
        throw new Error("dark");
      }),
      { name: "look" },
      "failed",
      /^dark$/,
    ],
    "a string thrown": [
      named("look", () => {
        throw "dark";
      }),
      { name: "look" },
      "failed",
      /^dark$/,
    ],
    "null thrown": [
      named("look", () => {
        throw null;
      }),
      { name: "look" },
      "failed",
      /^null$/,
    ],
    "what has no text thrown": [
      named("look", () => {
        throw unreadable;
      }),
      { name: "look" },
      "failed",
      /no text/,
    ],
    "a result that is no JSON": [named("look", () => 1n), { name: "look" }, "failed", /cannot be written as JSON/],
    "its own words for it": [
      named(
        "look",
        () => {
          throw new Error("dark");
        },
        { onError: (error: Error) => `Sorry: ${error.message}` },
      ),
      { name: "look" },
      "failed",
      /^Sorry: dark$/,
    ],
    "words that fail too": [
      named(
        "look",
        () => {
          throw new Error("dark");
        },
        {
          onError: () => {
            throw new Error("worse");
          },
        },
      ),
      { name: "look" },
      "failed",
      /^dark$/,
    ],
    "its own time": [named("look", never, { timeoutMs: 5 }), { name: "look" }, "timeout", /longer than 5 ms/],
  };
  for (const [name, [given, asked, kind, said]] of Object.entries(failures)) {
    it(name, async () => {
      const { results, errors } = await call([given], [asked]);
      expect(errors).toMatchObject([{ error: { kind, toolName: asked.name }, durationMs: expect.any(Number) }]);
      expect(results).toMatchObject([{ isError: true, content: expect.stringMatching(said) }]);
    });
  }

  it("keeps the cause and its stack in the event, not in what the model reads", async () => {
    const cause = new Error("dark");
    const { errors, results } = await call([named("look", () => Promise.reject(cause))], [{ name: "look" }]);
    expect(errors[0]?.error.cause).toBe(cause);
    expect(JSON.stringify(results)).not.toContain("at ");
    expect(JSON.stringify(errors[0])).not.toContain("stack");
  });

  it("tells of each call by itself", async () => {
    const tools = [
      named("fails", async () => {
        await tick(5);
        throw new Error("x");
      }),
      named("works", async () => {
        await tick(10);
        return 1;
      }),
      named("throws", () => {
        throw new Error("sync");
      }),
    ];
    const { results } = await call(tools, [
      { name: "fails" },
      { name: "works" },
      { name: "missing" },
      { name: "throws" },
    ]);
    expect(results.map((message) => message.role === "tool" && [message.name, message.isError ?? false])).toEqual([
      ["fails", true],
      ["works", false],
      ["missing", true],
      ["throws", true],
    ]);
  });
});

describe("a tool", () => {
  it("is told whose call it is, whatever the model says", async () => {
    let told: ToolContext | undefined;
    const look = named("look", (_: unknown, context) => {
      told = context;
    });
    const deps = { db: 1 };
    const args = { userId: "admin", chatId: "x", runId: "x", callId: "x", agentName: "x", signal: "x", deps: "x" };
    const { events } = await call([look], [{ name: "look", args }], { deps });
    expect(told).toMatchObject({ ...ids, agentName: "a", runId: events[0]?.run.id, callId: "call_1_1", deps });
    expect(told?.history.map(({ role }) => role)).toEqual(["user", "assistant"]);
    expect(told?.signal.aborted).toBe(false);
  });

  it("may change its arguments, and the history keeps those that came", async () => {
    const look = named("look", (args: { at: string; list: number[] }) => {
      args.at = "changed";
      args.list.push(2);
      return args;
    });
    const { results, events } = await call([look], [{ name: "look", args: { at: "x", list: [1] } }]);
    expect(results[0]?.content).toBe('{"at":"changed","list":[1,2]}');
    expect(events.at(-1)).toMatchObject({
      history: { added: [{}, { content: [{ args: { at: "x", list: [1] } }] }, {}, {}] },
    });
  });

  it("narrows its own events", async () => {
    const look = tool({
      name: "look",
      description: "x",
      input: z.object({ n: z.number() }),
      execute: ({ n }) => ({ twice: 2 * n }),
    });
    const { events } = await call([look], [{ name: "look", args: { n: 2 } }]);
    const sums = events.flatMap((event) =>
      look.called(event) ? [event.args.n + 1] : look.returned(event) ? [event.result.twice + event.args.n] : [],
    );
    expect(sums).toEqual([3, 6]);
  });

  it("is called with this, as a method of what it was made of", async () => {
    class Counter {
      readonly name = "count";
      readonly description = "Counts";
      calls = 0;
      execute(): number {
        return ++this.calls;
      }
    }
    const { results } = await call([tool(new Counter())], [{ name: "count" }, { name: "count" }]);
    expect(results.map(({ content }) => content)).toEqual(["1", "2"]);
  });
});

describe("calls of one turn", () => {
  /** Each tool says how many are at work when it begins. */
  function crowd(): { tools: Tool[]; calls: ScriptedToolCall[]; most: () => number } {
    let working = 0;
    let most = 0;
    const work = named("work", async () => {
      most = Math.max(most, ++working);
      await tick(2);
      working--;
    });
    return { tools: [work], calls: Array.from({ length: 6 }, () => ({ name: "work" })), most: () => most };
  }

  it("run side by side", async () => {
    const { tools, calls, most } = crowd();
    await call(tools, calls);
    expect(most()).toBe(6);
  });

  it("run one after the other where they must", async () => {
    const { tools, calls, most } = crowd();
    const { events } = await call(tools, calls, { toolExecution: { parallel: false } });
    expect(most()).toBe(1);
    const told = events.flatMap((event) =>
      event.type === "tool-call-start" || event.type === "tool-result" ? [event.callId] : [],
    );
    expect(told).toEqual(
      Array.from({ length: 6 }, (_, index) => [`call_1_${index + 1}`, `call_1_${index + 1}`]).flat(),
    );
  });

  it("keep to a cap", async () => {
    const { tools, calls, most } = crowd();
    await call(tools, calls, { toolExecution: { maxConcurrency: 2 } });
    expect(most()).toBe(2);
  });

  it("serve timers while a tool floods the stream with progress", async () => {
    let progress = 0;
    const flood = named("flood", async function* (_: unknown, { signal }) {
      setTimeout(() => run.stop());
      while (!signal.aborted) yield progress++;
    });
    const run = new Agent({
      name: "a",
      model: scriptedModel([{ toolCalls: [{ name: "flood" }] }]),
      tools: [flood],
    }).respond("?", ids);
    for await (const _ of run);
    expect(run.final?.stopReason).toBe("stopped");
  });
});

describe("authorize", () => {
  const calls = [{ name: "look", args: { n: 1 } }];
  let executed: unknown[] = [];
  const look = tool({
    name: "look",
    description: "x",
    input: z.object({ n: z.number() }),
    execute: (args) => void executed.push(args),
  });
  beforeEach(() => {
    executed = [];
  });

  it("lets a call pass, and is told all about it", async () => {
    let told: unknown;
    await call([look], calls, {
      deps: "d",
      authorize: async (request, context) => {
        told = { request, ...context };
        return true;
      },
    });
    expect(executed).toEqual([{ n: 1 }]);
    expect(told).toMatchObject({
      request: { callId: "call_1_1", name: "look", args: { n: 1 } },
      ...ids,
      turn: 1,
      deps: "d",
    });
  });

  it("edits the arguments, which still have to fit", async () => {
    const { events } = await call([look], calls, { authorize: () => ({ args: { n: 7 } }) });
    expect(executed).toEqual([{ n: 7 }]);
    expect(events.find(({ type }) => type === "tool-call-start")).toMatchObject({ args: { n: 7 } });
    const { errors } = await call([look], calls, { authorize: () => ({ args: { n: "x" } }) });
    expect(errors).toMatchObject([{ error: { kind: "invalid-arguments" } }]);
    expect(executed).toHaveLength(1);
  });

  const refusals: Record<string, [authorize: () => unknown, said: RegExp]> = {
    "with its reason": [() => ({ refuse: "Ask your boss." }), /^Ask your boss\.$/],
    "without one": [() => false, /refused/],
    "with an answer that is none": [() => undefined, /refused/],
    "where it throws": [
      () => {
        throw new Error("no session");
      },
      /could not be authorized: no session/,
    ],
    "where it rejects": [() => Promise.reject(new Error("no session")), /no session/],
  };
  for (const [name, [authorize, said]] of Object.entries(refusals)) {
    it(`refuses a call ${name}`, async () => {
      const { results, errors, events } = await call([look], calls, { authorize: () => authorize() as boolean });
      expect(errors).toMatchObject([{ error: { kind: "refused" } }]);
      expect(results).toMatchObject([{ isError: true, content: expect.stringMatching(said) }]);
      expect(events.some(({ type }) => type === "tool-call-start")).toBe(false);
      expect(executed).toEqual([]);
    });
  }

  it("is not waited for after a stop, and what it allows then is not executed", async () => {
    const model = scriptedModel([{ toolCalls: [...calls, ...calls] }]);
    let asked = 0;
    let allow = (): void => {};
    const agent = new Agent({
      name: "a",
      model,
      tools: [look],
      toolExecution: { parallel: false },
      stop: { graceMs: 1 },
      authorize: () => {
        asked++;
        setTimeout(() => run.stop());
        return new Promise((resolve) => {
          allow = () => resolve(true);
        });
      },
    });
    const run = agent.respond("?", ids);
    for await (const _ of run);
    allow();
    await tick();
    expect(run.final).toMatchObject({
      stopReason: "stopped",
      history: { added: [{}, {}, { isError: true }, { isError: true }] },
    });
    expect({ asked, executed }).toEqual({ asked: 1, executed: [] });
  });

  it("takes as long as it likes: a tool's time begins after it", async () => {
    const { errors } = await call([look], calls, {
      toolExecution: { timeoutMs: 20 },
      authorize: async () => {
        await tick(60);
        return true;
      },
    });
    expect(errors).toEqual([]);
  });
});

describe("a tool's time", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is its own, else the agent's, and its signal is aborted at its end", async () => {
    const aborted: string[] = [];
    const wait = (name: string, more = {}): Tool =>
      named(
        name,
        (_: unknown, { signal }) => {
          signal.addEventListener("abort", () => aborted.push(name));
          return never();
        },
        more,
      );
    const calling = call([wait("short", { timeoutMs: 1000 }), wait("long")], [{ name: "short" }, { name: "long" }], {
      toolExecution: { timeoutMs: 60_000 },
    });
    await vi.advanceTimersByTimeAsync(1100);
    expect(aborted).toEqual(["short"]);
    await vi.advanceTimersByTimeAsync(60_000);
    const { errors } = await calling;
    expect(aborted).toEqual(["short", "long"]);
    expect(errors.map(({ name, error }) => [name, error.kind])).toEqual([
      ["short", "timeout"],
      ["long", "timeout"],
    ]);
  });

  it("does not count while the tool waits for its turn", async () => {
    const work = named("work", () => new Promise((resolve) => setTimeout(resolve, 800)));
    const calling = call(
      [work],
      Array.from({ length: 3 }, () => ({ name: "work" })),
      {
        toolExecution: { timeoutMs: 1000, parallel: false },
      },
    );
    await vi.advanceTimersByTimeAsync(3000);
    expect((await calling).errors).toEqual([]);
  });
});
