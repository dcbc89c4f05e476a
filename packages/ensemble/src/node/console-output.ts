import process from "node:process";
import type { MessagePromise } from "../message-promise.ts";
import { type MiniAgent, type MiniAgentOptions, miniagent } from "../miniagent.ts";

/** Options of {@link consoleOutput}. */
export interface ConsoleOutputOptions extends MiniAgentOptions {
  /** Where it writes. Default: `process.stdout`. */
  output?: NodeJS.WritableStream;
  /**
   * How a terminal shows what the assistant says: the numbers of an ANSI style. Nothing else has a style, and nothing has
   * one where the output is no terminal, or with `NO_COLOR`. Default: `92;1`, bold and bright green.
   */
  assistantStyle?: string;
  /** Whether each message begins with who says it. Default: true. */
  mentionAliases?: boolean;
  /** Who says what has no role. Default: `assistant`. */
  defaultRole?: string;
}

/** An agent that writes what it gets to the console as it comes, token by token, and passes it on. */
export function consoleOutput({
  output = process.stdout,
  assistantStyle = "92;1",
  mentionAliases = true,
  defaultRole = "assistant",
  alias = "CONSOLE_OUTPUT",
  ...options
}: ConsoleOutputOptions = {}): MiniAgent {
  const styled = (text: string, role: string): string =>
    text !== "" && role === "assistant" && showsStyles(output) ? `\u001b[${assistantStyle}m${text}\u001b[0m` : text;
  return miniagent(
    async (ctx) => {
      ctx.reply(ctx.messages);
      for await (const message of ctx.messages) {
        const role = fieldOf(message, "role") ?? defaultRole;
        const name = fieldOf(message, "agent_alias") ?? role.toUpperCase();
        output.write(`\n${styled(mentionAliases ? `${name}: ` : "", role)}`);
        for await (const token of message) output.write(styled(harmless(String(token)), role));
        output.write("\n");
      }
    },
    { alias, ...options },
  );
}

function fieldOf(message: Pick<MessagePromise, "knownBeforehand">, field: string): string | undefined {
  const value = message.knownBeforehand.get(field);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function showsStyles(output: NodeJS.WritableStream): boolean {
  return "isTTY" in output && output.isTTY === true && !process.env["NO_COLOR"];
}

/** What a model says is not to command a terminal. */
function harmless(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, "");
}
