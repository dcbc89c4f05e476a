import { beforeAll, describe, expect, it } from "vitest";
import { Agent } from "../agent.ts";
import type { AgentEvent, Final } from "../events.ts";
import { tool } from "../tool.ts";
import { checkEvents } from "./check-events.ts";
import { scriptedModel } from "./scripted-model.ts";

const good: AgentEvent[] = [];
beforeAll(async () => {
  const look = tool({ name: "look", description: "Looks", execute: () => "Sunny" });
  const model = scriptedModel([{ toolCalls: [{ name: "look" }, { name: "nobody" }] }, "It is sunny."]);
  const agent = new Agent({ name: "weather", model, tools: [look] });
  for await (const event of agent.respond("Weather?", { userId: "u1", chatId: "c1" })) good.push(event);
});

/** The same events without those that `drop` names, numbered anew. */
function without(drop: (event: AgentEvent) => boolean): AgentEvent[] {
  return good.filter((event) => !drop(event)).map((event, seq) => ({ ...event, seq }));
}

function withFinal(change: (final: Final) => Partial<Final>): AgentEvent[] {
  return good.map((event) => (event.type === "final" ? { ...event, ...change(event) } : event));
}

describe("checkEvents", () => {
  it("accepts a whole run", () => expect(checkEvents(good)).toEqual([]));

  const bad: Record<string, [() => AgentEvent[], string]> = {
    "no Final": [() => good.slice(0, -1), "expected exactly one Final, got 0"],
    "two Finals": [() => [...good, ...good.slice(-1)], "expected exactly one Final, got 2"],
    "an event after Final": [() => [...good, ...good.slice(0, 1)], "run-start comes after it"],
    "no start": [() => without(({ type }) => type === "run-start"), "expected run-start to be the first event"],
    "a gap": [() => good.toSpliced(3, 1), "expected seq 3"],
    "another run": [
      () => good.map((event, index) => (index === 2 ? { ...event, run: { ...event.run } } : event)),
      "another run object",
    ],
    "a lost result": [
      () => without(({ type }) => type === "tool-result"),
      "expected 1 tool-result or tool-error for call_1_1, got 0",
    ],
    "a result without a start": [
      () => without(({ type }) => type === "tool-call-start"),
      "call_1_1 has a result, but it was not started",
    ],
    "a lost message": [() => without(({ type }) => type === "message-added"), "message-added gave 0 messages"],
    "a history that is cut": [
      () => withFinal(({ history }) => ({ history: { ...history, messages: history.messages.slice(0, -2) } })),
      "history.messages does not end with what history.added holds",
    ],
    "a history without a result": [
      () => withFinal(({ history }) => ({ history: { ...history, messages: history.messages.toSpliced(2, 1) } })),
      "invalid history: messages[2]: the result of call_1_2 comes before the one of call_1_1",
    ],
    "a message that is not frozen": [
      () => {
        const copies = new Map(
          good.flatMap((event) => (event.type === "message-added" ? [[event.message, { ...event.message }]] : [])),
        );
        return good.map((event) =>
          event.type === "message-added" ? { ...event, message: copies.get(event.message) ?? event.message } : event,
        );
      },
      "is not frozen",
    ],
    "what is not plain data": [() => withFinal(() => ({ object: 1n })), "the final of seq"],
  };
  for (const [name, [events, problem]] of Object.entries(bad)) {
    it(`refuses ${name}`, () => expect(checkEvents(events()).join("\n")).toContain(problem));
  }
});
