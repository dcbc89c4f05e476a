import { HttpAgent } from "@ag-ui/client";
import { EventSchema } from "@ag-ui/core/schemas";
import { HttpAgent as OldHttpAgent } from "ag-ui-client-0";
import { Agent, ModelError, tool } from "millrace";
import { checkHistory, scriptedModel } from "millrace/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AGUIEvent, agUI, fromAGUI, toAGUI } from "../src/ag-ui.ts";
import { type ChatHandlerOptions, createChatHandler, memoryEventLog } from "../src/index.ts";
import { byteByByte } from "./ai-sdk-clients.ts";
import { everything, nasty } from "./protocol-runs.ts";
import { authenticate, serve, until } from "./serve.ts";

const options = (own: Partial<ChatHandlerOptions> = {}): ChatHandlerOptions => ({
  authenticate,
  protocol: agUI(),
  onError: () => {},
  ...own,
});

const long = Array.from({ length: 60 }, (_, index) => `word${index}`).join(" ");

type Event = AGUIEvent & Record<string, unknown>;

/** A message as the client keeps it. */
interface Kept {
  readonly id: string;
  readonly role: string;
  readonly content?: unknown;
  readonly subagentRunId?: string;
  readonly toolCalls?: readonly {
    readonly id: string;
    readonly function: { readonly name: string; readonly arguments: string };
  }[];
  readonly toolCallId?: string;
  readonly metadata?: unknown;
}

interface Session {
  readonly events: Event[];
  readonly errors: string[];
  messages(): Kept[];
  say(text: string): Promise<void>;
  abort(): void;
}

interface SessionOptions {
  fetch?: typeof fetch;
  initialMessages?: { id: string; role: "user"; content: string }[];
}

/** A thread of the client, and all events that have passed its verifier. */
function session(Client: typeof HttpAgent, url: string, { fetch, initialMessages = [] }: SessionOptions = {}): Session {
  const agent = new Client({
    url,
    threadId: "c1",
    headers: { "x-user": "ada" },
    initialMessages,
    ...(fetch && { fetch }),
  });
  const events: Event[] = [];
  const errors: string[] = [];
  let said = 0;
  return {
    events,
    errors,
    messages: () => JSON.parse(JSON.stringify(agent.messages)),
    async say(text) {
      agent.addMessage({ id: `u${++said}`, role: "user", content: text });
      await agent
        .runAgent(
          {},
          {
            onEvent: ({ event }) => void events.push(JSON.parse(JSON.stringify(event))),
            onRunFailed: ({ error }) => void errors.push(error.message),
          },
        )
        .catch((error: unknown) => void errors.push(String(error)));
    },
    abort: () => agent.abortRun(),
  };
}

function isClient(client: unknown): client is typeof HttpAgent {
  return typeof client === "function";
}

const clients: [string, typeof HttpAgent][] = Object.entries({ "1.0.0": HttpAgent, "0.0.59": OldHttpAgent }).flatMap(
  ([name, client]: [string, unknown]) => (isClient(client) ? [[name, client]] : []),
);

