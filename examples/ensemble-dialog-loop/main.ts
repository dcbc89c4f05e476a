// A dialog of your own making: a user agent that shows and asks, an assistant, and a loop around them.
import process from "node:process";
import { createInterface } from "node:readline/promises";
import { AWAIT, agentLoop, DialogEnd, Ensemble, miniagent } from "@millrace/ensemble";

// At a terminal you type; elsewhere this is typed for you.
const terminal = process.stdin.isTTY ? createInterface(process.stdin, process.stdout) : undefined;
terminal?.once("close", () => process.exit());
const script = ["hi", "nice!", "bye"];

async function ask(): Promise<string> {
  if (terminal) return terminal.question("USER: ");
  const line = script.shift();
  console.log(`USER: ${line ?? ""}`);
  if (line === undefined) throw new DialogEnd();
  return line;
}

const user = miniagent(async function user(ctx) {
  for await (const message of ctx.messages) {
    process.stdout.write("ASSISTANT: ");
    for await (const token of message) process.stdout.write(String(token));
    console.log();
  }
  ctx.reply(await ask());
});

const assistant = miniagent(async function assistant(ctx) {
  ctx.reply(`You said "${await ctx.messages.asSingleTextPromise()}"`);
});

await new Ensemble().run(async () => {
  // AWAIT: the assistant is called when the user has said something, not before.
  await agentLoop([user, AWAIT, assistant], { endsQuietly: true }).trigger();
});
