import { ConfigError } from "millrace";
import { expect, test } from "vitest";
import {
  AWAIT,
  agentChain,
  agentLoop,
  CLEAR,
  DialogEnd,
  dialogLoop,
  Ensemble,
  ErrorMessage,
  inMemoryHistory,
  type Message,
  MessagePromise,
  type MessageSequencePromise,
  type MiniAgent,
  miniagent,
  promptAgent,
  SystemMessage,
  TextMessage,
  UserMessage,
  userAgent,
} from "./index.ts";

const shout = miniagent(async function shout(ctx) {
  for await (const message of ctx.messages) ctx.reply(`${await message}!`);
});
const count = miniagent(async function count(ctx) {
  ctx.reply(String((await ctx.messages).length));
});

const quiet = { error: () => {} };

async function texts(call: () => MessageSequencePromise): Promise<string[]> {
  return new Ensemble({ logger: quiet }).run(async () => (await call()).map(String));
}

/** A user who says the lines one after the other, and then ends the dialog; `heard` is what the user was told. */
function scripted(lines: readonly string[], heard: string[] = []): MiniAgent {
  const left = [...lines];
  return miniagent(async function user(ctx) {
    heard.push(...(await ctx.messages).map(String));
    const line = left.shift();
    if (line === undefined) throw new DialogEnd();
    ctx.reply(line);
  });
}

test("what one agent of a chain replies is what the next one gets", async () => {
  expect(await texts(() => agentChain([shout, null, shout, undefined]).trigger(["a", "b"]))).toEqual(["a!!", "b!!"]);
});

test("a chain without agents passes everything on", async () => {
  expect(await texts(() => agentChain([]).trigger(["a", "b"]))).toEqual(["a", "b"]);
});

test("after CLEAR an agent gets nothing", async () => {
  expect(await texts(() => agentChain([shout, CLEAR, count]).trigger(["a", "b"]))).toEqual(["0"]);
  expect(await texts(() => agentChain([shout, CLEAR]).trigger(["a", "b"]))).toEqual([]);
});

test("tokens go through a chain while they are written", async () => {
  let goOn: (text: string) => void = () => {};
  const rest = new Promise<string>((resolve) => {
    goOn = resolve;
  });
  const slow = miniagent(async function slow(ctx) {
    ctx.reply(
      new MessagePromise({
        streamer: async function* () {
          yield "first ";
          yield await rest;
        },
      }),
    );
  });
  const pass = miniagent(async function pass(ctx) {
    ctx.reply(ctx.messages);
  });
  await new Ensemble().run(async () => {
    for await (const reply of agentChain([slow, pass, pass]).trigger()) {
      const tokens = reply[Symbol.asyncIterator]();
      expect(String((await tokens.next()).value)).toBe("first ");
      goOn("last");
      expect(String(await reply)).toBe("first last");
    }
  });
});

test("AWAIT lets everything before it come before the next agent is called", async () => {
  const order: string[] = [];
  const first = miniagent(async function first(ctx) {
    await null;
    ctx.reply("one");
    await null;
    order.push("first is done");
  });
  const second = miniagent(async function second(ctx) {
    order.push("second is called");
    ctx.reply(ctx.messages);
  });
  await texts(() => agentChain([first, second]).trigger());
  expect(order).toEqual(["second is called", "first is done"]);
  order.length = 0;
  await texts(() => agentChain([first, AWAIT, second]).trigger());
  expect(order).toEqual(["first is done", "second is called"]);
});

test("what an agent of a chain throws, the chain replies", async () => {
  const broken = miniagent(async function broken() {
    throw new TypeError("no");
  });
  await expect(texts(() => agentChain([shout, broken, shout]).trigger("a"))).rejects.toThrow("no");
  await expect(texts(() => agentChain([broken, AWAIT, shout]).trigger("a"))).rejects.toThrow("no");
});

test("what is no step is refused at once, and so are loops that would never rest", () => {
  const wrong: unknown = 7;
  // @ts-expect-error a number is no step
  expect(() => agentChain([shout, wrong])).toThrow(
    new ConfigError("steps[1]", "expected an agent, AWAIT, CLEAR or nothing, got a number"),
  );
  expect(() => agentLoop([AWAIT])).toThrow("at least one agent");
  expect(() => agentLoop([shout])).toThrow("AWAIT");
});

test("options that cannot work are refused at once", () => {
  const wrong: unknown = "agent";
  const given: { readonly [option: string]: unknown } = { user: wrong, assistant: wrong };
  expect(() => dialogLoop(Object.assign({ user: shout, assistant: shout }, given))).toThrow("user: expected an agent");
  expect(() => promptAgent(Object(wrong), {})).toThrow("target: expected an agent");
  expect(() => new Ensemble(Object({ errorAsMessages: true }))).toThrow("errorAsMessages: no such option");
  expect(() => new Ensemble(Object({ logger: wrong }))).toThrow("logger.error: expected a function");
  expect(() => new MessagePromise(Object({ message: wrong }))).toThrow("message: expected a Message");
  expect(() => new MessagePromise(Object({}))).toThrow("streamer: expected");
});

