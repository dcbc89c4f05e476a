import { Agent, type AgentEvent, type Final, ModelError, tool } from "millrace";
import { echoModel, scriptedModel } from "millrace/testing";
import { expect, test } from "vitest";
import { z } from "zod";
import {
  AssistantMessage,
  agentChain,
  asTool,
  Ensemble,
  ErrorMessage,
  EventToken,
  type LlmLogArgs,
  llmAgent,
  type MessagePromise,
  messageOf,
  miniagent,
  runOf,
  SystemMessage,
  type Token,
} from "./index.ts";

const owner = { userId: "u1", chatId: "c1" };
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const quiet = { error: () => {} };

const getWeather = tool({
  name: "get_weather",
  description: "Get the weather",
  input: z.object({ city: z.string() }),
  execute: ({ city }) => `Sunny in ${city}`,
});

const weatherScript = [
  { text: "Let me see.", toolCalls: [{ name: "get_weather", args: { city: "Rome" } }] },
  "It is sunny.",
] as const;

async function readTokens(message: AsyncIterable<Token>): Promise<string[]> {
  const read: string[] = [];
  for await (const token of message) read.push(token instanceof EventToken ? `<${token.event.type}>` : String(token));
  return read;
}

test("an Agent answers with one message, token by token, with the events of its tools among them", async () => {
  const agent = new Agent({ name: "weatherMan", model: scriptedModel(weatherScript), tools: [getWeather] });
  await new Ensemble(owner).run(async () => {
    const replies = llmAgent(agent, { responseMetadata: { topic: "weather" } }).trigger("How is it in Rome?");
    for await (const reply of replies) {
      expect(reply.knownBeforehand.fields()).toEqual({
        role: "assistant",
        model: "scripted",
        agent_alias: "WEATHER_MAN",
        topic: "weather",
      });
      expect(await readTokens(reply)).toEqual([
        ...["Let ", "me ", "see."],
        ...["<tool-call-start>", "<tool-result>", "\n\n"],
        ...["It ", "is ", "sunny."],
      ]);
      const message = await reply;
      expect(message).toBeInstanceOf(AssistantMessage);
      expect(String(message)).toBe("Let me see.\n\nIt is sunny.");
      expect(message.get("stopReason")).toBe("completed");
      expect(message.get("usage")).toMatchObject({ inputTokens: 20, outputTokens: 10 });
      expect(message.get("topic")).toBe("weather");
    }
    expect((await replies).length).toBe(1);
  });
});

test("messages go to the model by their roles; without one they are the user's; without a text they do not go", async () => {
  const model = scriptedModel(["Yes."]);
  await new Ensemble(owner).run(async () =>
    llmAgent(
      new Agent({ name: "a", model, instructions: "Be kind.", settings: { temperature: 1, topP: 0.5 } }),
    ).trigger([new SystemMessage("S"), "Hi", new AssistantMessage("A"), "", { role: "user", x: 1 }], {
      instructions: "Be brief.",
      settings: { temperature: 0 },
    }),
  );
  const [request] = model.requests;
  expect(request?.instructions).toBe("Be brief.");
  expect(request?.settings).toMatchObject({ temperature: 0, topP: 0.5 });
  expect(request?.messages.map(({ role, content }) => [role, content])).toEqual([
    ["system", "S"],
    ["user", "Hi"],
    ["assistant", [{ type: "text", text: "A" }]],
    ["user", '```json\n{"class_":"Message","role":"user","x":1}\n```'],
  ]);
});

test("where there is nothing to answer, the model is told to begin", async () => {
  const model = scriptedModel(["Yes?", "Well?"]);
  const agent = new Agent({ name: "a", model });
  await new Ensemble(owner).run(async () => {
    await llmAgent(agent).trigger();
    await llmAgent(agent, { opening: "Go!" }).trigger("");
  });
  expect(model.requests.map(({ messages }) => messages.map(({ content }) => content))).toEqual([["/start"], ["Go!"]]);
});

