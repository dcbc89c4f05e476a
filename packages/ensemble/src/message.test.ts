import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  AppenderNotOpenError,
  ErrorMessage,
  Frozen,
  float,
  Message,
  type MessageInput,
  MessagePromise,
  MessageSequencePromise,
  MessageTokenAppender,
  messageClass,
  TextMessage,
  TextToken,
  type Token,
  UnexpectedMessageError,
  ValidationError,
} from "./index.ts";

async function tokensOf(message: MessagePromise): Promise<string[]> {
  const seen: string[] = [];
  for await (const token of message) seen.push(String(token));
  return seen;
}

async function textsOf(messages: MessageSequencePromise): Promise<unknown[]> {
  const seen: unknown[] = [];
  const iterator = messages[Symbol.asyncIterator]();
  for (;;) {
    try {
      const { done, value } = await iterator.next();
      if (done) return seen;
      seen.push(String(await value));
    } catch (error) {
      seen.push(error);
    }
  }
}

describe("a message", () => {
  test("is a frozen copy, to its depth", () => {
    const list = [1, { deep: "x" }];
    const inner = new TextMessage("inner");
    const message = new Message({ list, inner, gone: undefined });
    list.push(2);
    expect(message.fields()).toEqual({ list: [1, { deep: "x" }], inner });
    expect(message.get("inner")).toBe(inner);
    expect(message.get("gone")).toBeUndefined();
    expect(Object.isFrozen(message.get("list"))).toBe(true);
    expect(() => Object.assign(message, { list: [] })).toThrow(TypeError);
  });

  test.each([
    ["a set", new Set(), "value: expected plain data, a message or an agent, got an object of class Set"],
    ["a function", () => {}, "value: expected plain data, a message or an agent, got a function"],
    ["a date", new Date(0), "got an object of class Date"],
  ])("cannot hold %s", (_, value, text) => {
    expect(() => new Message({ value })).toThrow(text);
    expect(() => new Message({ value: [{ a: value }] })).toThrow("value[0].a: ");
  });

  test("cannot hold a circle, nor a field that hides a method", () => {
    const circle: unknown[] = [];
    circle.push(circle);
    expect(() => new Message({ circle })).toThrow("in a circle");
    expect(() => new Message({ hashKey: "mine" })).toThrow("this name is taken");
    expect(() => new Message(JSON.parse('{"__proto__": 1}'))).toThrow("this name is taken");
    const nested = new Message({ inner: JSON.parse('{"__proto__": {"polluted": true}}') });
    expect(nested.fullJson).toBe(
      '{"class_":"Message","inner":{"class_":"Frozen","__proto__":{"class_":"Frozen","polluted":true}}}',
    );
  });

  test("has a key that its content alone makes", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,8}_$/), fc.jsonValue()), (fields) => {
        const reversed = Object.fromEntries(Object.entries(fields).reverse());
        const message = new Message(fields);
        expect(new Message(reversed).hashKey).toBe(message.hashKey);
        expect(new Message({ ...fields, more: true }).hashKey).not.toBe(message.hashKey);
        expect(message.hashKey).toMatch(/^[0-9a-f]{40}$/);
      }),
    );
    expect(new TextMessage("x").hashKey).not.toBe(new ErrorMessage("x").hashKey);
    expect(new Message({ n: 1 }).hashKey).not.toBe(new Message({ n: float(1) }).hashKey);
  });

  test("shows itself as JSON, class first", () => {
    const message = new Message({ b: 1, a: { n: 10n ** 20n, f: float(2) } });
    expect(message.fullJson).toBe(
      '{"class_":"Message","b":1,"a":{"class_":"Frozen","n":100000000000000000000,"f":2.0}}',
    );
    expect(String(message)).toBe(`\`\`\`json\n${message.fullJson}\n\`\`\``);
    expect(JSON.parse(JSON.stringify(new TextMessage("x")))).toEqual({
      class_: "TextMessage",
      content: "x",
      content_template: null,
    });
  });

  test("names those in it, each before the one that it is in", () => {
    const leaf = new TextMessage("leaf");
    const middle = new Message({ leaf });
    const top = new Message({ first: [middle, leaf], nested: { list: [{ other: middle }] }, loose: ["x", leaf] });
    expect(top.subMessages()).toEqual([leaf, middle, leaf, leaf, middle]);
  });
});

