import { expect, it } from "vitest";
import { Agent } from "./agent.ts";
import type { AgentEvent, TurnStart } from "./events.ts";
import { scriptedModel } from "./testing/scripted-model.ts";
import { tool } from "./tool.ts";
import { requestOf } from "./wire.ts";

const look = tool({ name: "look", description: "Looks", input: { type: "object" }, execute: () => "seen" });

it("gives what the model was sent, turn by turn, also of a sub-agent, and stays out of the event's JSON", async () => {
  const inner = scriptedModel(["Inside."]);
  const model = scriptedModel([{ toolCalls: [{ name: "inner", args: { input: "Go" } }, { name: "look" }] }, "Done."]);
  const agent = new Agent({
    name: "outer",
    model,
    instructions: "Be brief.",
    tools: [look, new Agent({ name: "inner", model: inner }).asTool()],
  });
  const starts: TurnStart[] = [];
  const innerStarts: TurnStart[] = [];
  const note = (event: AgentEvent): void => {
    if (event.type === "turn-start") starts.push(event);
    if (event.type === "sub-agent" && event.event.type === "turn-start") innerStarts.push(event.event);
  };
  await agent.sendMessage("Hello", { userId: "u", chatId: "c", hooks: { onEvent: note } });
  const sent = starts.map((event) => requestOf(event));
  expect(sent.map((request) => request?.messages)).toEqual(model.requests.map(({ messages }) => messages));
  expect(sent[0]?.instructions).toBe("Be brief.");
  expect(innerStarts.map((event) => requestOf(event)?.messages)).toEqual([inner.requests[0]?.messages]);
  for (const event of starts) {
    expect(event.messages).toBe(requestOf(event)?.messages.length);
    expect(JSON.stringify(event)).not.toContain("Be brief.");
    expect(requestOf({ ...event })).toBeUndefined();
  }
});
