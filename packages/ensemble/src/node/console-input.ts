import process from "node:process";
import { UserMessage } from "../chat-messages.ts";
import { DialogEnd } from "../errors.ts";
import { type MiniAgent, type MiniAgentOptions, miniagent } from "../miniagent.ts";
import { linePrompt } from "./line-prompt.ts";
import { terminalPrompt } from "./terminal-prompt.ts";

/** Options of {@link consoleInput}. */
export interface ConsoleInputOptions extends MiniAgentOptions {
  /** Where the user types. Default: `process.stdin`. */
  input?: NodeJS.ReadableStream;
  /** Where the prompt is written. Default: `process.stdout`. */
  output?: NodeJS.WritableStream;
  /** Written where nothing was said yet. Default: how to send, and how to leave. */
  greeting?: string;
  /** Default: `USER: `. */
  prompt?: string;
}

const howTo = `YOU ARE NOW IN A CHAT WITH AN AI ASSISTANT

Press Enter to send your message.
Press Ctrl+Space to insert a newline.
Press Ctrl+C (or type "exit") to quit the conversation.
`;

/**
 * An agent that asks the user at the console. It passes on what it gets, waits until that is complete, and replies what the
 * user says; nothing, if it is blank. At a terminal Enter sends and Ctrl-Space begins a new line; elsewhere each line is a
 * message. "exit", Ctrl-C and the end of the input throw a `DialogEnd`.
 */
export function consoleInput({
  input = process.stdin,
  output = process.stdout,
  greeting = howTo,
  prompt = "USER: ",
  alias = "CONSOLE_INPUT",
  ...options
}: ConsoleInputOptions = {}): MiniAgent {
  const ask = "isTTY" in input && input.isTTY ? terminalPrompt(input, output) : linePrompt(input, output);
  return miniagent(
    async (ctx) => {
      ctx.reply(ctx.messages);
      const before = await ctx.messages;
      if (before.length === 0) output.write(greeting);
      output.write("\n");
      const said = await ask(prompt, ctx.signal);
      if (said === undefined || said.trim() === "exit") throw new DialogEnd();
      if (said.trim() !== "") ctx.reply(new UserMessage(said));
    },
    { alias, ...options },
  );
}