describe.each(clients)("HttpAgent %s", (version, Client) => {
  let warnings: unknown[][];
  beforeEach(() => {
    warnings = [];
    for (const method of ["warn", "error"] as const) {
      vi.spyOn(console, method).mockImplementation((...words: unknown[]) => void warnings.push(words));
    }
  });
  afterEach(() => {
    vi.restoreAllMocks();
    expect(warnings).toEqual([]);
  });

  it.each([
    ["as it comes", undefined],
    ["byte by byte", byteByByte],
  ])("reads every kind of event, %s", async (_how, fetch) => {
    await using server = await serve(createChatHandler(everything(), options()));
    const thread = session(Client, server.url, fetch && { fetch });
    await thread.say("Go");
    expect(thread.errors).toEqual([]);
    const { events } = thread;
    for (const event of events) expect(EventSchema.parse(event)).toEqual(event);
    expect(events[0]).toMatchObject({ type: "RUN_STARTED", threadId: "c1" });
    expect(events.at(-1)).toMatchObject({
      type: "RUN_FINISHED",
      outcome: { type: "success" },
      usage: [{ inputTokens: expect.any(Number), cachedInputTokens: 150 }],
      metadata: { stopReason: "completed", turns: 3 },
    });
    expect(events.filter(({ type }) => type === "STEP_STARTED")).toHaveLength(3 + 2);
    const messages = thread.messages();
    expect(JSON.stringify(messages)).not.toContain("void");
    const own = messages.filter(({ subagentRunId }) => subagentRunId === undefined);
    const [first, second, third] = own.filter(({ role }) => role === "assistant");
    expect(first?.content).toBe(`Looking. ${nasty}`);
    expect(first?.toolCalls?.map(({ function: { name } }) => name)).toEqual([
      "web_search",
      "code",
      "weather",
      "nobody",
      "broken",
      "slow",
      "expert",
      "weather",
      "photo",
    ]);
    expect(JSON.parse(first?.toolCalls?.[2]?.function.arguments ?? "")).toEqual({ city: nasty });
    expect(first?.toolCalls?.[4]?.function.arguments).toBe("{}");
    expect(JSON.parse(second?.toolCalls?.[0]?.function.arguments ?? "")).toEqual({ city: "Oslo" });
    expect(third?.content).toBe(`Done. ${nasty}`);
    const ids = own.flatMap(({ toolCalls = [] }) => toolCalls.map(({ id }) => id));
    expect(new Set(ids).size).toBe(10);
    const results = own.filter(({ role }) => role === "tool");
    expect(results).toHaveLength(ids.length);
    expect(new Set(results.map(({ toolCallId }) => toolCallId))).toEqual(new Set(ids));
    const resultOf = (index: number): Kept | undefined =>
      results.find(({ toolCallId }) => toolCallId === first?.toolCalls?.[index]?.id);
    expect(JSON.parse(String(resultOf(2)?.content))).toEqual({ sky: nasty, degrees: 22 });
    expect(resultOf(4)).toMatchObject({ content: "boom at sk-…", metadata: { isError: true } });
    expect(resultOf(6)?.content).toBe(`The expert says ${nasty}`);
    expect(resultOf(8)?.content).toEqual(
      version === "1.0.0"
        ? [{ type: "image", source: { type: "data", value: "aGk=", mimeType: "image/png" } }]
        : "[image image/png]",
    );
    const reasoning = own.filter(({ role, content }) => role === "reasoning" && content !== "");
    expect(reasoning.map(({ content }) => content)).toEqual([`First I think. ${nasty}`]);
    const inner = messages.filter(({ subagentRunId }) => subagentRunId !== undefined);
    expect(inner.map(({ role }) => role)).toEqual(["reasoning", "assistant", "tool", "assistant"]);
    const customs = events.flatMap((event) => (event.type === "CUSTOM" ? [event.name] : []));
    expect(customs).toEqual(["retry", "source", "source", "file", "tool-progress"]);
    // What it sends back is a valid history, without sub-agents and what the provider ran itself.
    const back = fromAGUI({ threadId: "c1", runId: "r2", messages });
    expect(checkHistory(back.messages)).toEqual([]);
    expect(back.messages.map(({ role }) => role)).toEqual([
      "user",
      "assistant",
      ...Array.from({ length: 7 }, () => "tool"),
      "assistant",
      "tool",
      "assistant",
    ]);
    expect(JSON.stringify(back.messages)).not.toContain("web_search");
    expect(back.messages.filter((message) => message.role === "tool" && message.isError)).toHaveLength(3);
  });

  it("goes on with a thread; the server remembers it", async () => {
    const model = scriptedModel(["One.", ({ messages }) => messages.map(({ role }) => role).join()]);
    await using server = await serve(createChatHandler(new Agent({ name: "a", model }), options()));
    const thread = session(Client, server.url);
    await thread.say("Hi");
    await thread.say("And?");
    expect(thread.errors).toEqual([]);
    expect(thread.messages().at(-1)?.content).toBe("user,assistant,user");
  });

  it("takes the client's thread where it is to be believed, with calls whose ids come again", async () => {
    const look = tool({ name: "look", description: "Looks", execute: () => "seen" });
    const step = { toolCalls: [{ name: "look", args: { at: 1 }, callId: "same" }] };
    const model = scriptedModel([step, "One.", step, ({ messages }) => JSON.stringify(messages)]);
    const protocol = agUI({ history: "client" });
    await using server = await serve(
      createChatHandler(new Agent({ name: "a", model, tools: [look] }), options({ protocol })),
    );
    const thread = session(Client, server.url);
    await thread.say("Hi");
    await thread.say("And?");
    expect(thread.errors).toEqual([]);
    const messages = JSON.parse(String(thread.messages().at(-1)?.content));
    expect(checkHistory(messages)).toEqual([]);
    expect(messages.map(({ role }: Kept) => role).join()).toBe("user,assistant,tool,assistant,user,assistant,tool");
    expect(thread.messages().flatMap(({ toolCalls = [] }) => toolCalls.map((call) => call.function.arguments))).toEqual(
      ['{"at":1}', '{"at":1}'],
    );
  });

  it("sees what a run failed with", async () => {
    const error = new ModelError("no more at sk-abcdefghijklmnop", { kind: "auth", provider: "p" });
    const agent = new Agent({ name: "a", model: scriptedModel([{ text: "Half an", error }]) });
    await using server = await serve(createChatHandler(agent, options()));
    const thread = session(Client, server.url);
    await thread.say("Hi");
    expect(thread.events.at(-1)).toMatchObject({ type: "RUN_ERROR", message: "no more at sk-…", code: "auth" });
    expect(thread.events.map(({ type }) => type)).toContain("TEXT_MESSAGE_END");
    expect(thread.messages().at(-1)?.content).toBe("Half an");
  });

  it("stops a run without a log by leaving, and one with a log by asking", async () => {
    const ends: string[] = [];
    const agent = new Agent({
      name: "a",
      model: scriptedModel([long, long], { delayMs: 10 }),
      hooks: { onFinal: ({ stopReason }) => ends.push(stopReason) },
    });
    await using server = await serve(createChatHandler(agent, options()));
    const thread = session(Client, server.url);
    const saying = thread.say("Hi");
    await until(() => thread.events.some(({ type }) => type === "TEXT_MESSAGE_CONTENT"));
    thread.abort();
    await saying;
    await until(() => ends.length > 0);
    expect(ends).toEqual(["stopped"]);

    await using logged = await serve(createChatHandler(agent, options({ log: memoryEventLog() })));
    const other = session(Client, logged.url);
    const asking = other.say("Hi");
    await until(() => other.events.some(({ type }) => type === "TEXT_MESSAGE_CONTENT"));
    await fetch(`${logged.url}?chat=c1`, { method: "DELETE", headers: { "x-user": "ada" } });
    await asking;
    expect(other.errors).toEqual([]);
    expect(other.events.at(-1)).toMatchObject({ type: "RUN_FINISHED", metadata: { stopReason: "stopped" } });
    expect(other.events.at(-1)?.["outcome"]).toEqual(version === "1.0.0" ? { type: "cancelled" } : undefined);
  });

  it("is told by the status who may not, and what is no input", async () => {
    await using server = await serve(createChatHandler(new Agent({ name: "a", model: scriptedModel([]) }), options()));
    const agent = new Client({ url: server.url, threadId: "c1" });
    agent.addMessage({ id: "u1", role: "user", content: "Hi" });
    await expect(agent.runAgent()).rejects.toThrow("HTTP 401");
    warnings = [];
    const thread = session(Client, server.url);
    await thread.say("");
    expect(thread.errors.join()).toContain("HTTP 400");
    warnings = [];
  });

  it("reads texts, arguments and results longer than one event may be", { timeout: 60_000 }, async () => {
    const huge = "x".repeat(11 * 1024 * 1024);
    const input = { type: "object", properties: { huge: { type: "string" } } } as const;
    const dump = tool({ name: "dump", description: "Dumps", input, execute: () => "\u0001".repeat(11 * 1024 * 1024) });
    const model = scriptedModel([{ text: huge, toolCalls: [{ name: "dump", args: { huge } }] }, "Done."], {
      chunk: huge.length,
    });
    await using server = await serve(createChatHandler(new Agent({ name: "a", model, tools: [dump] }), options()));
    const thread = session(Client, server.url);
    await thread.say("Go");
    expect(thread.errors).toEqual([]);
    const messages = thread.messages();
    expect(messages[1]?.content).toHaveLength(huge.length);
    expect(messages[1]?.toolCalls?.[0]?.function.arguments).toHaveLength(huge.length + '{"huge":""}'.length);
    expect(String(messages[2]?.content)).toMatch(/… \(cut: 11534336 characters\)$/);
    expect(messages[3]?.content).toBe("Done.");
  });
});

