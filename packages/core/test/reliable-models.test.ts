import { seededRandom } from "@millrace/fixtures";
import {
  Agent,
  type AgentEvent,
  type Final,
  isMillraceError,
  type Message,
  type Model,
  ModelError,
  type ModelErrorKind,
  type ModelEvent,
  textOf,
  tool,
  type Usage,
} from "millrace";
import { fallback, retry, timeout } from "millrace/models";
import { checkEvents, checkHistory, cutEverywhere, type ScriptedStep, scriptedModel } from "millrace/testing";
import { describe, expect, it } from "vitest";

const ids = { userId: "u1", chatId: "c1" };
const quick = { initialDelayMs: 0 };

/** What a reader holds in the end who takes back what was said to be void. */
function readText(events: readonly AgentEvent[]): string {
  let deltas: { seq: number; text: string }[] = [];
  for (const event of events) {
    if (event.type === "text-delta") deltas.push(event);
    if (event.type !== "retry" && event.type !== "model-switched") continue;
    const { discardFrom } = event;
    if (discardFrom !== undefined) deltas = deltas.filter(({ seq }) => seq < discardFrom);
  }
  return deltas.map(({ text }) => text).join("");
}

function answersIn(messages: readonly Message[]): string {
  return messages.flatMap((message) => (message.role === "assistant" ? [textOf(message)] : [])).join("");
}

const kinds: readonly ModelErrorKind[] = [
  "rate-limit",
  "overloaded",
  "server-error",
  "timeout",
  "network",
  "auth",
  "protocol",
  "invalid-request",
  "content-filter",
];

/** What has become of all requests of a run. */
interface Ledger {
  inputTokens: number;
  outputTokens: number;
  broken: number;
}

/** A model that knows what to say, and fails by chance: before its answer, in its midst, seldom after it. */
function faulty(id: string, random: () => number, ledger: Ledger): Model {
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)];
  const errorByChance = (): ModelError | undefined => {
    if (random() < 0.55) return undefined;
    const kind = random() < 0.85 ? pick(kinds.slice(0, 5)) : pick(kinds);
    const retryAfterMs = random() < 0.2 ? pick([0, 1, 3, 90_000]) : undefined;
    return new ModelError(`${id} failed`, {
      kind: kind ?? "network",
      provider: "p",
      retryAfterMs,
      ...(random() < 0.05 && { retryable: false }),
    });
  };
  return {
    provider: "p",
    id,
    async *stream(request, options): AsyncGenerator<ModelEvent> {
      const error = errorByChance();
      const results = request.messages.filter(({ role }) => role === "tool").length;
      const answer =
        results < 2
          ? { text: `Step ${results}. `, toolCalls: [{ name: "count", callId: `call_${results}` }] }
          : { text: "All of it is done now." };
      const failsAfter = error ? Math.floor(random() * 10) : Number.POSITIVE_INFINITY;
      let given = 0;
      for await (const event of scriptedModel([answer]).stream(request, options)) {
        if (given++ >= failsAfter || (error && event.type === "finish")) {
          if (given > 1) ledger.broken++;
          throw error;
        }
        if (event.type === "finish") {
          ledger.inputTokens += event.usage.inputTokens;
          ledger.outputTokens += event.usage.outputTokens;
        }
        yield event;
      }
    },
  };
}

interface Ended {
  events: AgentEvent[];
  final: Final | undefined;
  thrown: unknown;
}

async function readAll(agent: Agent): Promise<Ended> {
  const run = agent.respond("Count!", ids);
  const events: AgentEvent[] = [];
  let thrown: unknown;
  try {
    for await (const event of run) events.push(event);
  } catch (error) {
    thrown = error;
  }
  return { events, final: run.final, thrown };
}

function spent({ inputTokens, outputTokens }: Usage): { inputTokens: number; outputTokens: number } {
  return { inputTokens, outputTokens };
}

