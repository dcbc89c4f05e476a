import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import type { Call, Conversation, Message, Reply } from "./conversation.ts";
import { decide, type SimulatedQuestion } from "./decide.ts";
import { object } from "./json.ts";

const parameters = (schema: z.ZodType) => object(z.toJSONSchema(schema));
const weather = {
  name: "get_weather",
  description: "Get the weather for a city",
  parameters: parameters(z.object({ city: z.string() })),
};

const request: Conversation = {
  messages: [],
  tools: [weather],
  toolChoice: "auto",
  parallel: true,
  schema: undefined,
  reasoning: false,
  maxTokens: undefined,
  stop: [],
};
const user = (text: string): Message => ({ role: "user", text });

/** Runs a conversation to its end with one function as all its tools. */
function converse(prompt: string, run: (args: Call["args"]) => unknown, more: Partial<Conversation> = {}) {
  const messages: Message[] = [...(more.messages ?? []), user(prompt)];
  const turns: string[][] = [];
  for (let turn = 0; turn < 8; turn += 1) {
    const reply = decide({ ...request, ...more, messages });
    messages.push({ role: "assistant", text: reply.text, calls: reply.calls });
    if (reply.calls.length === 0) return { text: reply.text, turns, messages, reply };
    turns.push(reply.calls.map(({ args }) => JSON.stringify(args)));
    for (const { id, args } of reply.calls) {
      const result = run(args);
      const failed = result instanceof Error;
      const text = failed ? result.message : typeof result === "string" ? result : JSON.stringify(result);
      messages.push({ role: "tool", callId: id, text, failed });
    }
  }
  throw new Error("The model never came to an end.");
}

describe("an answer", () => {
  it("is made of the results", () => {
    const { text } = converse("Weather in Tokyo and London?", ({ city }) =>
      city === "Tokyo" ? "Sunny, 22°C in Tokyo" : { city, temperature: "12°C", sky: "grey", windy: true },
    );
    expect(text).toBe("Sunny, 22°C in Tokyo. In London, the temperature is 12°C, the sky is grey and it is windy.");
  });

  it("says plainly what failed", () => {
    const { text } = converse("Weather in Atlantis?", () => new Error("no such city"));
    expect(text).toBe("I could not get the weather in Atlantis: no such city.");
  });

  it("asks for what no message says", () => {
    expect(converse("What is the weather like today?", () => "").text).toMatch(/^Which city do you mean\?/);
  });

  it("restates what it was asked where no tool fits", () => {
    const { text } = converse("Sing a song", () => "");
    expect(text).toMatch(/simulated model/);
    expect(text).toContain("Sing a song");
  });

  it("knows the conversation", () => {
    const first = converse("My name is Ada and my favourite colour is deep blue.", () => "");
    const second = converse("Weather in Rome?", () => "Warm", first);
    expect(second.turns).toEqual([['{"city":"Rome"}']]);
    const ask = (prompt: string) => converse(prompt, () => "", { messages: second.messages }).text;
    expect(ask("What did I ask first?")).toContain("My name is Ada");
    expect(ask("What did I just ask?")).toContain("Weather in Rome?");
    expect(ask("What is my name?")).toBe("Your name is Ada.");
    expect(ask("What's my favourite colour?")).toBe("Your favourite colour is deep blue.");
    expect(converse("And New York?", () => "Cold", { messages: second.messages }).turns).toEqual([
      ['{"city":"New York"}'],
    ]);
  });

  it("counts a message that came between results and answer", () => {
    const { messages } = converse("Weather in Rome?", () => "Warm in Rome");
    const { text, turns } = converse("and in Oslo", () => "Cold in Oslo", { messages: messages.slice(0, 3) });
    expect(turns).toEqual([['{"city":"Oslo"}']]);
    expect(text).toBe("Warm in Rome. Cold in Oslo.");
  });

  it("ends at its limits", () => {
    const long = converse("Tell me everything", () => "", { maxTokens: 5 }).reply;
    expect([long.finish, long.text.length]).toEqual(["length", 20]);
    const stopped = converse("Tell me everything", () => "", { stop: [" simulated"] }).reply;
    expect([stopped.finish, stopped.text, stopped.stopSequence]).toEqual(["stop-sequence", "I am a", " simulated"]);
  });

  it("is deterministic but for ids", () => {
    const plain = (reply: Reply) => ({ ...reply, calls: reply.calls.map(({ name, args }) => ({ name, args })) });
    const messages = [user("Weather in Rome and Oslo?")];
    const [one, two] = [decide({ ...request, messages }), decide({ ...request, messages })];
    expect(plain(one)).toEqual(plain(two));
    expect(one.calls[0]?.id).not.toBe(two.calls[0]?.id);
  });
});