test("whose run it is comes from the call, the agent or the ensemble; without it there is no run", async () => {
  const seen: string[] = [];
  const hooks = { onFinal: ({ run }: Final) => void seen.push(`${run.userId} ${run.chatId}`) };
  const agent = new Agent({ name: "a", model: echoModel(), hooks });
  await new Ensemble(owner).run(async () => {
    await llmAgent(agent).trigger("Hi");
    await llmAgent(agent, { userId: "u2" }).trigger("Hi");
    await llmAgent(agent, { userId: "u2" }).fork({ userId: "u3" }).trigger("Hi", { chatId: "c3" });
    await new Ensemble({ chatId: "c4" }).run(() => llmAgent(agent).trigger("Hi"));
  });
  expect(seen).toEqual(["u1 c1", "u2 c1", "u3 c3", "u1 c4"]);
  await expect(new Ensemble({ userId: "u1", logger: quiet }).run(() => llmAgent(agent).trigger("Hi"))).rejects.toThrow(
    "chatId: expected one",
  );
});

test("hooks hear everything, and the budget is the agent's", async () => {
  const types: string[] = [];
  const agent = new Agent({
    name: "a",
    model: scriptedModel(weatherScript),
    tools: [getWeather],
    budget: { maxToolCalls: 0 },
  });
  const [message] = await new Ensemble(owner).run(async () =>
    llmAgent(agent, { hooks: { onEvent: (event: AgentEvent) => void types.push(event.type) } }).trigger("Hi"),
  );
  expect(message?.get("stopReason")).toBe("budget");
  expect(types).toContain("budget-exceeded");
  expect(types.at(-1)).toBe("final");
});

test("a run that nobody reads goes on to its end", async () => {
  const { promise: ended, resolve } = deferred<string>();
  const hooks = { onFinal: ({ output }: Final) => resolve(output) };
  await new Ensemble(owner).run(() => {
    llmAgent(new Agent({ name: "a", model: echoModel(), hooks })).trigger("All of this");
  });
  expect(await ended).toBe("All of this");
});

test("a run is stopped when its call is cancelled", async () => {
  const finals: Final[] = [];
  const cancel = new AbortController();
  const hooks = { onFinal: (final: Final) => void finals.push(final) };
  const agent = llmAgent(new Agent({ name: "a", model: echoModel({ delayMs: 5 }), hooks }));
  const reason = new Error("enough");
  await new Ensemble(owner)
    .run(async () => {
      for await (const reply of agent.trigger("A text that takes its time", {}, { signal: cancel.signal })) {
        const tokens = reply[Symbol.asyncIterator]();
        await tokens.next();
        cancel.abort(reason);
        await expect(readTokens(reply)).rejects.toBe(reason);
      }
    })
    .catch((error) => expect(error).toBe(reason));
  await expect.poll(() => finals.map(({ stopReason }) => stopReason)).toEqual(["stopped"]);
});

test("a run is stopped also before it has asked its model", async () => {
  const finals: string[] = [];
  const { promise: asked, resolve: isAsked } = deferred<void>();
  const agent = new Agent({
    name: "a",
    model: echoModel(),
    instructions: () => {
      isAsked();
      return new Promise<string>(() => {});
    },
    hooks: { onFinal: ({ stopReason }) => void finals.push(stopReason) },
  });
  const ensemble = new Ensemble(owner);
  const reason = new Error("enough");
  const failed = expect(ensemble.run(() => llmAgent(agent).trigger("Hi"))).rejects.toBe(reason);
  await asked;
  ensemble.cancel(reason);
  await failed;
  await expect.poll(() => finals).toEqual(["stopped"]);
});

test("the run of a message is stopped when the ensemble is cancelled, even between two events", async () => {
  const ensemble = new Ensemble(owner);
  const run = new Agent({ name: "a", model: echoModel({ firstDelayMs: 3_600_000 }) }).respond("Hi", owner);
  const reason = new Error("enough");
  const message = messageOf(run, { within: ensemble });
  const failed = expect(Promise.resolve(message)).rejects.toBe(reason);
  await new Promise((resolve) => setImmediate(resolve));
  ensemble.cancel(reason);
  await failed;
  await ensemble.idle();
  await expect.poll(() => run.final?.stopReason).toBe("stopped");
});