test("messages in other frozen objects are there by their keys too", () => {
  const inner = new Message({ a: 1 });
  const plain = new Message({ x: { inner, all: [inner] }, y: [{ inner }] });
  const frozen = new Message({ x: new Frozen({ inner, all: [inner] }), y: [new Frozen({ inner })] });
  expect(frozen.serialize()).toEqual(plain.serialize());
  expect(frozen.hashKey).toBe(plain.hashKey);
  expect(frozen.subMessages()).toEqual([inner, inner, inner]);
  expect(new Message({ token: new TextToken("t", { inner }) }).serialize()).toEqual({
    class_: "Message",
    token: { class_: "TextToken", content: "t", inner__hash_key: inner.hashKey },
  });
});

test("what are no fields is no message", () => {
  for (const given of ["text", 5, ["list"], null]) {
    expect(() => new Message(JSON.parse(JSON.stringify(given)))).toThrow("Message: expected an object of fields, got");
  }
});

describe("a text", () => {
  test("is the content, or the template with the fields in it, which wins", () => {
    expect(String(new TextMessage())).toBe("");
    expect(String(new TextMessage("x", { role: "user" }))).toBe("x");
    const filled = new TextMessage({
      content: "the content",
      content_template: "{name} of {class_}: {content}, {deep.list[1]}, {{literal}}, {list}",
      name: "Ada",
      deep: { list: [1, 2] },
      list: [true],
    });
    expect(String(filled)).toBe("Ada of TextMessage: the content, 2, {literal}, [true]");
    expect(String(new TextMessage({ content_template: "{content}" }))).toBe("null");
  });

  test.each(["{missing}", "{", "a } b", "{}"])("cannot be made of the template %j", (content_template) => {
    expect(() => String(new TextMessage({ content_template }))).toThrow(ValidationError);
  });

  test("is a string", () => {
    expect(() => new TextMessage(Object(1))).toThrow("expected an object of fields");
    expect(() => new TextMessage({ content: 1 })).toThrow("content: expected a string or null, got a number");
  });
});

describe("a class with a schema", () => {
  const Verdict = messageClass(
    "Verdict",
    z.object({ score: z.number(), by: z.string().default("nobody") }),
    TextMessage,
  );

  test("checks, fills in, and keeps what it does not know", () => {
    const verdict = new Verdict({ content: "good", score: 1, extra: true });
    const score: number = verdict.score;
    expect([score, verdict.by, verdict.get("extra"), verdict.content, verdict.class_]).toEqual([
      1,
      "nobody",
      true,
      "good",
      "Verdict",
    ]);
    expect(verdict).toBeInstanceOf(TextMessage);
    expect(() => new Verdict({ content: "x", score: Object("high") })).toThrow("Verdict: score: ");
  });

  test("can refuse what it does not know", () => {
    const Strict = messageClass("Strict", z.strictObject({ score: z.number() }), TextMessage);
    expect(new Strict({ content: "x", score: 1 }).score).toBe(1);
    expect(() => new Strict({ score: 1, extra: true })).toThrow(ValidationError);
  });

  test("must be synchronous", () => {
    const Slow = messageClass("Slow", z.object({ a: z.string().refine(async () => true) }));
    expect(() => new Slow({ a: "x" })).toThrow();
  });

  test("can be what streams", async () => {
    const message = new MessagePromise({
      streamer: ["go", "od"],
      messageClass: Verdict,
      knownBeforehand: { score: 2 },
    });
    const whole = await message;
    expect(whole).toBeInstanceOf(Verdict);
    expect([String(whole), whole.get("score")]).toEqual(["good", 2]);
    await expect(new MessagePromise({ streamer: ["x"], messageClass: Verdict })).rejects.toThrow("score");
  });
});