describe("the choice of tools", () => {
  const messages = [user("Weather in Rome and Oslo?")];
  const names = (more: Partial<Conversation>) =>
    decide({ ...request, messages, ...more }).calls.map(({ name, args }) => `${name} ${JSON.stringify(args)}`);
  const ping = { name: "ping", description: "", parameters: {} };

  it("may be none", () => expect(names({ toolChoice: "none" })).toEqual([]));
  it("may be one call a turn", () => {
    expect(names({ parallel: false })).toEqual(['get_weather {"city":"Rome"}']);
    expect(converse("Weather in Rome and Oslo?", ({ city }) => `Fine in ${city}`, { parallel: false })).toMatchObject({
      turns: [['{"city":"Rome"}'], ['{"city":"Oslo"}']],
      text: "Fine in Rome. Fine in Oslo.",
    });
  });
  it("may be forced", () => {
    expect(names({ messages: [user("Hi")], tools: [ping, weather], toolChoice: "required" })).toEqual(["ping {}"]);
    expect(names({ tools: [weather, ping], toolChoice: { name: "ping" } })).toEqual(["ping {}"]);
  });
});

describe("an answer in JSON satisfies its schema", () => {
  it("with what the tools have told", () => {
    const schema = z.strictObject({
      forecasts: z
        .array(z.strictObject({ city: z.string(), celsius: z.number(), sky: z.enum(["clear", "grey"]) }))
        .min(2),
      summary: z.string().max(80),
      warning: z.string().nullable(),
    });
    const run = ({ city }: Call["args"]) =>
      city === "Rome" ? { celsius: 22.5, sky: "clear" } : `4 degrees and grey in ${city}`;
    const { text } = converse("Weather in Rome and Oslo?", run, { schema: parameters(schema) });
    expect(schema.parse(JSON.parse(text))).toEqual({
      forecasts: [
        { city: "Rome", celsius: 22.5, sky: "clear" },
        { city: "Oslo", celsius: 4, sky: "grey" },
      ],
      summary: expect.stringContaining("22.5"),
      warning: null,
    });
  });

  it("with what the prompt says", () => {
    const person = z.object({
      name: z.string(),
      age: z.int().min(0).max(150),
      email: z.email(),
      homepage: z.url(),
      born: z.iso.date(),
      urgent: z.boolean(),
      role: z.union([z.literal("admin"), z.literal("guest")]),
    });
    const prompt = "Note John Smith, 42, john@x.com, https://x.com/js, born on 1983-02-01, a guest, not urgent";
    expect(person.parse(JSON.parse(converse(prompt, () => "", { schema: parameters(person) }).text))).toEqual({
      name: "John Smith",
      age: 42,
      email: "john@x.com",
      homepage: "https://x.com/js",
      born: "1983-02-01",
      urgent: false,
      role: "guest",
    });
  });

  it("where nothing is said of it", () => {
    const node: z.ZodType = z.object({
      label: z.string().min(3),
      get children() {
        return z.array(node).max(2);
      },
    });
    const schema = z.object({
      id: z.string(),
      even: z.int().multipleOf(2).min(5),
      ratio: z.number().gt(0).lt(1).default(0.5),
      mail: z.email(),
      at: z.iso.datetime(),
      uuid: z.uuid(),
      constant: z.literal(7),
      list: z.array(z.string()).min(3),
      nested: z.object({ deep: z.object({ flag: z.boolean(), any: z.unknown() }) }),
      choice: z.discriminatedUnion("kind", [
        z.object({ kind: z.literal("a"), a: z.number() }),
        z.object({ kind: z.literal("b") }),
      ]),
      node,
      maybe: z.string().optional(),
    });
    const { text } = converse("Go", () => "", { schema: parameters(schema) });
    expect(schema.safeParse(JSON.parse(text)).error?.issues).toBeUndefined();
  });
});

it("thinks when it is asked to", () => {
  const messages = [user("Weather in Rome?")];
  expect(decide({ ...request, messages }).reasoning).toBe("");
  expect(decide({ ...request, messages, reasoning: true }).reasoning).toContain("get_weather");
});

it("says what it is told to say, with the tools' results in mind", () => {
  const say = vi.fn(({ prompt, results }: SimulatedQuestion) =>
    prompt === "Bye" ? undefined : `## ${results.map(({ name, text }) => `${name}: ${text}`).join() || prompt}\n`,
  );
  const calls: Call[] = [{ id: "1", name: "get_weather", args: { city: "Rome" } }];
  const asked: Message[] = [user("Weather in Rome?"), { role: "assistant", text: "", calls }];
  const told: Message[] = [...asked, { role: "tool", callId: "1", text: "22 °C", failed: false }];
  expect(decide({ ...request, messages: [user("Hi")] }, say).text).toBe("## Hi\n");
  expect(decide({ ...request, messages: [user("Weather in Rome?")] }, say).calls).toHaveLength(1);
  expect(decide({ ...request, messages: told }, say).text).toBe("## get_weather: 22 °C\n");
  expect(say.mock.lastCall?.[0].results).toEqual([
    { name: "get_weather", args: { city: "Rome" }, text: "22 °C", failed: false },
  ]);
  expect(decide({ ...request, messages: [user("Bye")] }, say).text).toContain("simulated model");
  const schema = parameters(z.object({ label: z.string() }));
  expect(JSON.parse(decide({ ...request, messages: [user("Hi")], schema }, say).text)).toHaveProperty("label");
});
