import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { errorMessage, isMillraceError, maskSecrets } from "millrace";
import { closest } from "./closest.ts";
import { CommandError } from "./command-error.ts";

const help = `millrace: chat with an agent in the terminal, and look into its runs

Usage
  millrace chat [flags]                     talk to a model or to the agent of millrace.config.ts
  millrace inspect [file|folder|url] [flags]  show runs, recorded or live, in a page
  millrace <command> --help                 what a command can do
  millrace --version

Try it without a key
  millrace chat --simulate --record run.jsonl
  millrace inspect run.jsonl
`;

type Command = (args: readonly string[]) => Promise<number>;

/** Loaded when they are asked for: each needs other packages. */
const commands: { readonly [name: string]: () => Promise<Command> } = {
  chat: async () => (await import("./chat/chat-command.ts")).chatCommand,
  inspect: async () => (await import("./inspect/inspect-command.ts")).inspectCommand,
};

/** Does what the arguments say. Gives the exit code: 0, 1 for what failed, 2 for a wrong command, 130 after Ctrl-C. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    return await run(args);
  } catch (error) {
    const isExpected = error instanceof CommandError || isMillraceError(error);
    const detail = !isExpected && error instanceof Error && process.env["MILLRACE_DEBUG"] ? `\n${error.stack}` : "";
    console.error(`millrace: ${maskSecrets(errorMessage(error))}${detail}`);
    if (error instanceof CommandError) return error.exitCode;
    return 1;
  }
}

async function run([name, ...rest]: readonly string[]): Promise<number> {
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(help);
    return name === undefined ? 2 : 0;
  }
  if (name === "--version" || name === "-v") {
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!load) {
    const meant = closest(name, Object.keys(commands));
    const what = name.startsWith("-") ? "flag" : "command";
    throw new CommandError(
      `there is no ${what} ${name}.${meant ? ` Did you mean: millrace ${meant}?` : ""} See: millrace --help`,
    );
  }
  const command = await load();
  return command(rest);
}

function version(): string {
  const manifest: unknown = JSON.parse(
    readFileSync(fileURLToPath(import.meta.resolve("@millrace/cli/package.json")), "utf8"),
  );
  return String(Object(manifest).version);
}