describe("a message that streams", () => {
  test("has the same text, token by token or whole", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string()), async (words) => {
        const message = new MessagePromise({ streamer: words });
        expect((await tokensOf(message)).join("")).toBe(String(await message));
        const ready = new MessagePromise({ message: new TextMessage(words.join("")) });
        expect(await tokensOf(ready)).toEqual([words.join("")]);
      }),
    );
  });

  test("takes texts, tokens and their fields", async () => {
    const token = new TextToken("b", { logprob: -1 });
    const message = new MessagePromise({ streamer: ["a", token, { usage: 3 }] });
    const seen: Token[] = [];
    for await (const each of message) seen.push(each);
    expect(seen[1]).toBe(token);
    expect(seen[2]?.get("usage")).toBe(3);
    expect(String(await message)).toBe('ab{"class_":"Token","usage":3}');
    await expect(new MessagePromise({ streamer: Object([1]) })).rejects.toThrow("Unexpected token");
  });

  test("knows some fields beforehand, which win over those that come", async () => {
    const appender = new MessageTokenAppender().open();
    const message = new MessagePromise({ streamer: appender, knownBeforehand: { role: "assistant", model: "known" } });
    expect(message.knownBeforehand.get("role")).toBe("assistant");
    appender.append("text");
    Object.assign(appender.fields, { model: "came", usage: 1, content: "ignored" });
    appender.close();
    expect((await message).fields()).toEqual({
      content: "text",
      content_template: null,
      role: "assistant",
      model: "known",
      usage: 1,
    });
  });

  test("refuses what cannot be", () => {
    expect(() => new MessagePromise({ streamer: new MessageTokenAppender() })).toThrow(AppenderNotOpenError);
    expect(() => new MessagePromise({ streamer: [], knownBeforehand: { content: "x" } })).toThrow(
      "knownBeforehand.content",
    );
    expect(() => new MessagePromise({ streamer: [], messageClass: Message })).toThrow("messageClass");
  });
});

