import { describe, expect, it } from "vitest";
import { z } from "zod";
import { Agent } from "../src/agent.ts";
import { checkEvents, checkHistory, cutEverywhere, scriptedModel } from "../src/testing.ts";
import { type ToolOptions, tool } from "../src/tool.ts";

const ids = { userId: "u", chatId: "c" };
const input = z.object({ text: z.string() });

function submit(endsRun: ToolOptions<typeof input, string>["endsRun"]) {
  return tool({
    name: "submit",
    description: "Submit the work",
    input,
    execute: ({ text }) => text,
    ...(endsRun !== undefined && { endsRun }),
  });
}

const look = tool({ name: "look", description: "Looks", execute: () => "seen" });
const submits = (text: string) => ({ name: "submit", args: { text } });

describe("a tool that ends the run", () => {
  it("ends it without another request, when the other calls of the turn are done", async () => {
    const model = scriptedModel([{ text: "There.", toolCalls: [submits("done"), { name: "look" }] }]);
    const run = new Agent({ name: "a", model, tools: [submit(true), look] }).respond("?", ids);
    const events = [];
    for await (const event of run) events.push(event);
    expect(checkEvents(events)).toEqual([]);
    expect(run.final).toMatchObject({ stopReason: "completed", output: "There.", turns: 1 });
    expect(checkHistory(run.final?.history.messages ?? [])).toEqual([]);
    expect(run.final?.history.added.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "tool"]);
  });

  it("decides by its result", async () => {
    const model = scriptedModel([{ toolCalls: [submits("draft")] }, { toolCalls: [submits("final")] }]);
    const tools = [submit((result, { text }) => result === "final" && text === "final")];
    const { turns } = await new Agent({ name: "a", model, tools }).sendMessage("?", ids);
    expect(turns).toBe(2);
  });

  it("does not end it with a call that failed, or where its own answer throws", async () => {
    const faulty = submit(() => {
      throw new Error("no idea");
    });
    for (const [tools, args] of [
      [[submit(true)], {}],
      [[faulty], { text: "done" }],
    ] as const) {
      const model = scriptedModel([{ toolCalls: [{ name: "submit", args }] }, "Sorry."]);
      const { output, history } = await new Agent({ name: "a", model, tools }).sendMessage("?", ids);
      expect(output).toBe("Sorry.");
      expect(history.added[2]).toMatchObject({ isError: true });
    }
  });

  it("does not end it before a message that was sent into it is answered", async () => {
    const model = scriptedModel([{ toolCalls: [submits("done")] }, "And this."]);
    const run = new Agent({ name: "a", model, tools: [submit(true)] }).respond("?", ids);
    for await (const { type } of run) if (type === "tool-result") run.send("One more thing.");
    expect(run.final?.output).toBe("And this.");
  });

  it("ends a sub-agent, whose caller goes on", async () => {
    const worker = new Agent({
      name: "worker",
      model: scriptedModel([{ text: "Handed in.", toolCalls: [submits("done")] }]),
      tools: [submit(true)],
    });
    const model = scriptedModel([{ toolCalls: [{ name: "worker", args: { input: "?" } }] }, "All done."]);
    const { output } = await new Agent({ name: "a", model, tools: [worker.asTool()] }).sendMessage("?", ids);
    expect(output).toBe("All done.");
  });

  it("holds what every run holds, wherever it is cut", async () => {
    await cutEverywhere({
      run: ({ signal, hooks, watch }) => {
        const model = watch(scriptedModel([{ toolCalls: [submits("done"), { name: "look" }] }]));
        return new Agent({ name: "a", model, tools: [submit(true), look] }).respond("?", { ...ids, signal, hooks });
      },
    });
  });
});

describe("a model that must call a tool", () => {
  it("is reminded in the same run, when it only talks", async () => {
    const model = scriptedModel(["I could submit it.", "Shall I?", { toolCalls: [submits("done")] }]);
    const run = new Agent({ name: "a", model, tools: [submit(true)] }).respond("?", ids);
    for await (const event of run) {
      if (event.type === "turn-end" && event.finishReason === "stop") run.send("Call one of your tools.");
    }
    expect(run.final).toMatchObject({ stopReason: "completed", turns: 3 });
    expect(run.final?.history.added.map(({ role }) => role)).toEqual([
      "user",
      "assistant",
      "user",
      "assistant",
      "user",
      "assistant",
      "tool",
    ]);
  });
});

describe("modes", () => {
  it("change instructions, tools and model before any turn", async () => {
    let mode: "plan" | "build" = "plan";
    const planner = scriptedModel([{ toolCalls: [{ name: "approve" }] }], { id: "planner" });
    const builder = scriptedModel(["Built."], { id: "builder" });
    const approve = tool({
      name: "approve",
      description: "Approve the plan",
      execute: () => {
        mode = "build";
      },
    });
    const agent = new Agent({
      name: "a",
      model: () => (mode === "plan" ? planner : builder),
      instructions: () => `You are in ${mode} mode.`,
      tools: [
        { tools: [approve], enabled: () => mode === "plan" },
        { tools: [look], enabled: () => mode === "build" },
      ],
    });
    await agent.sendMessage("?", ids);
    const seen = [planner, builder].map(({ requests: [request] }) => [
      request?.instructions,
      request?.tools.map(({ name }) => name),
    ]);
    expect(seen).toEqual([
      ["You are in plan mode.", ["approve"]],
      ["You are in build mode.", ["look"]],
    ]);
  });
});
