import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import type { AgentEvent, EventOf, Final, Hooks, JsonObject, Run, ToolCallStart } from "./index.ts";
import { Agent, tool } from "./index.ts";
import { scriptedModel } from "./testing.ts";

declare const event: AgentEvent;
const agent = new Agent({ name: "a", model: scriptedModel([]) });
const add = tool({
  name: "add",
  description: "Adds",
  input: z.object({ a: z.number(), b: z.number().default(1) }),
  execute: async ({ a, b }) => ({ sum: a + b }),
});

test("a tool's arguments and result are typed by its schema and by what it gives", () => {
  if (add.called(event)) {
    expectTypeOf(event).toExtend<ToolCallStart>();
    expectTypeOf(event.args).toEqualTypeOf<{ a: number; b: number }>();
  }
  if (add.returned(event)) expectTypeOf(event.result).toEqualTypeOf<{ sum: number }>();
});

test("a generator's result is what it returns", () => {
  const count = tool({
    name: "count",
    description: "Counts",
    async *execute() {
      yield "progress";
      return 7;
    },
  });
  if (count.returned(event)) expectTypeOf(event.result).toEqualTypeOf<number>();
});

test("hooks are named after the events and typed by them", () => {
  expectTypeOf<NonNullable<Hooks["onToolCallStart"]>>().parameter(0).toEqualTypeOf<EventOf<"tool-call-start">>();
  expectTypeOf<NonNullable<Hooks["onFinal"]>>().parameter(0).toEqualTypeOf<Final>();
  expectTypeOf<NonNullable<Hooks["onEvent"]>>().parameter(0).toEqualTypeOf<AgentEvent>();
  // @ts-expect-error: no event has this name
  const _: Hooks = { onToolStart: () => {} };
});

test("a run is an async generator that returns its Final", () => {
  expectTypeOf(agent.respond("Hi", { userId: "u", chatId: "c" })).toEqualTypeOf<Run>();
  expectTypeOf<Run>().toExtend<AsyncGenerator<AgentEvent, Final, undefined>>();
  expectTypeOf(agent.sendMessage("Hi", { userId: "u", chatId: "c" })).resolves.toEqualTypeOf<Final>();
});

test("whose run it is cannot be left out", () => {
  // @ts-expect-error: chatId is missing
  agent.respond("Hi", { userId: "u" });
  // @ts-expect-error: both are missing
  agent.respond("Hi", {});
});

test("an unknown event needs a default, and a known one narrows", () => {
  switch (event.type) {
    case "text-delta":
      expectTypeOf(event.text).toEqualTypeOf<string>();
      break;
    case "provider-tool":
      expectTypeOf(event.state).toEqualTypeOf<"started" | "done" | "failed">();
      break;
    default:
      expectTypeOf(event.seq).toEqualTypeOf<number>();
  }
  expectTypeOf<{ readonly a: [] }>().toExtend<JsonObject>();
});
