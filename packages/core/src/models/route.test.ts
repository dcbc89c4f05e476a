import { describe, expect, it } from "vitest";
import { Agent } from "../agent.ts";
import { scriptedModel } from "../testing/scripted-model.ts";
import { tool } from "../tool.ts";
import { route } from "./route.ts";

const ids = { userId: "u1", chatId: "c1" };
const look = tool({ name: "look", description: "Looks", input: { type: "object" }, execute: () => "seen" });

describe("route", () => {
  it("asks for each turn which model is to answer", async () => {
    const smart = scriptedModel([{ toolCalls: [{ name: "look" }] }], { id: "smart" });
    const fast = scriptedModel(["Done."], { id: "fast" });
    const asked: string[] = [];
    const model = route({ smart, fast }, async ({ turn, userId }) => {
      asked.push(`${turn} ${userId}`);
      return turn === 1 ? "smart" : "fast";
    });
    const names: string[] = [];
    for await (const event of new Agent({ name: "a", model, tools: [look] }).respond("Hi", ids)) {
      if (event.type === "turn-start") names.push(event.model.id);
    }
    expect(asked).toEqual(["1 u1", "2 u1"]);
    expect(names).toEqual(["smart", "fast"]);
  });

  it.each(["slow", "toString"])("says of %s that it is none of them", async (name) => {
    const model = route({ fast: scriptedModel([]) }, () => JSON.parse(JSON.stringify(name)));
    await expect(new Agent({ name: "a", model }).sendMessage("Hi", ids)).rejects.toThrow(
      `route: expected one of fast, got "${name}"`,
    );
  });
});