test("a model that fails is an error in its message, logged once, after what had come", async () => {
  const logged: unknown[] = [];
  const error = new Error("no more");
  const agent = llmAgent(new Agent({ name: "a", model: scriptedModel([{ text: "So far", error }]) }));
  await new Ensemble({ ...owner, logger: { error: (_, failure) => logged.push(failure) } }).run(async () => {
    const [reply] = await firstOf(agent.trigger("Hi"));
    const read: string[] = [];
    await expect(async () => {
      for await (const token of reply) read.push(String(token));
    }).rejects.toThrow("no more");
    expect(read.join("")).toBe("So far");
    await expect(Promise.resolve(reply)).rejects.toThrow("no more");
  });
  expect(logged).toHaveLength(1);
});

async function firstOf(replies: AsyncIterable<MessagePromise>): Promise<[MessagePromise]> {
  const { value } = await replies[Symbol.asyncIterator]().next();
  return [value];
}

test("where errors become messages, so does that of a model", async () => {
  const agent = llmAgent(new Agent({ name: "a", model: scriptedModel([{ text: "So far", error: new Error("no") }]) }));
  const logged: unknown[] = [];
  const logger = { error: (_: string, error: unknown) => logged.push(error) };
  const messages = await new Ensemble({ ...owner, logger, errorsAsMessages: true }).run(() => agent.trigger("Hi"));
  expect(messages[0]).toBeInstanceOf(ErrorMessage);
  expect(String(messages[0])).toMatch(/^So far\n\w*Error: /);
  expect(messages[0]?.get("agent_alias")).toBe("A");
  expect(logged).toEqual([]);
});

test("an answer that was begun again counts once, though its tokens were there twice", async () => {
  const error = new ModelError("gone", { kind: "network", provider: "scripted" });
  const model = scriptedModel([{ text: "The begin", error }, "The whole answer"]);
  const agent = new Agent({ name: "a", model, retry: { initialDelayMs: 1, jitter: "none" } });
  await new Ensemble(owner).run(async () => {
    const [reply] = await firstOf(llmAgent(agent).trigger("Hi"));
    expect((await readTokens(reply)).join("")).toBe("The begin<retry>\n\nThe whole answer");
    expect(String(await reply)).toBe("The whole answer");
  });
});

test("a structured answer is a field of the message", async () => {
  const model = scriptedModel([{ object: { score: 9 } }]);
  const agent = new Agent({ name: "a", model, output: z.object({ score: z.number() }) });
  const [message] = await new Ensemble(owner).run(() => llmAgent(agent).trigger("Hi"));
  expect(message?.get("object")).toEqual({ score: 9 });
});

test("a logger gets what was asked and what is answered, unless the agent has none", async () => {
  const logs: unknown[] = [];
  const llmLogger = miniagent<LlmLogArgs>(async function logger(ctx, { request }) {
    logs.push([ctx.agentTrace(), request, (await ctx.messages).map(String)]);
  });
  const agent = new Agent({ name: "a", model: echoModel() });
  await new Ensemble({ ...owner, llmLogger }).run(async () => {
    await agentChain([llmAgent(agent)]).trigger("Hi", {});
    await llmAgent(agent, { logger: false }).trigger("Hidden");
  });
  expect(logs).toEqual([[["LOGGER", "A", "AGENT_CHAIN"], { agent: "a", model: "echo" }, ["Hi", "Hi"]]]);
});

