import { expect, test } from "vitest";
import { z } from "zod";
import { Agent } from "./agent.ts";
import type { Model } from "./model.ts";
import { streamingTool } from "./streaming-tool.ts";
import { scriptedModel } from "./testing.ts";

const ids = { userId: "u", chatId: "c" };
const input = z.object({ path: z.string(), content: z.string() });
const args = { path: "a.txt", content: "one two three four five six seven" };

test("begins with the first arguments and ends with the whole ones", async () => {
  const seen: unknown[] = [];
  const write = streamingTool({
    name: "write_file",
    description: "Write a file",
    input,
    async execute(partials) {
      for await (const partial of partials) seen.push(partial.content);
      return `${seen.length} states`;
    },
  });
  const model = scriptedModel([{ toolCalls: [{ name: "write_file", args }] }, "written"], { delayMs: 1 });
  const final = await new Agent({ name: "writer", model, tools: [write] }).sendMessage("write", ids);
  expect(seen.length).toBeGreaterThan(1);
  expect(seen.at(-1)).toBe(args.content);
  expect(final.history.messages[2]).toMatchObject({ role: "tool", content: `${seen.length} states` });
});

test("is told when the arguments turn out to be invalid, and so is the model", async () => {
  let thrown: unknown;
  const write = streamingTool({
    name: "write_file",
    description: "Write a file",
    input,
    async execute(partials) {
      try {
        for await (const _ of partials);
      } catch (error) {
        thrown = error;
        throw error;
      }
      return "never";
    },
  });
  const model = scriptedModel([{ toolCalls: [{ name: "write_file", args: { path: 1 } }] }, "sorry"], { delayMs: 1 });
  const final = await new Agent({ name: "writer", model, tools: [write] }).sendMessage("write", ids);
  expect(thrown).toMatchObject({ kind: "invalid-arguments" });
  expect(final.history.messages[2]).toMatchObject({ role: "tool", isError: true });
});

test("is aborted when the answer is cut", async () => {
  let aborted = false;
  let ended = false;
  const write = streamingTool({
    name: "write_file",
    description: "Write a file",
    input,
    async execute(partials, { signal }) {
      signal.addEventListener("abort", () => {
        aborted = true;
      });
      try {
        for await (const _ of partials);
      } finally {
        ended = true;
      }
      return "never";
    },
  });
  const model = scriptedModel([{ toolCalls: [{ name: "write_file", args }] }], { delayMs: 1 });
  const run = new Agent({ name: "writer", model, tools: [write] }).respond("write", ids);
  let deltas = 0;
  for await (const event of run) if (event.type === "tool-call-delta" && ++deltas === 3) run.stop();
  await new Promise((resolve) => setTimeout(resolve));
  expect({ aborted, ended, stopReason: run.final?.stopReason }).toEqual({
    aborted: true,
    ended: true,
    stopReason: "stopped",
  });
});

test.each(["while its arguments arrive", "with whole arguments"])(
  "is aborted by its timeout: called %s",
  async (how) => {
    let reason: unknown;
    const write = streamingTool({
      name: "write_file",
      description: "Write a file",
      input,
      timeoutMs: 5,
      execute: (_, { signal }) =>
        new Promise<string>((resolve) => {
          signal.addEventListener("abort", () => {
            reason = signal.reason;
            resolve("cut");
          });
        }),
    });
    const scripted = scriptedModel([{ toolCalls: [{ name: "write_file", args }] }, "too late"]);
    const model: Model = how === "with whole arguments" ? { ...scripted, stream: onlyFinish(scripted) } : scripted;
    await new Agent({ name: "writer", model, tools: [write] }).sendMessage("write", ids);
    expect(reason).toMatchObject({ name: "ToolCallError", kind: "timeout" });
  },
);

/** As servers send it that do not stream. */
function onlyFinish(model: Model): Model["stream"] {
  return async function* (request, options) {
    for await (const event of model.stream(request, options)) if (event.type === "finish") yield event;
  };
}
