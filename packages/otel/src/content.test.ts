import { Agent, type Message, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { Recorder } from "../test/recorder.ts";
import { messagesJson } from "./content.ts";
import { type TracingOptions, tracing } from "./index.ts";

let recorder: Recorder;
beforeAll(() => {
  recorder = new Recorder();
});
afterEach(() => {
  vi.unstubAllEnvs();
  recorder.reset();
});
afterAll(() => recorder.close());

const variable = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";

async function run(options: TracingOptions): Promise<void> {
  const look = tool({
    name: "look",
    description: "Looks",
    parameters: { type: "object", properties: { at: { type: "string" } } },
    execute: ({ at }) => ({ found: `SECRET result for ${at}` }),
  });
  const fail = tool({
    name: "fail",
    description: "Fails",
    execute: () => {
      throw new Error("SECRET failure");
    },
  });
  const calls = [{ name: "look", args: { at: "SECRET argument" } }, { name: "fail" }];
  const model = scriptedModel([
    { text: "SECRET plan", toolCalls: calls },
    { reasoning: "SECRET thought", text: "SECRET answer" },
  ]);
  const agent = new Agent({ name: "a", model, instructions: "SECRET rules", tools: [look, fail], ...tracing(options) });
  await agent.sendMessage("SECRET question", { userId: "u", chatId: "c" });
}

function everything(): string {
  return JSON.stringify(recorder.spans.map(({ attributes, events, status }) => ({ attributes, events, status })));
}

function read(name: string, attribute: string): unknown {
  const value = recorder.spans.find((span) => span.name === name)?.attributes[attribute];
  return typeof value === "string" ? JSON.parse(value) : value;
}

describe("content", () => {
  it("is not recorded unless somebody asks for it", async () => {
    await run({});
    expect(everything()).not.toContain("SECRET");
  });

  it.each(["true", "TRUE", "span_only", "SPAN_AND_EVENT"])("is recorded where the variable says %s", async (value) => {
    vi.stubEnv(variable, value);
    await run({});
    expect(everything()).toContain("SECRET answer");
  });

  it.each(["false", "event_only", "no_content", ""])("is not recorded where it says %j", async (value) => {
    vi.stubEnv(variable, value);
    await run({});
    expect(everything()).not.toContain("SECRET");
  });

  it("is not recorded where the option says no", async () => {
    vi.stubEnv(variable, "true");
    await run({ captureContent: false });
    expect(everything()).not.toContain("SECRET");
  });

  it("has the form of the conventions", async () => {
    await run({ captureContent: true });
    const question = { role: "user", parts: [{ type: "text", content: "SECRET question" }] };
    const answer = (finish_reason: string): object[] => [
      {
        role: "assistant",
        parts: [
          { type: "reasoning", content: "SECRET thought" },
          { type: "text", content: "SECRET answer" },
        ],
        finish_reason,
      },
    ];
    expect(read("invoke_agent a", "gen_ai.input.messages")).toEqual([question]);
    expect(read("invoke_agent a", "gen_ai.output.messages")).toEqual(answer("stop"));
    const [first, second] = recorder.spans
      .filter(({ name }) => name === "chat scripted")
      .map(({ attributes }) => attributes);
    expect(JSON.parse(String(first?.["gen_ai.system_instructions"]))).toEqual([
      { type: "text", content: "SECRET rules" },
    ]);
    expect(JSON.parse(String(first?.["gen_ai.tool.definitions"]))[0]).toMatchObject({ type: "function", name: "look" });
    expect(JSON.parse(String(first?.["gen_ai.output.messages"]))).toMatchObject([
      {
        parts: [
          { type: "text", content: "SECRET plan" },
          { type: "tool_call", id: "call_1_1", name: "look", arguments: { at: "SECRET argument" } },
          { type: "tool_call", name: "fail" },
        ],
        finish_reason: "tool_call",
      },
    ]);
    expect(JSON.parse(String(second?.["gen_ai.input.messages"])).slice(2)).toEqual([
      {
        role: "tool",
        parts: [
          {
            type: "tool_call_response",
            id: "call_1_1",
            response: '{"found":"SECRET result for SECRET argument"}',
          },
        ],
      },
      { role: "tool", parts: [{ type: "tool_call_response", id: "call_1_2", response: "SECRET failure" }] },
    ]);
    expect(JSON.parse(String(second?.["gen_ai.output.messages"]))).toEqual(answer("stop"));
    expect(read("execute_tool look", "gen_ai.tool.call.arguments")).toEqual({ at: "SECRET argument" });
    expect(read("execute_tool look", "gen_ai.tool.call.result")).toEqual({
      found: "SECRET result for SECRET argument",
    });
    expect(recorder.span("execute_tool fail").status.message).toBe("SECRET failure");
  });

  it("leaves the bytes of images and files out", () => {
    const data = "A".repeat(1000);
    const message: Message = {
      role: "user",
      content: [
        { type: "image", data, mediaType: "image/png" },
        { type: "file", url: `data:application/pdf;base64,${data}`, mediaType: "application/pdf" },
        { type: "file", url: "https://example.com/a.mp3", mediaType: "audio/mp3" },
        { type: "image", fileId: "f1" },
      ],
    };
    expect(JSON.parse(messagesJson([message]))).toEqual([
      {
        role: "user",
        parts: [
          { type: "data_left_out", modality: "image", mime_type: "image/png" },
          { type: "data_left_out", modality: "document", mime_type: "application/pdf" },
          { type: "uri", modality: "audio", mime_type: "audio/mp3", uri: "https://example.com/a.mp3" },
          { type: "file", modality: "image", file_id: "f1" },
        ],
      },
    ]);
  });
});