test("an agent of an ensemble is a tool: its tokens are progress, its text is the result", async () => {
  const seen: unknown[] = [];
  const mills = miniagent(async function mills(ctx) {
    const [question] = await ctx.messages;
    ctx.reply([`You ask: ${question}`, "Nobody knows."]);
  });
  const model = scriptedModel([{ toolCalls: [{ name: "mills", args: { input: "Who?" } }] }, "Nobody."]);
  const agent = new Agent({ name: "a", model, tools: [asTool(mills, { description: "Knows mills" })] });
  for await (const event of agent.respond("Hi", owner)) {
    if (event.type === "tool-progress") seen.push(event.progress);
    if (event.type === "tool-result") seen.push(event.result);
  }
  expect(seen).toEqual(["You ask: Who?", "Nobody knows.", "You ask: Who?\n\nNobody knows."]);
});

test("a tool with a schema gives its fields as arguments and as a message, and works for the user of the run", async () => {
  const owners: string[] = [];
  const inner = llmAgent(
    new Agent({ name: "inner", model: echoModel(), hooks: { onFinal: ({ run }) => void owners.push(run.userId) } }),
  );
  const writer = miniagent(async function writer(ctx, { topic, lines }: { topic: string; lines: number }) {
    const [message] = await ctx.messages;
    ctx.reply([`${lines} on ${topic} (${message?.get("topic")})`, inner.trigger("done")]);
  });
  const write = asTool(writer, { input: z.object({ topic: z.string(), lines: z.number() }), name: "write" });
  const model = scriptedModel([{ toolCalls: [{ name: "write", args: { topic: "mills", lines: 2 } }] }, "Done."]);
  const agent = new Agent({ name: "a", model, tools: [write] });
  // In an ensemble of somebody else: the run says whose it is.
  await new Ensemble({ userId: "other", chatId: "other" }).run(async () => {
    const { history } = await agent.sendMessage("Hi", owner);
    expect(history.messages[2]?.content).toBe("2 on mills (mills)\n\ndone");
  });
  expect(owners).toEqual(["u1"]);
});

test("what runs within a tool spend counts in the run and its budget, also where the run is stopped", async () => {
  const answers = llmAgent(new Agent({ name: "answers", model: echoModel() }));
  const pair = miniagent(async function pair(ctx) {
    ctx.reply([answers.trigger("one"), answers.trigger("two")]);
  });
  const model = scriptedModel([{ toolCalls: [{ name: "pair", args: { input: "" } }] }, "Done."]);
  const chief = new Agent({ name: "chief", model, tools: [asTool(pair)] });
  const own = { inputTokens: 0, outputTokens: 0 };
  const within: string[] = [];
  let spentWithin = 0;
  const run = chief.respond("Go", owner);
  for await (const event of run) {
    if (event.type === "turn-end") own.outputTokens += event.usage.outputTokens;
    if (event.type !== "sub-agent") continue;
    expect(event.event.run.parent).toEqual({ runId: run.id, callId: event.callId });
    within.push(event.event.type);
    if (event.event.type === "final") spentWithin += event.event.usage.outputTokens;
  }
  expect(within.filter((type) => type === "run-start" || type === "final")).toHaveLength(4);
  expect(spentWithin).toBeGreaterThan(0);
  expect(run.final?.usage.outputTokens).toBe(own.outputTokens + spentWithin);

  const slow = llmAgent(new Agent({ name: "slow", model: echoModel({ delayMs: 20 }) }));
  const stopped = new Agent({
    name: "stopped",
    model: scriptedModel([{ toolCalls: [{ name: "slow", args: { input: "many words that take their time" } }] }]),
    tools: [asTool(slow)],
  }).respond("Go", owner);
  let toolTurn = 0;
  for await (const event of stopped) {
    if (event.type === "turn-start") toolTurn++;
    if (event.type === "tool-progress") stopped.stop();
  }
  expect(toolTurn).toBe(1);
  expect(stopped.final?.stopReason).toBe("stopped");
  expect(stopped.final?.usage.inputTokens).toBeGreaterThan(10);
});

