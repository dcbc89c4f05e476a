import { Validator } from "@cfworker/json-schema";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { Agent } from "./agent.ts";
import { ModelError } from "./errors.ts";
import type { AgentEvent } from "./events.ts";
import type { Json } from "./messages.ts";
import type { Model, ModelEvent } from "./model.ts";
import type { Run } from "./run.ts";
import { agentEventSchema, eventJsonSchema, messageSchema, schemaVersion } from "./schema.ts";
import { scriptedModel } from "./testing.ts";
import { tool } from "./tool.ts";
import { noUsage } from "./usage.ts";

const ids = { userId: "u", chatId: "c" };
const look = tool({
  name: "look",
  description: "Looks",
  input: z.object({ at: z.string().optional() }),
  async *execute({ at }) {
    yield { looking: at };
    if (at === "fail") throw new Error("dark");
    return at;
  },
});

/** A model that says everything that a model can say. */
const talkative: Model = {
  provider: "own",
  id: "talkative",
  async *stream(): AsyncGenerator<ModelEvent> {
    const providerData = { own: { signature: "s", list: [1, null, true] } };
    const source = { type: "source", url: "https://x", quote: "q" } as const;
    const file = { type: "file", data: "AA==", mediaType: "application/pdf" } as const;
    yield { type: "reasoning-delta", text: "Hm", part: 0 };
    yield { type: "text-delta", text: "Hi", part: 1 };
    yield { type: "provider-tool", callId: "s", name: "search", state: "started", input: { q: [1] } };
    yield { type: "provider-tool", callId: "s", name: "search", state: "done", output: "found" };
    yield { type: "source", source };
    yield { type: "file-output", file };
    const message = {
      role: "assistant",
      content: [
        { type: "reasoning", text: "Hm", providerData },
        { type: "text", text: "Hi" },
        { type: "provider-tool", callId: "s", name: "search", input: { q: [1] }, output: "found", isError: false },
        source,
        file,
        { type: "refusal", text: "" },
      ],
      providerData,
    } as const;
    yield { type: "finish", message, reason: "stop", rawReason: "end", usage: { ...noUsage, estimated: true } };
  },
};

const runs: Record<string, () => Run> = {
  "a plain answer": () => new Agent({ name: "a", model: scriptedModel(["Hello you"]) }).respond("?", ids),
  "everything that a model can say": () => new Agent({ name: "a", model: talkative }).respond("?", ids),
  "a conversation with parts": () =>
    new Agent({ name: "a", model: () => scriptedModel(["Hello"]) }).respond(
      [
        { role: "system", content: "x" },
        {
          role: "user",
          content: [
            { type: "image", url: "https://x", detail: "low" },
            { type: "text", text: "?" },
          ],
        },
      ],
      ids,
    ),
  tools: () => {
    const toolCalls = [{ name: "look", args: { at: "x" } }, { name: "look" }, { name: "look", args: { at: "fail" } }];
    const more = [{ name: "look", args: "no JSON" }, { name: "look", args: { at: 7 } }, { name: "nobody" }];
    const model = scriptedModel([{ text: "Well", toolCalls: [...toolCalls, ...more] }, "Done"]);
    return new Agent({ name: "a", model, tools: [look] }).respond("?", ids);
  },
  "an agent as a tool": () => {
    const inner = new Agent({
      name: "inner",
      model: scriptedModel([{ toolCalls: [{ name: "look" }] }, "Seen"]),
      tools: [look],
    });
    const model = scriptedModel([{ toolCalls: [{ name: "inner", args: { input: "go" } }] }, "Done"]);
    return new Agent({ name: "a", model, tools: [inner.asTool()] }).respond("?", ids);
  },
  "structured output": () => {
    const model = scriptedModel([{ object: { city: 7 } }, { object: { city: "Tokyo" } }]);
    return new Agent({ name: "a", model, output: z.object({ city: z.string() }) }).respond("?", ids);
  },
  "a refusal": () => new Agent({ name: "a", model: scriptedModel([{ refusal: "No." }]) }).respond("?", ids),
  "a turn cap": () =>
    new Agent({
      name: "a",
      maxTurns: 1,
      tools: [look],
      model: scriptedModel([{ toolCalls: [{ name: "look" }] }]),
    }).respond("?", ids),
  "a stop": () => {
    const run = new Agent({ name: "a", model: scriptedModel(["Hello"]) }).respond("?", ids);
    run.stop("enough");
    return run;
  },
  "an error of a model": () => {
    const error = new ModelError("no", { kind: "auth", provider: "own", status: 401 });
    return new Agent({ name: "a", model: scriptedModel([{ text: "Half", error }]) }).respond("?", ids);
  },
  "a repeated request": () => {
    const error = new ModelError("busy", { kind: "overloaded", provider: "own" });
    const model = scriptedModel([{ text: "Half", error }, "Whole"]);
    return new Agent({ name: "a", model, retry: { initialDelayMs: 0 } }).respond("?", ids);
  },
  "any error": () => new Agent({ name: "a", model: scriptedModel([{ error: new TypeError("no") }]) }).respond("?", ids),
};

async function jsonOf(run: Run): Promise<AgentEvent[]> {
  const events: AgentEvent[] = [];
  try {
    for await (const event of run) events.push(event);
  } catch {
    // Told by the last event.
  }
  return JSON.parse(JSON.stringify(events));
}

describe("agentEventSchema", () => {
  const validator = new Validator(JSON.parse(JSON.stringify(eventJsonSchema)), "2020-12");

  for (const [name, start] of Object.entries(runs)) {
    it(`takes all events of ${name}, as they are`, async () => {
      const events = await jsonOf(start());
      expect(events.length).toBeGreaterThan(2);
      for (const event of events) {
        expect(agentEventSchema.parse(event)).toEqual(event);
        expect(validator.validate(event), event.type).toMatchObject({ valid: true });
      }
    });
  }

  it("tells errors of any kind with their message", async () => {
    const final = (
      await jsonOf(new Agent({ name: "a", model: scriptedModel([{ error: new TypeError("no") }]) }).respond("?", ids))
    ).at(-1);
    expect(final).toMatchObject({ type: "final", error: { name: "TypeError", message: "no" } });
  });

  it("refuses what is no event", async () => {
    const [start] = await jsonOf(new Agent({ name: "a", model: scriptedModel(["Hi"]) }).respond("?", ids));
    const wrong: unknown[] = [
      null,
      {},
      { ...start, type: "nothing" },
      { ...start, seq: -1 },
      { ...start, run: {} },
      { ...start, input: [{ role: "user" }] },
    ];
    for (const event of wrong) {
      expect(agentEventSchema.safeParse(event).success).toBe(false);
      expect(validator.validate(event as Json).valid).toBe(false);
    }
  });

  it("takes events that say more than it knows", async () => {
    const [start] = await jsonOf(new Agent({ name: "a", model: scriptedModel(["Hi"]) }).respond("?", ids));
    expect(agentEventSchema.parse({ ...start, later: 1 })).toEqual(start);
    expect(validator.validate({ ...start, later: 1 }).valid).toBe(true);
  });

  it("has a version", () => expect(schemaVersion).toBe(1));
});

describe("messageSchema", () => {
  it("takes messages and refuses those of others", () => {
    expect(messageSchema.safeParse({ role: "user", content: "hi" }).success).toBe(true);
    expect(messageSchema.safeParse({ role: "assistant", content: "hi" }).success).toBe(false);
    expect(messageSchema.safeParse({ role: "tool", tool_call_id: "c", content: "hi" }).success).toBe(false);
  });
});