describe("an endpoint for AG-UI", () => {
  it("ends each event with two line feeds, and sends nothing else", async () => {
    await using server = await serve(createChatHandler(everything(), options()));
    const input = { threadId: "c1", runId: "r1", messages: [{ id: "u1", role: "user", content: "Go" }] };
    const headers = { "content-type": "application/json", "x-user": "ada", accept: "text/event-stream" };
    const response = await fetch(server.url, { method: "POST", headers, body: JSON.stringify(input) });
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    const text = await response.text();
    expect(text.endsWith("}\n\n")).toBe(true);
    for (const event of text.split("\n\n").slice(0, -1)) expect(event).toMatch(/^data: \{[^\n\r]*\}$/);
  });

  it("answers whatever a client puts into the messages that it does not read", async () => {
    const agent = new Agent({ name: "a", model: scriptedModel(["Hi."]) });
    await using server = await serve(createChatHandler(agent, options()));
    const calls = [{ id: { toString: 1 } }, { id: 5 }, null, "call"];
    const messages = [
      { id: "a1", role: "assistant", toolCalls: calls },
      { id: "u1", role: "user", content: "Go" },
    ];
    const headers = { "content-type": "application/json", "x-user": "ada" };
    const body = JSON.stringify({ threadId: "c1", runId: "r1", messages });
    const response = await fetch(server.url, { method: "POST", headers, body });
    expect(await response.text()).toContain("RUN_FINISHED");
  });

  it("names what a retry makes void where the client's messages are not known", async () => {
    const events: AGUIEvent[] = [];
    for await (const event of toAGUI(everything().respond("Go", { userId: "u", chatId: "c" }))) events.push(event);
    expect(events.map(({ type }) => type)).not.toContain("MESSAGES_SNAPSHOT");
    const shown = events.flatMap((event) => {
      if (event.type === "TEXT_MESSAGE_START" || event.type === "TOOL_CALL_RESULT") return [event.messageId];
      return event.type === "REASONING_MESSAGE_START" ? [event.messageId] : [];
    });
    const retry = events.find((event) => event.type === "CUSTOM" && event.name === "retry");
    expect(retry).toMatchObject({ value: { attempt: 1, message: "overloaded" } });
    const discarded: unknown = retry && "value" in retry && Object(retry.value).discarded;
    expect(new Set(shown.slice(0, 4))).toEqual(new Set(Array.isArray(discarded) ? discarded : []));
  });
});