test("runs within a tool stop where the budget of the run that calls it does", async () => {
  const answers = llmAgent(new Agent({ name: "answers", model: echoModel() }));
  const model = scriptedModel([{ toolCalls: [{ name: "answers", args: { input: "one" } }] }, "Done."]);
  const prices = { input: 0, output: 1 };
  // Enough for what the script says, and not for an answer.
  const budget = {
    maxUsd: 1,
    pricing: (named: { id: string }) => ({ ...prices, input: named.id === "echo" ? 1e6 : 0 }),
  };
  const run = new Agent({ name: "chief", model, tools: [asTool(answers)], budget }).respond("Go", owner);
  const within: string[] = [];
  for await (const event of run) {
    if (event.type === "sub-agent" && event.event.type === "final") within.push(event.event.stopReason);
  }
  expect(within).toEqual(["budget"]);
});

test("an agent that fails is a tool that failed; one of a stopped run is cancelled", async () => {
  const broken = miniagent(async function broken() {
    throw new Error("no mill");
  });
  const { promise: cancelled, resolve } = deferred<boolean>();
  const endless = miniagent(async function endless(ctx) {
    await new Promise((_, reject) => ctx.signal.addEventListener("abort", reject, { once: true }));
  });
  const watched = miniagent(async function watched(ctx) {
    ctx.signal.addEventListener("abort", () => resolve(true), { once: true });
    ctx.reply(endless.trigger());
  });
  const model = scriptedModel([
    { toolCalls: [{ name: "broken", args: { input: "" } }] },
    { toolCalls: [{ name: "watched", args: { input: "" } }] },
  ]);
  const log = console.error;
  console.error = () => {};
  const run = new Agent({ name: "a", model, tools: [asTool(broken), asTool(watched)] }).respond("Hi", owner);
  const errors: string[] = [];
  for await (const event of run) {
    if (event.type === "tool-error") errors.push(event.error.message);
    if (event.type === "tool-call-start" && event.name === "watched") setImmediate(() => run.stop());
  }
  console.error = log;
  expect(errors[0]).toContain("no mill");
  expect(run.final?.stopReason).toBe("stopped");
  expect(await cancelled).toBe(true);
});

test("a run becomes a message and a run again", async () => {
  const agent = new Agent({ name: "a", model: scriptedModel(weatherScript), tools: [getWeather] });
  const message = messageOf(agent.respond("Rome?", owner));
  const run = runOf(message, { input: "Rome?", ...owner });
  const told: unknown[] = [];
  for await (const event of run) {
    if (event.type === "text-delta") told.push(event.text);
    if (event.type === "provider-tool") told.push([event.name, event.state]);
  }
  expect(told).toEqual([
    ...["Let ", "me ", "see.", ["get_weather", "started"], ["get_weather", "done"]],
    ...["\n\n", "It ", "is ", "sunny."],
  ]);
  expect(run.final?.output).toBe("Let me see.\n\nIt is sunny.");
  expect(run.final?.usage).toMatchObject({ inputTokens: 20, outputTokens: 10 });
  // The message is there for anybody else.
  expect(String(await message)).toBe("Let me see.\n\nIt is sunny.");
});

test("a run of a message that fails fails; one that is stopped leaves the message alone", async () => {
  const failing = messageOf(
    new Agent({ name: "a", model: scriptedModel([{ error: new Error("no more") }]) }).respond("Hi", owner),
  );
  await expect(async () => {
    for await (const _ of runOf(failing, { input: "Hi", ...owner }));
  }).rejects.toThrow("no more");
  const slow = messageOf(new Agent({ name: "a", model: echoModel({ delayMs: 2 }) }).respond("Slowly", owner));
  const run = runOf(slow, { input: "Hi", ...owner });
  for await (const event of run) if (event.type === "text-delta") run.stop();
  expect(run.final?.stopReason).toBe("stopped");
  expect(String(await slow)).toBe("Slowly");
});

test("a run has one reader: a message of it takes it", async () => {
  const run = new Agent({ name: "a", model: echoModel() }).respond("Hi", owner);
  const message = messageOf(run);
  expect(() => messageOf(run)).toThrow("reader");
  expect(String(await message)).toBe("Hi");
});
