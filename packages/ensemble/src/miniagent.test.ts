import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  AppenderClosedError,
  CyclicWaitError,
  Ensemble,
  ErrorMessage,
  type InteractionContext,
  type Message,
  MessagePromise,
  MessageSequencePromise,
  MessageTokenAppender,
  miniagent,
  NoEnsembleError,
  StreamedPromise,
  ValidationError,
} from "./index.ts";

const unhandled: unknown[] = [];
const note = (reason: unknown): void => {
  unhandled.push(reason);
};
beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", note);
});
afterEach(async () => {
  await sleep(0);
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

/** An ensemble that keeps what it logs. */
function quiet(options: ConstructorParameters<typeof Ensemble>[0] = {}): { ensemble: Ensemble; logged: unknown[] } {
  const logged: unknown[] = [];
  return { ensemble: new Ensemble({ ...options, logger: { error: (_, error) => logged.push(error) } }), logged };
}

/** The texts of all messages, errors as they are. */
async function readAll(messages: MessageSequencePromise): Promise<unknown[]> {
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

const echo = miniagent(
  async (ctx) => {
    for await (const message of ctx.messages) ctx.reply(`echo ${await message}`);
  },
  { alias: "ECHO" },
);

describe("a name", () => {
  test.each([
    ["myAgent", "MY_AGENT"],
    ["OpenAIAgent", "OPENAI_AGENT"],
    ["GPT4Agent", "GPT4_AGENT"],
    ["agentAI", "AGENTAI"],
    ["my_agent", "MY_AGENT"],
  ])("%s goes by %s", (name, alias) => {
    const { [name]: act = () => {} } = { [name]: () => {} };
    expect(miniagent(act).alias).toBe(alias);
  });

  test("may be given, and stands in the description", () => {
    const agent = miniagent(() => {}, { alias: "X", description: "  {AGENT_ALIAS}\n   helps. " });
    expect([agent.alias, agent.description]).toEqual(["X", "X helps."]);
    expect(() => miniagent(() => {})).toThrow("alias");
    expect(() => miniagent(Object(1))).toThrow("expected a function or a class");
  });
});

describe("arguments", () => {
  const teller = miniagent(
    async (ctx: InteractionContext, args: { words: readonly string[]; nested?: { deep: unknown[] } }) => {
      ctx.reply(JSON.stringify(args) + Object.isFrozen(args.words) + Object.isFrozen(args.nested?.deep));
    },
    { alias: "TELLER" },
  );

  test("are copied and frozen when they are given", async () => {
    await new Ensemble().run(async () => {
      const words = ["a"];
      const nested = { deep: [1] };
      const replies = teller.trigger(null, { words, nested });
      words.push("b");
      nested.deep.push(2);
      expect(await readAll(replies)).toEqual(['{"words":["a"],"nested":{"deep":[1]}}truetrue']);
    });
  });

  test("in advance, of which a call and another fork may change some", async () => {
    await new Ensemble().run(async () => {
      const fork = teller.fork({ words: ["x"] });
      expect(await readAll(fork.trigger())).toEqual(['{"words":["x"]}truetrue']);
      expect(await readAll(fork.trigger(null, { words: ["y"] }))).toEqual(['{"words":["y"]}truetrue']);
      expect(await readAll(fork.fork({ words: ["z"] }).trigger())).toEqual(['{"words":["z"]}truetrue']);
    });
  });

  test("that are no plain data are refused at once, but shared where they are said to be", async () => {
    const counter = miniagent(
      (ctx: InteractionContext, { counts }: { counts: Map<string, number> }) => {
        counts.set("calls", (counts.get("calls") ?? 0) + 1);
        ctx.reply(String(counts.get("calls")));
      },
      { alias: "COUNTER" },
    );
    const counts = new Map<string, number>();
    expect(() => counter.fork({ counts })).toThrow(ValidationError);
    await new Ensemble().run(async () => {
      expect(() => counter.trigger(null, { counts })).toThrow("counts: expected plain data");
      const fork = counter.fork({}, { shared: { counts } });
      await fork.trigger(null, Object({}));
      expect(await readAll(fork.trigger(null, Object({})))).toEqual(["2"]);
    });
  });

  test("of a class go to the instance that each call gets", async () => {
    class Greeter {
      readonly #ctx: InteractionContext;
      readonly #greeting: string;
      constructor(ctx: InteractionContext, { greeting }: { greeting: string }) {
        this.#ctx = ctx;
        this.#greeting = greeting;
      }
      async run(): Promise<void> {
        for await (const message of this.#ctx.messages) this.#ctx.reply(`${this.#greeting}, ${await message}!`);
      }
    }
    const greeter = miniagent(Greeter);
    await new Ensemble().run(async () => {
      expect(greeter.alias).toBe("GREETER");
      expect(await readAll(greeter.trigger(["Ada", "Bob"], { greeting: "Hello" }))).toEqual([
        "Hello, Ada!",
        "Hello, Bob!",
      ]);
    });
  });
});

describe("a call", () => {
  test("is full duplex", async () => {
    await new Ensemble().run(async () => {
      const call = echo.initiateCall();
      const replies = call.replySequence({ finish: false })[Symbol.asyncIterator]();
      for (const word of ["one", "two"]) {
        call.send(word);
        const { value } = await replies.next();
        expect(String(await value)).toBe(`echo ${word}`);
      }
      expect(call.isFinished).toBe(false);
      call.finish();
      call.finish();
      expect((await replies.next()).done).toBe(true);
      expect(() => call.send("late")).toThrow(AppenderClosedError);
    });
  });

  test("that is not finished is so when its agent ends, and when the run does", async () => {
    await new Ensemble().run(async () => {
      const lax = miniagent((ctx) => ctx.reply(echo.initiateCall().send("hi").replySequence({ finish: false })), {
        alias: "LAX",
      });
      expect(await readAll(lax.trigger())).toEqual(["echo hi"]);
      echo.initiateCall().send("never finished");
    });
  });

  test("that is not finished is so before its replies are waited for", { timeout: 5000 }, async () => {
    const asker = miniagent(
      (ctx) => {
        const replies = echo.initiateCall().send("a").replySequence({ finish: false });
        ctx.reply(replies).makeSureToWait(replies);
      },
      { alias: "ASKER" },
    );
    await new Ensemble().run(async () => expect(await readAll(asker.trigger())).toEqual(["echo a"]));
  });

  test("with what cannot be sent is none", { timeout: 5000 }, async () => {
    let calls = 0;
    const counter = miniagent(() => void calls++, { alias: "COUNTER" });
    await new Ensemble().run(() => expect(() => counter.trigger({ field: new Map() })).toThrow(ValidationError));
    expect(calls).toBe(0);
  });

  test("outside of an ensemble is refused; one may be named", async () => {
    expect(() => echo.trigger("x")).toThrow(NoEnsembleError);
    const ensemble = new Ensemble();
    expect(await readAll(echo.trigger("x", {}, { within: ensemble }))).toEqual(["echo x"]);
    await ensemble.idle();
  });

  test("that is lazy starts with its first reader", async () => {
    let starts = 0;
    const agent = miniagent((ctx) => ctx.reply(String(++starts)), { alias: "LAZY" });
    await new Ensemble().run(async () => {
      const replies = agent.trigger(null, {}, { startSoon: false });
      await sleep(1);
      expect(starts).toBe(0);
      expect(await readAll(replies)).toEqual(["1"]);
    });
  });
});

describe("replies", () => {
  test("out of order overtake what has not come, and keep their order where nothing waits", async () => {
    await new Ensemble().run(async () => {
      let release = (): void => {};
      const slow = miniagent(
        (ctx) =>
          new Promise<void>((resolve) => {
            release = () => {
              ctx.reply("slow");
              resolve();
            };
          }),
        { alias: "SLOW" },
      );
      const agent = miniagent(
        (ctx) => {
          ctx
            .reply("first")
            .replyOutOfOrder("second")
            .reply(slow.trigger())
            .reply("after")
            .replyOutOfOrder("overtakes");
        },
        { alias: "AGENT" },
      );
      const replies = agent.trigger();
      const reading = readAll(replies);
      await sleep(1);
      release();
      expect(await reading).toEqual(["first", "second", "overtakes", "slow", "after"]);
    });
  });

  test("end once what is waited for is done, not before, and not later", async () => {
    const events: string[] = [];
    const unrelated = miniagent(
      async () => {
        await sleep(20);
        events.push("unrelated");
      },
      { alias: "UNRELATED" },
    );
    const agent = miniagent(
      async (ctx) => {
        void unrelated.trigger();
        ctx.makeSureToWait(async () => {
          await sleep(2);
          ctx.reply("from the task");
        });
        ctx.reply("from the function");
      },
      { alias: "AGENT" },
    );
    await new Ensemble().run(async () => {
      expect(await readAll(agent.trigger())).toEqual(["from the function", "from the task"]);
      events.push("replied");
    });
    expect(events).toEqual(["replied", "unrelated"]);
  });

  test("can end early; what goes wrong later is logged", async () => {
    const { ensemble, logged } = quiet();
    let late: unknown;
    const agent = miniagent(
      async (ctx) => {
        ctx.reply("only this");
        await ctx.finishEarly();
        await sleep(5);
        try {
          ctx.reply("late");
        } catch (error) {
          late = error;
        }
        throw new Error("after the end");
      },
      { alias: "EARLY" },
    );
    await ensemble.run(async () => {
      expect(await readAll(agent.trigger())).toEqual(["only this"]);
      expect(late).toBeUndefined();
    });
    expect(late).toBeInstanceOf(AppenderClosedError);
    expect(logged).toEqual([new Error("after the end")]);
  });

  test("know who asked", async () => {
    const traces: string[][] = [];
    const inner = miniagent((ctx) => void traces.push(ctx.agentTrace()), { alias: "INNER" });
    const outer = miniagent((ctx) => ctx.reply(inner.trigger()), { alias: "OUTER" });
    await new Ensemble().run(() => outer.trigger());
    expect(traces).toEqual([["INNER", "OUTER"]]);
  });
});

describe("errors", () => {
  const failing = miniagent(
    async (ctx) => {
      ctx.reply("before");
      throw new TypeError("broken");
    },
    { alias: "FAILING" },
  );

  test("come last in the replies, through other agents too, and are logged once", async () => {
    const { ensemble, logged } = quiet();
    const outer = miniagent((ctx) => ctx.reply(failing.trigger()).reply("after"), { alias: "OUTER" });
    await ensemble.run(async () => {
      expect(await readAll(outer.trigger())).toEqual(["before", new TypeError("broken"), "after"]);
      await expect(outer.trigger()).rejects.toThrow("broken");
      void failing.trigger();
    });
    expect(logged).toHaveLength(3);
  });

  test("of a promise that fails before its turn come at its turn", async () => {
    const { ensemble } = quiet();
    const slow = miniagent(
      async (ctx) => {
        await sleep(10);
        ctx.reply("slow");
      },
      { alias: "SLOW" },
    );
    const agent = miniagent(
      (ctx) =>
        ctx
          .reply(slow.trigger())
          .reply([Promise.reject(new Error("early")), "lost"])
          .reply("after"),
      { alias: "AGENT" },
    );
    await ensemble.run(async () => {
      expect(await readAll(agent.trigger())).toEqual(["slow", new Error("early"), "after"]);
    });
  });

  test("of a task that is waited for come last too", async () => {
    const { ensemble } = quiet();
    const agent = miniagent(
      (ctx) =>
        ctx.makeSureToWait(async () => {
          await sleep(1);
          throw new Error("in the task");
        }),
      { alias: "AGENT" },
    );
    await ensemble.run(async () => expect(await readAll(agent.trigger("x"))).toEqual([new Error("in the task")]));
  });

  test("become messages where that is asked for, and the replies go on", async () => {
    const { ensemble, logged } = quiet({ errorsAsMessages: true });
    const cut = new MessagePromise({
      knownBeforehand: { role: "assistant" },
      streamer: async function* () {
        yield "so far";
        throw new RangeError("cut");
      },
    });
    const agent = miniagent((ctx) => ctx.reply(new Error("one")).reply(cut).reply(failing.trigger()).reply("end"), {
      alias: "AGENT",
    });
    await ensemble.run(async () => {
      const messages = await agent.trigger();
      expect(messages.map(String)).toEqual([
        "Error: one",
        "so far\nRangeError: cut",
        "before",
        "TypeError: broken",
        "end",
      ]);
      expect(messages.map((message) => message instanceof ErrorMessage)).toEqual([true, true, false, true, false]);
      expect(messages[1]?.get("role")).toBe("assistant");
      const tokens: string[] = [];
      for await (const message of agent.trigger()) for await (const token of message) tokens.push(String(token));
      expect(tokens).toContain("\nRangeError: cut");
    });
    expect(logged).toEqual([]);
  });
});

describe("cancelling", () => {
  test("ends everything below with the reason, and nothing beside", async () => {
    const { ensemble, logged } = quiet();
    const controller = new AbortController();
    const reason = new Error("enough");
    const appender = new MessageTokenAppender().open();
    let innerSignal: AbortSignal | undefined;
    const inner = miniagent(
      async (ctx) => {
        innerSignal = ctx.signal;
        ctx.reply("first").reply(new MessagePromise({ streamer: appender }));
        await new Promise(() => {});
      },
      { alias: "INNER" },
    );
    const outer = miniagent((ctx) => ctx.reply(inner.trigger()), { alias: "OUTER" });
    await ensemble.run(async () => {
      const replies = outer.trigger(null, {}, { signal: controller.signal });
      const beside = echo.trigger("beside");
      const reading = readAll(replies);
      await sleep(1);
      appender.append("half");
      controller.abort(reason);
      expect(await reading).toEqual(["first", reason, reason]);
      await expect(replies).rejects.toBe(reason);
      expect(innerSignal?.reason).toBe(reason);
      expect(await readAll(beside)).toEqual(["echo beside"]);
    });
    expect(logged).toEqual([]);
  });

  test("of the whole ensemble lets its run end", async () => {
    const { ensemble } = quiet();
    const stuck = miniagent(() => new Promise(() => {}), { alias: "STUCK" });
    await expect(
      ensemble.run(async () => {
        const replies = stuck.trigger();
        setTimeout(() => ensemble.cancel(new Error("over")), 1);
        await replies;
      }),
    ).rejects.toThrow("over");
    expect(await readAll(echo.trigger("x", {}, { within: ensemble }))).toEqual([new Error("over")]);
  });

  test("ends the generators that stream", async () => {
    const { ensemble } = quiet();
    let hasEnded = false;
    const message = () =>
      new MessagePromise({
        streamer: async function* () {
          try {
            for (;;) {
              yield "tick";
              await sleep(1);
            }
          } finally {
            hasEnded = true;
          }
        },
      });
    await ensemble.run(async () => {
      const ticking = message();
      for await (const _ of ticking) break;
      ensemble.cancel(new Error("over"));
      await expect(ticking).rejects.toThrow("over");
      await sleep(5);
      expect(hasEnded).toBe(true);
    });
  });
});

describe("waiting in a ring", () => {
  test("an agent that awaits its own replies is told", async () => {
    const { ensemble } = quiet();
    let own: MessageSequencePromise | undefined;
    const agent = miniagent(async () => void (await own), { alias: "SELF" });
    await ensemble.run(async () => {
      own = agent.trigger();
      await expect(own).rejects.toThrow("SELF waits for SELF");
    });
  });

  test.each(["await", "iterate"])("two agents that %s each other are told", async (how) => {
    const { ensemble } = quiet();
    const replies: Record<string, MessageSequencePromise> = {};
    const waitFor = async (name: string): Promise<void> => {
      const other = replies[name];
      if (how === "await") await other;
      else for await (const message of other ?? []) await message;
    };
    const a = miniagent(() => waitFor("b"), { alias: "A" });
    const b = miniagent((ctx) => ctx.makeSureToWait(replies.a ?? Promise.resolve()), { alias: "B" });
    await ensemble.run(async () => {
      replies.a = a.trigger();
      replies.b = b.trigger();
      await expect(replies.a).rejects.toBeInstanceOf(CyclicWaitError);
      await expect(replies.b).rejects.toBeInstanceOf(CyclicWaitError);
    });
  });

  test("agents that feed each other in a ring are told, through what they pass on", async () => {
    const { ensemble } = quiet();
    let first: MessageSequencePromise | undefined;
    const collect = async (ctx: InteractionContext): Promise<void> => {
      ctx.reply(String((await ctx.messages).length));
    };
    const a = miniagent(collect, { alias: "A" });
    const b = miniagent(collect, { alias: "B" });
    await ensemble.run(async () => {
      const later = new Promise<MessageSequencePromise[]>((resolve) =>
        queueMicrotask(() => resolve([b.trigger(first)])),
      );
      first = a.trigger(later);
      const outcome = await Promise.race([readAll(first), sleep(2000)]);
      expect(outcome).toEqual([expect.any(CyclicWaitError)]);
    });
  });

  test("an agent that replies its own replies is told, now or later, and the run ends", { timeout: 5000 }, async () => {
    const { ensemble } = quiet();
    let own: MessageSequencePromise | undefined;
    const now = miniagent((ctx) => ctx.reply(["before", own ?? ""]).reply("after"), { alias: "NOW" });
    const later = miniagent((ctx) => ctx.reply(sleep(200).then(() => [own ?? ""])), { alias: "LATER" });
    const idle = miniagent(
      async (ctx) => {
        ctx.makeSureToWait(() => sleep(200));
        await own;
      },
      { alias: "IDLE" },
    );
    await ensemble.run(async () => {
      own = now.trigger();
      expect(await readAll(own)).toEqual(["before", expect.any(CyclicWaitError), "after"]);
      own = later.trigger();
      expect(await readAll(own)).toEqual([expect.any(CyclicWaitError)]);
      own = idle.trigger();
      expect(await readAll(own)).toEqual([expect.any(CyclicWaitError)]);
    });
  });

  test("promises outside of an ensemble are told too", { timeout: 5000 }, async () => {
    const alone = new StreamedPromise<never, unknown>({ resolver: async (promise) => [await promise] });
    await expect(alone).rejects.toBeInstanceOf(CyclicWaitError);
  });

  test("who waits long for what is being made is left alone", async () => {
    await new Ensemble({ onPersistMessages: () => {} }).run(async () => {
      const slow = miniagent(
        async (ctx) => {
          await sleep(200);
          for await (const message of ctx.messages) ctx.reply(message);
        },
        { alias: "SLOW" },
      );
      const middle = miniagent(async (ctx) => void ctx.reply(await slow.trigger(ctx.messages)), { alias: "MIDDLE" });
      const outer = miniagent(
        async (ctx) => {
          const call = middle.initiateCall();
          const replies = call.replySequence({ finish: false })[Symbol.asyncIterator]();
          const pending = replies.next();
          await sleep(150);
          call.send("late").finish();
          ctx.reply(await (await pending).value);
        },
        { alias: "OUTER" },
      );
      expect(await readAll(outer.trigger())).toEqual(["late"]);
    });
  });

  test("who is at work in another branch, or waits for what will come, is left alone", async () => {
    const { ensemble } = quiet();
    let own: MessageSequencePromise | undefined;
    const agent = miniagent(
      async (ctx) => {
        ctx.makeSureToWait(async () => {
          await sleep(200);
          ctx.reply("made in a branch");
        });
        for await (const message of own ?? []) {
          ctx.reply(`read ${await message}`);
          break;
        }
      },
      { alias: "BRANCHES" },
    );
    await ensemble.run(async () => {
      own = agent.trigger();
      expect(await readAll(own)).toEqual(["made in a branch", "read made in a branch"]);
    });
  });
});

describe("an ensemble", () => {
  test("waits for what it has started, also when its function throws", async () => {
    const { ensemble } = quiet();
    let isDone = false;
    const slow = miniagent(
      async () => {
        await sleep(10);
        isDone = true;
      },
      { alias: "SLOW" },
    );
    await expect(
      ensemble.run(() => {
        void slow.trigger();
        throw new Error("main");
      }),
    ).rejects.toThrow("main");
    expect(isDone).toBe(true);
  });

  test("is known to the code that runs in it, the inner one in a nested one", async () => {
    expect(() => Ensemble.current()).toThrow(NoEnsembleError);
    const outer = new Ensemble();
    await outer.run(async () => {
      expect(Ensemble.current()).toBe(outer);
      const inner = new Ensemble();
      await inner.run(async () => {
        await sleep(1);
        expect(Ensemble.current()).toBe(inner);
      });
      expect(Ensemble.current()).toBe(outer);
    });
  });

  test("ends with its block", async () => {
    const seen: string[] = [];
    {
      await using ensemble = new Ensemble();
      ensemble.background(async () => {
        await sleep(5);
        seen.push("done");
      });
    }
    expect(seen).toEqual(["done"]);
  });

  test("runs background tasks, and logs what they fail with once", async () => {
    const { ensemble, logged } = quiet();
    const error = new Error("in the background");
    await ensemble.run(() => {
      for (let n = 0; n < 2; n++) {
        ensemble.background(() => {
          throw error;
        });
      }
    });
    expect(logged).toEqual([error]);
  });

  test("tells of outcomes, errors too, to outer ensembles as well", async () => {
    const inner: unknown[] = [];
    const outer: unknown[] = [];
    const logger = { error: () => {} };
    await new Ensemble({ onPromiseResolved: (_, outcome) => void outer.push(outcome) }).run(async () => {
      const onPromiseResolved = async (_: object, outcome: unknown) => void inner.push(outcome);
      await new Ensemble({ logger, onPromiseResolved }).run(async () => {
        const message = new MessagePromise({ streamer: ["a", "b"] });
        await message;
        new MessagePromise({
          streamer: () => {
            throw new Error("no text");
          },
        });
      });
    });
    expect(inner.map(String)).toEqual(["ab", "Error: no text"]);
    expect(outer).toEqual(inner);
  });
});

describe("persistence", () => {
  test("gets each message once, those in it first, and the record of the call", async () => {
    const batches: (readonly Message[])[] = [];
    const ensemble = new Ensemble({ onPersistMessages: async (messages) => void batches.push(messages) });
    await ensemble.run(async () => {
      const [reply] = await echo.trigger(["Hello"]);
      const joined = await new MessageSequencePromise([reply ?? "", reply ?? ""]).asSingleTextPromise();
      expect(joined.subMessages()).toEqual([reply, reply]);
    });
    const stored = batches.flat();
    expect(new Set(stored).size).toBe(stored.length);
    expect(stored.map((message) => message.class_).sort()).toEqual([
      "AgentCallNode",
      "AgentReplyNode",
      "TextMessage",
      "TextMessage",
      "TextMessage",
    ]);
    for (const [at, message] of stored.entries()) {
      for (const inner of message.subMessages()) expect(stored.indexOf(inner)).toBeLessThan(at);
    }
    const call = stored.find((message) => message.class_ === "AgentCallNode");
    expect(call?.serialize()).toMatchObject({ agent: "ECHO", messages__hash_keys: [expect.any(String)] });
  });

  test("tries again what a handler has failed with, and only with that handler", async () => {
    const good: Message[] = [];
    const flaky: Message[] = [];
    let failures = 1;
    const logged: unknown[] = [];
    const ensemble = new Ensemble({
      logger: { error: (_, error) => logged.push(error) },
      onPersistMessages: [
        (messages) => void good.push(...messages),
        (messages) => {
          if (failures-- > 0) throw new Error("store is down");
          flaky.push(...messages);
        },
      ],
    });
    await ensemble.run(async () => {
      const [message] = await new MessageSequencePromise("Hello");
      await sleep(1);
      expect(good).toEqual([message]);
      expect(flaky).toEqual([]);
      const stored = await ensemble.persistMessages(message ? [message, message] : []);
      expect(stored).toEqual([message]);
      expect(await ensemble.persistMessages(message ? [message] : [])).toEqual([]);
      expect(flaky).toEqual([message]);
    });
    expect(good).toHaveLength(1);
    expect(logged).toEqual([new Error("store is down")]);
  });

  test("can be waited for before the replies end", async () => {
    const stored: string[] = [];
    const ensemble = new Ensemble({
      awaitReplyPersistence: true,
      onPersistMessages: async (messages) => {
        await sleep(5);
        stored.push(...messages.map(String));
      },
    });
    await ensemble.run(async () => {
      await readAll(echo.trigger("x"));
      expect(stored).toContain("echo x");
    });
  });
});
