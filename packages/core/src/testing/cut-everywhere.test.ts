import { describe, expect, it } from "vitest";
import { Agent } from "../agent.ts";
import type { Model } from "../model.ts";
import { tool } from "../tool.ts";
import { type CutOptions, cutEverywhere, findCutProblems } from "./cut-everywhere.ts";
import type { CutKind, CutRun, CuttableRun } from "./cut-run.ts";
import { type ScriptedStep, scriptedModel } from "./scripted-model.ts";

const steps: ScriptedStep[] = [
  {
    reasoning: "Two cities.",
    text: "Let me look.",
    toolCalls: [
      { name: "get_weather", args: { city: "Tokyo" } },
      { name: "get_weather", args: { city: "London" } },
      { name: "nobody_knows" },
    ],
  },
  { toolCalls: [{ name: "look_long" }] },
  "It is sunny in Tokyo and in London.",
];

const getWeather = tool({
  name: "get_weather",
  description: "Get the weather for a city",
  input: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  execute: () => "Sunny",
});
const lookLong = tool({
  name: "look_long",
  description: "Looks twice",
  async *execute() {
    yield "once";
    await Promise.resolve();
    yield "twice";
    return "Sunny";
  },
});

const weather = (model: Model, { signal, hooks }: CutRun): CuttableRun =>
  new Agent({ name: "weather", model, tools: [getWeather, lookLong], stop: { graceMs: 20 } }).respond(
    "Weather in Tokyo and London?",
    { userId: "u1", chatId: "c1", signal, hooks, history: [{ role: "user", content: "Hi" }] },
  );
const whole: CutOptions["run"] = (given) => weather(given.watch(scriptedModel(steps)), given);

describe("cutEverywhere", () => {
  it("finds an agent in order wherever it is cut", async () => {
    const { cuts } = await cutEverywhere({ run: whole });
    expect(cuts).toBeGreaterThan(200);
  }, 60_000);

  it("finds it in order where the model pauses", async () => {
    await cutEverywhere({
      run: (given) => weather(given.watch(scriptedModel(steps, { delayMs: 1, chunk: 20 })), given),
    });
  }, 60_000);

  it("finds it in order with an agent as a tool and a tool that takes its time", async () => {
    const wait = tool({
      name: "wait",
      description: "Waits a little",
      execute: () => new Promise((resolve) => setTimeout(resolve, 3, "done")),
    });
    const calls = [{ name: "expert", args: { prompt: "And you?" } }, { name: "wait" }];
    await cutEverywhere({
      run: (given) => {
        const expert = new Agent({
          name: "expert",
          model: given.watch(scriptedModel([{ toolCalls: [{ name: "wait" }] }, "I know."])),
          tools: [wait],
        });
        const model = given.watch(scriptedModel([{ text: "I ask.", toolCalls: calls }, "Now I know, too."]));
        const options = {
          name: "asker",
          model,
          tools: [expert.asTool({ description: "Knows" }), wait],
          stop: { graceMs: 20 },
        };
        const { signal, hooks } = given;
        return new Agent(options).respond("Who knows?", { userId: "u1", chatId: "c1", signal, hooks });
      },
    });
  }, 60_000);

  it("finds it in order in a run that fails by itself", async () => {
    const failing = [steps[1] ?? "", { text: "So far", error: new Error("boom") }];
    await cutEverywhere({ run: (given) => weather(given.watch(scriptedModel(failing)), given) });
  }, 60_000);
});

/** Changes what a run gives to its reader. */
function changed(run: CuttableRun, changes: Partial<CuttableRun>): CuttableRun {
  const same: CuttableRun = {
    next: () => run.next(),
    return: () => run.return(),
    stop: (reason) => run.stop(reason),
    get final() {
      return run.final;
    },
    [Symbol.asyncIterator]: () => same,
    ...changes,
  };
  return same;
}

