import { PassThrough, Writable } from "node:stream";
import { afterEach, expect, test, vi } from "vitest";
import { AssistantMessage, DialogEnd, Ensemble, MessagePromise, miniagent, UserMessage } from "../index.ts";
import { consoleInput, consoleOutput, consoleUserAgent } from "../node.ts";

/** An output that keeps what is written; as a terminal, if `isTTY`. */
function screen(isTTY = false): { output: Writable; shown: () => string } {
  let text = "";
  const output = new Writable({
    decodeStrings: false,
    write(chunk, _, done) {
      text += String(chunk);
      done();
    },
  });
  return { output: Object.assign(output, { isTTY }), shown: () => text };
}

const quiet = { logger: { error: () => {} } };

afterEach(() => {
  vi.unstubAllEnvs();
});

test("the console shows who says what, and passes it on", async () => {
  const { output, shown } = screen();
  const passed = await new Ensemble().run(async () =>
    consoleOutput({ output }).trigger([
      new AssistantMessage("Hello\nthere", { agent_alias: "GREETER" }),
      new UserMessage("Hi"),
      "no role",
    ]),
  );
  expect(shown()).toBe("\nGREETER: Hello\nthere\n\nUSER: Hi\n\nASSISTANT: no role\n");
  expect(passed.map(String)).toEqual(["Hello\nthere", "Hi", "no role"]);
});

test("the assistant has a style at a terminal, not with NO_COLOR; a model commands no terminal", async () => {
  const messages = [new UserMessage("a"), new AssistantMessage("b\u001b[2Jc\u0007")];
  vi.stubEnv("NO_COLOR", "");
  const colored = screen(true);
  await new Ensemble().run(async () =>
    consoleOutput({ output: colored.output, assistantStyle: "1" }).trigger(messages),
  );
  expect(colored.shown()).toBe("\nUSER: a\n\n\u001b[1mASSISTANT: \u001b[0m\u001b[1mb[2Jc\u001b[0m\n");
  vi.stubEnv("NO_COLOR", "1");
  const plain = screen(true);
  await new Ensemble().run(async () =>
    consoleOutput({ output: plain.output, mentionAliases: false, defaultRole: "user" }).trigger(messages),
  );
  expect(plain.shown()).toBe("\na\n\nb[2Jc\n");
});

test("tokens are shown as they come", async () => {
  const { output, shown } = screen();
  let goOn = (): void => {};
  const halt = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  await new Ensemble().run(async () => {
    const message = new MessagePromise({
      streamer: async function* () {
        yield "one ";
        await halt;
        yield "two";
      },
    });
    consoleOutput({ output }).trigger(message);
    await vi.waitUntil(() => shown() === "\nASSISTANT: one ");
    goOn();
  });
  expect(shown()).toBe("\nASSISTANT: one two\n");
});

test("each line of a pipe is a message, however it is cut; a blank one is none; the end of it ends the dialog", async () => {
  const input = new PassThrough();
  const { output, shown } = screen();
  const ask = consoleInput({ input, output, greeting: "Welcome\n" });
  for (const byte of Buffer.from("hé\r\n \nlast")) input.write(Buffer.from([byte]));
  input.end();
  await new Ensemble(quiet).run(async () => {
    const first = await ask.trigger();
    expect(first.map((message) => [message.class_, String(message)])).toEqual([["UserMessage", "hé"]]);
    expect((await ask.trigger("before")).map(String)).toEqual(["before"]);
    expect((await ask.trigger("before")).map(String)).toEqual(["before", "last"]);
    await expect(Promise.resolve(ask.trigger())).rejects.toThrow(DialogEnd);
  });
  expect(shown()).toBe("Welcome\n\nUSER: hé\n\nUSER:  \n\nUSER: last\nWelcome\n\nUSER: \n");
});

test('"exit" ends the dialog, and leaves the rest of the input alone', async () => {
  const input = new PassThrough();
  input.write(" exit \nmore\n");
  await new Ensemble(quiet).run(async () => {
    await expect(Promise.resolve(consoleInput({ input, ...screen() }).trigger())).rejects.toThrow(DialogEnd);
  });
  expect([input.isPaused(), input.listenerCount("data"), input.listenerCount("end")]).toEqual([true, 0, 0]);
});

test("who waits for the user is cut with the ensemble, and lets go of the input", async () => {
  const input = new PassThrough();
  const ensemble = new Ensemble();
  const { output, shown } = screen();
  const run = ensemble.run(() => consoleInput({ input, output }).trigger("before"));
  const reason = new Error("enough");
  const failed = expect(run).rejects.toBe(reason);
  await vi.waitUntil(() => shown().endsWith("USER: "));
  ensemble.cancel(reason);
  await failed;
  await vi.waitUntil(() => input.listenerCount("data") === 0);
});

test("a user at the console sees, says, and is remembered", async () => {
  const input = new PassThrough();
  const { output, shown } = screen();
  const user = consoleUserAgent({ input, output, prompt: "> ", greeting: "" });
  const assistant = miniagent(async function assistant(ctx) {
    ctx.reply(new AssistantMessage(`${(await ctx.messages).length}`));
  });
  input.write("a\nb\nexit\n");
  await new Ensemble(quiet).run(async () => {
    const first = user.trigger();
    const second = user.trigger(assistant.trigger(first));
    expect((await second).map(String)).toEqual(["a", "1", "b"]);
  });
  expect(shown()).toBe("\n> a\n\nASSISTANT: 1\n\n> b\n");
});
