import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Agent } from "../agent.ts";
import { ConfigError, ModelError } from "../errors.ts";
import type { AgentEvent } from "../events.ts";
import type { Message } from "../messages.ts";
import { checkHistory, cutEverywhere, scriptedModel } from "../testing.ts";
import { tool } from "../tool.ts";
import { taggedJson } from "./tagged-json.ts";
import { type TextProtocol, textTools } from "./text-tools.ts";

const ids = { userId: "u", chatId: "c" };

const getWeather = tool({
  name: "get_weather",
  description: "Get the weather",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  execute: ({ city }) => `Sunny in ${city}`,
  preview: (partial: { city?: string }) => partial.city,
});

const asks = 'Let me look.\n<tool_call>{"name": "get_weather", "arguments": {"city": "Tōkyō {1}"}}</tool_call>';

async function collect(agent: Agent): Promise<AgentEvent[]> {
  const events: AgentEvent[] = [];
  for await (const event of agent.respond("How is the weather?", ids)) events.push(event);
  return events;
}

function ofType<Type extends AgentEvent["type"]>(
  events: AgentEvent[],
  type: Type,
): Extract<AgentEvent, { type: Type }>[] {
  return events.filter((event): event is Extract<AgentEvent, { type: Type }> => event.type === type);
}

describe("textTools", () => {
  it("turns text into calls while it streams, and results into text", async () => {
    const plain = scriptedModel([asks, "It is sunny."], { chunk: 5 });
    const agent = new Agent({ name: "a", model: textTools(plain), instructions: "Be brief.", tools: [getWeather] });
    const events = await collect(agent);
    const firstTurn = events.slice(
      0,
      events.findIndex(({ type }) => type === "turn-end"),
    );
    const said = ofType(firstTurn, "text-delta").map(({ text }) => text);
    expect(said.join("")).toBe("Let me look.\n");
    const deltas = ofType(events, "tool-call-delta");
    expect(deltas.length).toBeGreaterThan(2);
    expect(deltas.map(({ delta }) => delta).join("")).toBe('{"city": "Tōkyō {1}"}');
    expect(ofType(events, "tool-progress").map(({ progress }) => progress)).toContain("Tōky");
    expect(ofType(events, "tool-result")).toMatchObject([{ name: "get_weather", result: "Sunny in Tōkyō {1}" }]);
    expect(events.at(-1)).toMatchObject({ type: "final", stopReason: "completed", output: "It is sunny." });

    const [first, second] = plain.requests;
    expect(first?.tools).toEqual([]);
    expect(first?.instructions).toMatch(/^Be brief\.\n\n.*"name":"get_weather".*/s);
    expect(second?.messages.slice(1)).toEqual([
      {
        role: "assistant",
        content: [
          { type: "text", text: "Let me look.\n" },
          {
            type: "text",
            text: '<tool_call>{"name": "get_weather", "arguments": {"city": "Tōkyō {1}"}}</tool_call>',
          },
        ],
      },
      {
        role: "user",
        content: [
          {
            type: "text",
            text: '<tool_response>{"name":"get_weather","content":"Sunny in Tōkyō {1}"}</tool_response>',
          },
        ],
      },
    ]);
  });

  it("keeps a history that every provider takes", async () => {
    const two = `${asks}<tool_call>{"name":"get_weather","arguments":{"city":"Rome"}}</tool_call>`;
    const model = textTools(scriptedModel([two, "Sunny."]));
    const { history } = await new Agent({ name: "a", model, tools: [getWeather] }).sendMessage("?", ids);
    expect(checkHistory(history.messages)).toEqual([]);
    expect(history.added[1]).toMatchObject({
      role: "assistant",
      content: [{ type: "text" }, { type: "tool-call", args: { city: "Tōkyō {1}" } }, { args: { city: "Rome" } }],
    });
    // A model with tools of its own goes on from it.
    const native = scriptedModel(["Yes."]);
    await new Agent({ name: "b", model: native }).sendMessage("Sure?", { ...ids, history: history.messages });
    expect(native.requests[0]?.messages).toHaveLength(history.messages.length + 1);
  });

  it.each([
    ["arguments before the name", '<tool_call>{"arguments":{"city":"Rome"},"name":"get_weather"}</tool_call>'],
    ["`parameters`", '<tool_call>{"name":"get_weather","parameters":{"city":"Rome"}}</tool_call>'],
    ["no closing tag", '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}'],
    [
      "a result of the model's own invention",
      '<tool_call>{"name":"get_weather","arguments":{"city":"Rome"}}</tool_call><tool_response>"Rain"</tool_response> Rain.',
    ],
  ])("reads a call with %s", async (_, text) => {
    const model = textTools(scriptedModel([text, "Done."], { chunk: 3 }));
    const { history } = await new Agent({ name: "a", model, tools: [getWeather] }).sendMessage("?", ids);
    expect(history.added.slice(1, 3)).toMatchObject([
      { content: [{ type: "tool-call", args: { city: "Rome" } }] },
      { role: "tool", content: "Sunny in Rome" },
    ]);
  });

  it("tells the model of a call that cannot be read", async () => {
    const model = textTools(scriptedModel(["<tool_call>get_weather(Rome)</tool_call>", "Sorry."]));
    const { history } = await new Agent({ name: "a", model, tools: [getWeather] }).sendMessage("?", ids);
    expect(history.added[2]).toMatchObject({ role: "tool", isError: true });
  });

  it("leaves text alone that only looks like a call", async () => {
    const text = "1 < 2, <tool and <tool_calls are no tags, and neither is <tool_call";
    const events = await collect(
      new Agent({ name: "a", model: textTools(scriptedModel([text], { chunk: 1 })), tools: [getWeather] }),
    );
    expect(
      ofType(events, "text-delta")
        .map((delta) => delta.text)
        .join(""),
    ).toBe(text);
    expect(events.at(-1)).toMatchObject({ output: text });
  });

  it("reads no calls where no tools are offered, and asks for one where it is demanded", async () => {
    const plain = scriptedModel([asks, "Yes.", "Yes."]);
    const model = textTools(plain);
    const { output } = await new Agent({ name: "a", model }).sendMessage("?", ids);
    expect(output).toBe(asks);
    const agent = new Agent({ name: "a", model, tools: [getWeather] });
    await agent.sendMessage("?", { ...ids, settings: { toolChoice: { tool: "get_weather" } } });
    await agent.sendMessage("?", { ...ids, settings: { toolChoice: "none" } });
    expect(plain.requests[1]?.instructions).toContain("You must call the tool get_weather");
    expect(plain.requests[1]?.settings).toEqual({});
    expect(plain.requests[2]?.instructions).toBeUndefined();
  });

  it("says the same however the text is cut", async () => {
    const text = `${asks} <tool_call>{"name":"get_weather","arguments":{"city":"<tool_call>"}}</tool_call> …`;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), async (chunk) => {
        const model = textTools(scriptedModel([text], { chunk }));
        const request = {
          messages: [],
          tools: [{ name: "get_weather", description: "", parameters: {} }],
          settings: {},
        };
        let shown = "";
        const args = new Map<string, string>();
        for await (const event of model.stream(request, { signal: new AbortController().signal })) {
          if (event.type === "text-delta") shown += event.text;
          if (event.type === "tool-call-delta") args.set(event.callId, (args.get(event.callId) ?? "") + event.delta);
        }
        expect(shown).toBe("Let me look.\n  …");
        expect([...args.values()]).toEqual(['{"city": "Tōkyō {1}"}', '{"city":"<tool_call>"}']);
      }),
      { numRuns: 40 },
    );
  });

  it("begins anew with the repetition of an answer that broke off", async () => {
    let requests = 0;
    const plain = scriptedModel([asks, "Done."]);
    const broken: typeof plain = {
      ...plain,
      async *stream(request, options) {
        if (requests++ === 0) {
          yield { type: "text-delta", text: `${asks.slice(0, -20)}`, part: 0 };
          throw new ModelError("broke", { kind: "network", provider: "p" });
        }
        yield* plain.stream(request, options);
      },
    };
    const agent = new Agent({ name: "a", model: textTools(broken), tools: [getWeather], retry: { initialDelayMs: 1 } });
    const { history } = await agent.sendMessage("?", ids);
    expect(history.added.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant"]);
  });

  it("takes a protocol of the program's own", async () => {
    const protocol: TextProtocol = {
      describe: (tools) => `Write CALL name json. Tools: ${tools.map(({ name }) => name).join()}`,
      parse(text) {
        const [, before = "", name, args = ""] = /^(.*?)CALL (\w+) (.*)$/s.exec(text) ?? [];
        return name ? { text: before, calls: [{ name, args }] } : { text: text.split("C")[0] ?? "", calls: [] };
      },
      formatCall: ({ name, args }) => `CALL ${name} ${JSON.stringify(args)}`,
      formatResult: ({ name, content }) => `${name} said: ${content}`,
    };
    const plain = scriptedModel(['CALL get_weather {"city":"Rome"}', "Done."], { chunk: 4 });
    await new Agent({ name: "a", model: textTools(plain, protocol), tools: [getWeather] }).sendMessage("?", ids);
    const added: readonly Message[] = plain.requests[1]?.messages.slice(1) ?? [];
    expect(added).toEqual([
      { role: "assistant", content: [{ type: "text", text: 'CALL get_weather {"city":"Rome"}' }] },
      { role: "user", content: [{ type: "text", text: "get_weather said: Sunny in Rome" }] },
    ]);
  });

  it("refuses half a protocol", () => {
    const half = { ...taggedJson, formatResult: undefined };
    // @ts-expect-error half a protocol
    expect(() => textTools(scriptedModel([]), half)).toThrow(ConfigError);
  });

  it("holds what every run holds, wherever it is cut", async () => {
    await cutEverywhere({
      run: ({ signal, hooks, watch }) => {
        const model = textTools(watch(scriptedModel([asks, "It is sunny."], { chunk: 12 })));
        return new Agent({ name: "a", model, tools: [getWeather] }).respond("?", { ...ids, signal, hooks });
      },
    });
  });
});
