import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, it } from "vitest";
import { Agent } from "./agent.ts";
import { ModelError } from "./errors.ts";
import type { AgentEvent, RunStart } from "./events.ts";
import type { Model } from "./model.ts";
import type { RunWrapper } from "./run-wrapper.ts";
import { scriptedModel } from "./testing.ts";
import { type Tool, tool } from "./tool.ts";

const ids = { userId: "u", chatId: "c" };
const call = { toolCalls: [{ name: "look" }] };

/** Notes what it goes around, and what is called within. */
function noting(notes: string[]): (start: RunStart) => RunWrapper {
  return ({ run, tools }) => {
    notes.push(`run ${run.agentName} [${tools}]`);
    return {
      model: (model) => ({ ...model, stream: (...given) => noted(model.stream(...given), notes) }),
      tool: (wrapped): Tool => ({
        ...wrapped,
        execute: (...given) => {
          notes.push(`tool ${wrapped.name}`);
          return wrapped.execute(...given);
        },
      }),
    };
  };
}

async function* noted<T extends { type: string }>(events: AsyncIterable<T>, notes: string[]): AsyncGenerator<T> {
  for await (const event of events) {
    if (event.type === "retry" || event.type === "finish") notes.push(`model ${event.type}`);
    yield event;
  }
}

describe("wrap", () => {
  const look = tool({ name: "look", description: "Looks", execute: () => "seen" });

  it("goes around the model outside of the agent's retries, and around tools", async () => {
    const notes: string[] = [];
    const busy = (): never => {
      throw new ModelError("busy", { kind: "overloaded", provider: "p" });
    };
    const model = scriptedModel([call, busy, "Seen."]);
    const agent = new Agent({ name: "a", model, tools: [look], retry: { initialDelayMs: 1 }, wrap: noting(notes) });
    await agent.sendMessage("?", ids);
    expect(notes).toEqual(["run a [look]", "model finish", "tool look", "model retry", "model finish"]);
  });

  it("goes around what a call brings and what a turn chooses", async () => {
    const notes: string[] = [];
    const agent = new Agent({ name: "a", model: scriptedModel([]), wrap: noting(notes) });
    const model = scriptedModel([call, "Seen."]);
    await agent.sendMessage("?", { ...ids, model: () => model, tools: [look] });
    expect(notes).toEqual(["run a [look]", "model finish", "tool look", "model finish"]);
  });

  it("goes around sub-agents too, unless they have their own", async () => {
    const notes: string[] = [];
    const others: string[] = [];
    const leaf = (name: string): Agent => new Agent({ name, model: scriptedModel(["Leaf."]) });
    const middle = new Agent({
      name: "middle",
      model: scriptedModel([{ toolCalls: [{ name: "leaf", args: { input: "?" } }] }, "Middle."]),
      tools: [leaf("leaf").asTool()],
    });
    const other = leaf("other").with({ wrap: noting(others) });
    const args = { input: "?" };
    const agent = new Agent({
      name: "top",
      model: scriptedModel([
        {
          toolCalls: [
            { name: "middle", args },
            { name: "other", args },
          ],
        },
        "Top.",
      ]),
      tools: [middle.asTool(), other.asTool()],
      toolExecution: { parallel: false },
      wrap: noting(notes),
    });
    await agent.sendMessage("?", ids);
    expect(notes.filter((note) => note.startsWith("run"))).toEqual([
      "run top [middle,other]",
      "run middle [leaf]",
      "run leaf []",
    ]);
    expect(others).toEqual(["run other []", "model finish"]);
  });

  it("calls the model, tools and questions in its own context, and hooks in the caller's", async () => {
    const where = new AsyncLocalStorage<string>();
    const seen: string[] = [];
    const note = (what: string): void => void seen.push(`${what} in ${where.getStore()}`);
    const model = scriptedModel([call, "Seen."]);
    const observed: Model = {
      ...model,
      stream: (...given) => {
        note("model");
        return model.stream(...given);
      },
    };
    const agent = new Agent({
      name: "a",
      model: observed,
      instructions: () => {
        note("instructions");
        return "";
      },
      tools: [tool({ name: "look", description: "Looks", execute: () => note("tool") })],
      authorize: () => {
        note("authorize");
        return true;
      },
      hooks: { onToolResult: () => note("hook") },
      wrap: ({ run }) => ({ call: (callback) => where.run(run.agentName, callback) }),
    });
    await where.run("caller", () => agent.sendMessage("?", ids));
    expect(seen).toEqual([
      "instructions in a",
      "model in a",
      "authorize in a",
      "tool in a",
      "hook in caller",
      "instructions in a",
      "model in a",
    ]);
  });

  it("observes all events after the first, behind the other hooks", async () => {
    const seen: string[] = [];
    const events: AgentEvent[] = [];
    const agent = new Agent({
      name: "a",
      model: scriptedModel(["Yes."]),
      hooks: { onFinal: () => void seen.push("agent's final") },
      wrap: () => ({ hooks: { onEvent: ({ type }) => void seen.push(type) } }),
    });
    for await (const event of agent.respond("?", ids)) events.push(event);
    const types = events.slice(1).map(({ type }) => type);
    expect(seen).toEqual([...types.slice(0, -1), "agent's final", "final"]);
  });

  it("fails the run where it throws, after its first event", async () => {
    const agent = new Agent({
      name: "a",
      model: scriptedModel([]),
      wrap: () => {
        throw new Error("no wrapper");
      },
    });
    const types: string[] = [];
    const read = async (): Promise<void> => {
      for await (const { type } of agent.respond("?", ids)) types.push(type);
    };
    await expect(read()).rejects.toThrow("no wrapper");
    expect(types).toEqual(["run-start", "final"]);
  });
});