describe("a thousand runs in which models fail by chance", () => {
  const ways: { [name: string]: (a: Model, b: Model) => Model } = {
    "with retries": (a) => retry(a, quick),
    "with another model": (a, b) => fallback([a, b]),
    "with retries and another model": (a, b) =>
      fallback([retry(timeout(a), { ...quick, midStream: false }), retry(b, quick)]),
    "with retries around both": (a, b) => retry(fallback([a, b], { cooldownMs: 1 }), quick),
  };

  it.each(Object.entries(ways))("%s: the right text or one typed error", async (_, wrap) => {
    const reasons = new Map<string, number>();
    for (let seed = 1; seed <= 250; seed++) {
      const random = seededRandom(seed);
      const ledger: Ledger = { inputTokens: 0, outputTokens: 0, broken: 0 };
      const executed: string[] = [];
      const count = tool({
        name: "count",
        description: "d",
        input: { type: "object" },
        execute: (_args, { callId }) => executed.push(callId),
      });
      const model = wrap(faulty("a", random, ledger), faulty("b", random, ledger));
      const { events, final, thrown } = await readAll(new Agent({ name: "a", model, tools: [count] }));
      if (!final) throw new Error(`seed ${seed}: no Final`);
      const { history, usage, stopReason, error } = final;
      const at = `seed ${seed}`;
      expect(checkEvents(events), at).toEqual([]);
      expect(checkHistory(history.messages), at).toEqual([]);
      expect(
        events.filter(({ type }) => type === "final"),
        at,
      ).toHaveLength(1);
      expect(thrown, at).toBe(error);
      expect(readText(events), at).toBe(answersIn(history.added));
      expect(new Set(executed).size, at).toBe(executed.length);
      if (stopReason === "completed") {
        expect(answersIn(history.added), at).toBe("Step 0. Step 1. All of it is done now.");
        expect(executed, at).toEqual(["call_0", "call_1"]);
      } else {
        expect(stopReason, at).toBe("error");
        expect(isMillraceError(thrown) && thrown.name, at).toBe("ModelError");
      }
      expect(usage.estimated ?? false, at).toBe(ledger.broken > 0);
      if (ledger.broken === 0) expect(spent(usage), at).toEqual(spent({ ...usage, ...ledger }));
      else expect(usage.inputTokens, at).toBeGreaterThanOrEqual(ledger.inputTokens);
      reasons.set(stopReason, (reasons.get(stopReason) ?? 0) + 1);
    }
    // Both ways to end must have been tried.
    expect(reasons.get("completed")).toBeGreaterThan(20);
    expect(reasons.get("error")).toBeGreaterThan(5);
  });
});

describe("cut at every event", () => {
  const limited = new ModelError("slow down", { kind: "rate-limit", provider: "p" });
  const broken = new ModelError("broke", { kind: "network", provider: "p" });
  const look = tool({ name: "look", description: "d", input: { type: "object" }, execute: () => "seen" });
  const first: ScriptedStep[] = [
    { error: limited },
    { text: "Let me", error: broken },
    { text: "Let me look.", toolCalls: [{ name: "look" }] },
    { text: "It", error: broken },
  ];

  it("an agent with retries", async () => {
    const { cuts } = await cutEverywhere({
      run: ({ signal, hooks, watch }) => {
        const model = watch(scriptedModel([...first, "It is there.", "It is there."]));
        const agent = new Agent({ name: "a", model, tools: [look], retry: { ...quick, initialDelayMs: 1 } });
        return agent.respond("Where is it?", { ...ids, signal, hooks });
      },
      validate: checkHistory,
    });
    expect(cuts).toBeGreaterThan(100);
  });

  it("an agent with models that retry, and another one", async () => {
    const { cuts } = await cutEverywhere({
      run: ({ signal, hooks, watch }) => {
        const a = retry(watch(scriptedModel(first)), { initialDelayMs: 1, network: { maxRetries: 1 } });
        const b = watch(scriptedModel(["It is there.", "It is there."], { id: "other" }));
        const agent = new Agent({ name: "a", model: fallback([a, b]), tools: [look] });
        return agent.respond("Where is it?", { ...ids, signal, hooks });
      },
      validate: checkHistory,
    });
    expect(cuts).toBeGreaterThan(100);
  });
});