const broken: Record<string, [CutOptions["run"], string, CutKind?]> = {
  "a run that ignores a stop": [
    (given) => changed(whole(given), { stop: () => {} }),
    "stop before the first event: expected the stopReason stopped, got completed",
    "stop",
  ],
  "a run that ignores the signal": [
    (given) => whole({ ...given, signal: new AbortController().signal }),
    "abort after event 2 (turn-start): expected the stopReason stopped, got completed",
    "abort",
  ],
  "a run that is left but goes on": [
    (given) => {
      const run = whole(given);
      return changed(run, { return: async () => ({ done: true, value: await new Promise<never>(() => {}) }) });
    },
    "ending the run took more than 100 ms",
    "break",
  ],
  "a run that ends after its reader was let go": [
    (given) => {
      const run = whole(given);
      const leave = async (): ReturnType<CuttableRun["return"]> => {
        setTimeout(() => run.return());
        return { done: true, value: await Promise.reject(new Error("left")) };
      };
      return changed(run, { return: leave });
    },
    "break after event 0 (run-start): run.final is not set after the end",
    "break",
  ],
  "a run whose Final is lost": [
    (given) => {
      const run = whole(given);
      const next = async (): ReturnType<CuttableRun["next"]> => {
        const step = await run.next();
        return !step.done && step.value.type === "final" ? run.next() : step;
      };
      return changed(run, { next });
    },
    "in the whole run, the reader saw",
  ],
  "a run whose error is swallowed": [
    (given) => {
      const run = whole(given);
      const next = async (): ReturnType<CuttableRun["next"]> => {
        try {
          return await run.next();
        } catch {
          if (run.final) return { done: true, value: run.final };
          throw new Error("no final");
        }
      };
      return changed(run, { next });
    },
    "reset in place of the model's event 1: expected ModelError: cut: connection broke to be thrown, got undefined",
    "reset",
  ],
  "a model that hides what its reader left": [
    (given) => {
      const model = given.watch(scriptedModel(steps));
      const stream: Model["stream"] = (...args) => {
        const events = model.stream(...args)[Symbol.asyncIterator]();
        return { [Symbol.asyncIterator]: () => ({ next: () => events.next() }) };
      };
      return weather({ ...model, stream }, given);
    },
    "in the whole run, the model's stream of request 1, 2, 3 was not closed",
  ],
  "a listener that is left on the signal": [
    (given) => {
      given.signal.addEventListener("abort", () => {});
      return whole(given);
    },
    "in the whole run, 1 listeners are left on the caller's signal",
  ],
  "text that is lost": [
    (given) => {
      const model = given.watch(scriptedModel(steps));
      const stream: Model["stream"] = async function* (...args) {
        for await (const event of model.stream(...args)) {
          yield event.type === "finish" ? { ...event, message: { role: "assistant", content: [] } } : event;
        }
      };
      return weather({ ...model, stream }, given);
    },
    'the text "Let me look." had arrived, the history has ""',
  ],
  "usage that is lost": [
    (given) => {
      const model = given.watch(scriptedModel(steps));
      const stream: Model["stream"] = async function* (...args) {
        for await (const event of model.stream(...args)) {
          yield event.type === "finish" ? { ...event, usage: { ...event.usage, inputTokens: 1 } } : event;
        }
      };
      return weather({ ...model, stream }, given);
    },
    "in the whole run, the model told 30 input and 15 output tokens, but Final counts 3 input",
  ],
  "a run that asks on after a stop": [
    (given) => {
      const run = whole(given);
      return changed(run, { stop: (reason) => void setTimeout(() => run.stop(reason)) });
    },
    "requests to the model began after the cut",
    "stop",
  ],
};

describe("cutEverywhere goes red on", () => {
  for (const [name, [run, problem, kind]] of Object.entries(broken)) {
    it(name, async () => {
      const { problems } = await findCutProblems({ run, kinds: kind ? [kind] : [], timeoutMs: 100 });
      expect(problems.join("\n")).toContain(problem);
    }, 20_000);
  }

  it("a history that a validator refuses, in an error that lists it", async () => {
    const validate = (): string[] => ["no."];
    await expect(cutEverywhere({ run: whole, validate, kinds: [] })).rejects.toThrow(
      "1 problems in 0 cuts:\n- in the whole run, invalid history: no.",
    );
  });
});
