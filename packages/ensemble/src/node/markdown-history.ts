import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { HistoryArgs } from "../in-memory-history.ts";
import { type Message, type MessageClass, TextMessage } from "../message.ts";
import { type MiniAgent, type MiniAgentOptions, miniagent } from "../miniagent.ts";
import { isRole, type Role, readMessages, writeMessage } from "./markdown-dialog.ts";

/** Options of {@link markdownHistory}. */
export interface MarkdownHistoryOptions extends MiniAgentOptions {
  /** Its folders are made where there are none. Default: `CHAT.md`. */
  file?: string;
  /** Who has said what has no role, or another than `system`, `user` and `assistant`. Default: `assistant`. */
  defaultRole?: Role;
  /** Whether the file is added to. False: each call begins it anew. Default: true. */
  append?: boolean;
  /** Whether messages without a text are left out. Default: true. */
  skipEmpty?: boolean;
  /** Whether messages with a field `no_history` are kept too. Default: false. */
  ignoreNoHistory?: boolean;
  /** What is made of what was read. Default: `TextMessage`. */
  messageClass?: MessageClass;
}

/**
 * An agent that keeps all it gets in a Markdown file, and passes it on. The file can be read, and written, by people: what
 * it says is the history.
 *
 * @example
 * ```ts
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 * import { dialogLoop, llmAgent, SystemMessage } from "@millrace/ensemble";
 * import { consoleUserAgent, markdownHistory } from "@millrace/ensemble/node";
 *
 * const dialog = dialogLoop({
 *   user: consoleUserAgent({ history: markdownHistory({ file: "chats/monday.md" }) }),
 *   assistant: llmAgent(new Agent({ name: "assistant", model: echoModel() })),
 * });
 * ```
 */
export function markdownHistory({
  file = "CHAT.md",
  defaultRole = "assistant",
  append = true,
  skipEmpty = true,
  ignoreNoHistory = false,
  messageClass = TextMessage,
  alias = "MARKDOWN_HISTORY",
  ...options
}: MarkdownHistoryOptions = {}): MiniAgent<HistoryArgs> {
  const isKept = (message: Message): boolean =>
    (ignoreNoHistory || !message.get("no_history")) && !(skipEmpty && String(message).trim() === "");
  return miniagent<HistoryArgs>(
    async (ctx, { returnFullHistory = false }) => {
      if (!returnFullHistory) ctx.reply(ctx.messages);
      await prepare(file, append);
      for await (const promise of ctx.messages) {
        const message = await promise;
        if (isKept(message)) await appendFile(file, written(message, defaultRole));
      }
      if (!returnFullHistory) return;
      const messages = readMessages(await readFile(file, "utf8"));
      ctx.reply(messages.map(({ text, ...speaker }) => new messageClass({ ...speaker, content: text })));
    },
    { alias, ...options },
  );
}

/** Makes the file, and sees to it that what comes begins a line. */
async function prepare(file: string, append: boolean): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, "", { flag: append ? "a" : "w" });
  const before = await readFile(file, "utf8");
  if (before !== "" && !before.endsWith("\n")) await appendFile(file, "\n");
}

function written(message: Message, defaultRole: Role): string {
  const role = message.get("role");
  const model = message.get("model");
  return writeMessage({
    role: isRole(role) ? role : defaultRole,
    model: typeof model === "string" && model.trim() !== "" ? model.trim().replaceAll(/\s+/g, "-") : undefined,
    text: String(message),
  });
}
