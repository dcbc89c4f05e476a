import type { MiniAgent } from "../miniagent.ts";
import { type UserAgentOptions, userAgent } from "../user-agent.ts";
import { type ConsoleInputOptions, consoleInput } from "./console-input.ts";
import { type ConsoleOutputOptions, consoleOutput } from "./console-output.ts";

/** Options of {@link consoleUserAgent}. */
export interface ConsoleUserAgentOptions
  extends Omit<UserAgentOptions, "input" | "output">,
    Pick<ConsoleInputOptions, "input" | "output" | "greeting" | "prompt">,
    Pick<ConsoleOutputOptions, "assistantStyle" | "mentionAliases" | "defaultRole"> {}

/** The user at the console as an agent: {@link consoleOutput}, {@link consoleInput} and a history, in this order. */
export function consoleUserAgent(options: ConsoleUserAgentOptions = {}): MiniAgent {
  const { input, output, greeting, prompt, assistantStyle, mentionAliases, defaultRole, ...rest } = options;
  const to = output && { output };
  return userAgent({
    alias: "CONSOLE_USER_AGENT",
    ...rest,
    output: consoleOutput({
      ...to,
      ...(assistantStyle !== undefined && { assistantStyle }),
      ...(mentionAliases !== undefined && { mentionAliases }),
      ...(defaultRole !== undefined && { defaultRole }),
    }),
    input: consoleInput({
      ...to,
      ...(input && { input }),
      ...(greeting !== undefined && { greeting }),
      ...(prompt !== undefined && { prompt }),
    }),
  });
}