describe("a sequence", () => {
  test("is flat, whatever it is made of", async () => {
    async function* later() {
      yield "d";
      yield [new TextMessage("e"), Promise.resolve(["f"])];
    }
    const inner = new MessageSequencePromise(["b", ["c"]]);
    const all = new MessageSequencePromise([
      "a",
      inner,
      later(),
      new Set(["g"]),
      new MessagePromise({ streamer: ["h"] }),
      { role: "user" },
      [],
    ]);
    const expected = ["a", "b", "c", "d", "e", "f", "g", "h", String(new Message({ role: "user" }))];
    expect(await textsOf(all)).toEqual(expected);
    expect((await all).map(String)).toEqual(expected);
  });

  test("of any nesting has its leaves in their order", async () => {
    const { tree } = fc.letrec<{ tree: unknown; leaf: string }>((tie) => ({
      tree: fc.oneof({ maxDepth: 4 }, tie("leaf"), fc.array(tie("tree"), { maxLength: 4 })),
      leaf: fc.string(),
    }));
    const wraps: ((list: unknown[]) => unknown)[] = [
      (list) => list,
      (list) => new Set(list.map((each) => [each])),
      (list) => Promise.resolve(list),
      async function* (list) {
        yield* list;
      },
      (list) => new MessageSequencePromise([Object(list)]),
    ];
    await fc.assert(
      fc.asyncProperty(tree, fc.infiniteStream(fc.nat(wraps.length - 1)), async (value, choices) => {
        const wrapped = (node: unknown): unknown =>
          Array.isArray(node) ? wraps[choices.next().value ?? 0]?.(node.map(wrapped)) : node;
        const leaves = [value].flat(10);
        expect((await new MessageSequencePromise(Object([wrapped(value)]))).map(String)).toEqual(leaves.map(String));
      }),
    );
  });

  test("is made of what there is at this moment", async () => {
    const list = ["a"];
    const fields = { n: 1 };
    const sequence = new MessageSequencePromise([list, fields]);
    list.push("b");
    fields.n = 2;
    const [first, second, ...rest] = await sequence;
    expect([String(first), second?.get("n"), rest]).toEqual(["a", 1, []]);
  });

  test("has errors at their place; one takes the rest of its own item with it", async () => {
    const error = new Error("here");
    expect(await textsOf(new MessageSequencePromise(["a", error, "lost"]))).toEqual(["a", error]);
    await expect(new MessageSequencePromise(["a", error])).rejects.toBe(error);
    expect(await textsOf(new MessageSequencePromise(Promise.reject(error)))).toEqual([error]);
  });

  test.each([1, null, undefined, true])("cannot have %s in it", async (value) => {
    expect(await textsOf(new MessageSequencePromise(Object(["a", value])))).toEqual([
      "a",
      expect.any(UnexpectedMessageError),
    ]);
  });

  test("has what is no message, and comes only later, as an error at its place", { timeout: 5000 }, async () => {
    const broken: AsyncIterable<never> = { [Symbol.asyncIterator]: () => ({ next: () => JSON.parse("null") }) };
    const failing = function* (): Generator<string> {
      yield "lost";
      throw new RangeError("iterable");
    };
    const late = async function* (): AsyncGenerator<MessageInput> {
      yield "first";
      yield { field: new Map() };
    };
    const read = (input: MessageInput): Promise<unknown[]> => textsOf(new MessageSequencePromise(input));
    expect(await read(late())).toEqual(["first", expect.any(ValidationError)]);
    expect(await read(["first", Promise.resolve(failing())])).toEqual(["first", expect.any(RangeError)]);
    expect(await read(["first", broken])).toEqual(["first", expect.any(TypeError)]);
    expect(await read(Promise.resolve({ hashKey: 1 }))).toEqual([expect.any(ValidationError)]);
  });

  test("awaits what only looks like a promise as the language does", { timeout: 5000 }, async () => {
    const twice = Object({
      // biome-ignore lint/suspicious/noThenProperty: it is what is tried.
      then(resolve: (value: string) => void) {
        resolve("one");
        resolve("two");
      },
    });
    const failing = Object({
      // biome-ignore lint/suspicious/noThenProperty: it is what is tried.
      then() {
        throw new RangeError("then");
      },
    });
    expect(await textsOf(new MessageSequencePromise([twice, "three"]))).toEqual(["one", "three"]);
    expect(await textsOf(new MessageSequencePromise(failing))).toEqual([expect.any(RangeError)]);
  });

  test("of nothing is empty", async () => {
    expect(await new MessageSequencePromise(null)).toEqual([]);
  });
});

describe("one text of many", () => {
  test("has the texts with a delimiter, the fields of all, and refers to them", async () => {
    const one = new TextMessage("one", { role: "user", a: 1 });
    const two = new MessagePromise({ streamer: ["\n", "two"], knownBeforehand: { role: "assistant" } });
    const sequence = new MessageSequencePromise([one, two]);
    const joined = sequence.asSingleTextPromise({ knownBeforehand: { b: 2 } });
    expect((await tokensOf(joined)).join("")).toBe("one\n\n\ntwo");
    const message = await joined;
    expect(String(message)).toBe("one\n\n\ntwo");
    expect(message.fields()).toMatchObject({ role: "assistant", a: 1, b: 2, original_messages: [one, await two] });
    expect(message.serialize()["original_messages__hash_keys"]).toEqual([one.hashKey, (await two).hashKey]);
  });

  test("may strip line breaks, and keep the others out of it", async () => {
    const sequence = new MessageSequencePromise([
      "\n\none",
      new MessagePromise({ streamer: ["\n", "\n\ntwo\n", "\nx"] }),
    ]);
    const joined = await sequence.asSingleTextPromise({
      delimiter: "|",
      stripLeadingNewlines: true,
      referenceOriginalMessages: false,
    });
    expect(joined.fields()).toEqual({ content: "one|two\n\nx", content_template: null });
  });

  test("fails with the first error", async () => {
    const joined = new MessageSequencePromise(["a", new Error("broken")]).asSingleTextPromise();
    await expect(joined).rejects.toThrow("broken");
  });
});