test("a loop goes round until somebody ends it, which is no failure, and replies nothing", async () => {
  const heard: string[] = [];
  const logged: unknown[] = [];
  const replies = await new Ensemble({ logger: { error: (_, error) => logged.push(error) } }).run(async () =>
    agentLoop([scripted(["hi", "bye"], heard), AWAIT, shout], { endsQuietly: true }).trigger("start"),
  );
  expect(heard).toEqual(["start", "hi!", "bye!"]);
  expect(replies).toEqual([]);
  expect(logged).toEqual([]);
});

test("who waits for a loop hears of its end, also where errors become messages", async () => {
  const loop = () => agentLoop([scripted(["hi"]), AWAIT, shout]).trigger();
  await expect(texts(loop)).rejects.toThrow(DialogEnd);
  await expect(new Ensemble({ errorsAsMessages: true }).run(async () => loop())).rejects.toThrow(DialogEnd);
});

test("a loop fails with its agents", async () => {
  const broken = miniagent(async function broken() {
    throw new TypeError("no");
  });
  await expect(
    texts(() => agentLoop([scripted(["hi"]), AWAIT, broken], { endsQuietly: true }).trigger()),
  ).rejects.toThrow("no");
});

test("a loop ends with the call that it is in", async () => {
  const stop = new AbortController();
  let rounds = 0;
  const user = miniagent(async function user(ctx) {
    if (++rounds === 3) stop.abort(new Error("enough"));
    ctx.reply("on");
  });
  await expect(texts(() => agentLoop([user, AWAIT, shout]).trigger(null, {}, { signal: stop.signal }))).rejects.toThrow(
    "enough",
  );
  expect(rounds).toBe(3);
});

test("a loop of many rounds keeps nothing of the first", async () => {
  let rounds = 0;
  const user = miniagent(async function user(ctx) {
    if (++rounds > 2000) throw new DialogEnd();
    ctx.reply("on");
  });
  await texts(() => agentLoop([user, AWAIT, shout], { endsQuietly: true }).trigger());
  expect(rounds).toBe(2001);
});

test("a prompted agent gets the prompt before and after", async () => {
  const all = miniagent(async function all(ctx) {
    ctx.reply(ctx.messages);
  });
  const prompted = promptAgent(all, { prefix: new SystemMessage("before"), suffix: ["after", "all"] });
  expect(await texts(() => prompted.trigger("it"))).toEqual(["before", "it", "after", "all"]);
  expect(await texts(() => promptAgent(all, {}).trigger("it"))).toEqual(["it"]);
});

test.each([
  [true, ["hi", "[be brief]"], ["hi", "2", "bye", "[be brief]"]],
  [false, ["[be brief]", "hi"], ["[be brief]", "hi", "2", "bye"]],
])(
  "a dialog prompts the assistant each time, outside of the history (at the end: %s)",
  async (promptAtTheEnd, first, second) => {
    const asked: string[][] = [];
    const assistant = miniagent(async function assistant(ctx) {
      const messages = (await ctx.messages).map(String);
      asked.push(messages);
      ctx.reply(String(messages.length));
    });
    const history: Message[] = [];
    const user = userAgent({ input: echoing(["hi", "bye"]), history: inMemoryHistory({ messages: history }) });
    const replies = await texts(() => dialogLoop({ user, assistant, promptAtTheEnd }).trigger("[be brief]"));
    expect(replies).toEqual([]);
    expect(asked).toEqual([first, second]);
    expect(history.map(String)).toEqual(["hi", "2", "bye", "4"]);
  },
);

/** Passes on what it gets, and says the next line. */
function echoing(lines: readonly string[]): MiniAgent {
  const left = [...lines];
  return miniagent(async function input(ctx) {
    ctx.reply(ctx.messages);
    await ctx.messages;
    const line = left.shift();
    if (line === undefined) throw new DialogEnd();
    ctx.reply(new UserMessage(line));
  });
}

test("a user sees, says, and replies all that was said", async () => {
  const seen: string[] = [];
  const output = miniagent(async function output(ctx) {
    ctx.reply(ctx.messages);
    seen.push(...(await ctx.messages).map(String));
  });
  const user = userAgent({ output, input: echoing(["one", "two"]) });
  expect(await texts(() => user.trigger("a"))).toEqual(["a", "one"]);
  expect(await texts(() => user.trigger("b"))).toEqual(["a", "one", "b", "two"]);
  expect(seen).toEqual(["a", "b"]);
  expect(await texts(() => userAgent({ input: echoing(["one"]), history: null }).trigger("a"))).toEqual(["a", "one"]);
});

test("a history in memory passes on what it gets, or everything", async () => {
  const messages = [new TextMessage("before")];
  const history = inMemoryHistory({ messages });
  expect(await texts(() => history.trigger("a"))).toEqual(["a"]);
  expect(await texts(() => history.trigger("b", { returnFullHistory: true }))).toEqual(["before", "a", "b"]);
  expect(messages.map(String)).toEqual(["before", "a", "b"]);
});

test("messages say whose they are", () => {
  expect([new UserMessage("a").role, new SystemMessage("b").role]).toEqual(["user", "system"]);
  expect(new UserMessage({ content: "a", role: "other" }).role).toBe("other");
  expect(new ErrorMessage("a").get("role")).toBe(undefined);
});
