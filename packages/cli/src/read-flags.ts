import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { errorMessage } from "millrace";
import { closest } from "./closest.ts";
import { CommandError } from "./command-error.ts";

/** Reads the flags of a command. Throws {@link CommandError} for one that it does not have, naming the nearest. */
export function readFlags<const Options extends ParseArgsOptionsConfig>(
  command: string,
  args: readonly string[],
  options: Options,
): ReturnType<typeof parseArgs<{ options: Options; allowPositionals: true; strict: true }>> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new CommandError(explain(command, error, Object.keys(options)), 2, { cause: error });
  }
}

function explain(command: string, error: unknown, known: readonly string[]): string {
  const message = errorMessage(error);
  const help = `See: millrace ${command} --help`;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const flag = /'(-[^' ]*)/.exec(message)?.[1] ?? "a flag";
  if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    const meant = closest(flag.replace(/^-+/, ""), known);
    return `millrace ${command} has no flag ${flag}.${meant ? ` Did you mean --${meant}?` : ""} ${help}`;
  }
  if (code === "ERR_PARSE_ARGS_INVALID_OPTION_VALUE" && message.includes("does not take")) {
    return `${flag} takes no value. ${help}`;
  }
  return `${flag} needs a value. ${help}`;
}
