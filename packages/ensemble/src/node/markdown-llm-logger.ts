import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type AgentEvent, errorMessage } from "millrace";
import { EventToken } from "../event-token.ts";
import type { Fields } from "../frozen.ts";
import type { LlmLogArgs, LlmLogger } from "../llm-agent.ts";
import type { Message } from "../message.ts";
import type { MessagePromise } from "../message-promise.ts";
import { withoutText } from "../message-promise.ts";
import { type MiniAgentOptions, miniagent } from "../miniagent.ts";
import { isRole, writeMessage } from "./markdown-dialog.ts";

/** Options of {@link markdownLlmLogger}. */
export interface MarkdownLlmLoggerOptions extends MiniAgentOptions {
  /** Made where there is none. Default: `llm_logs`. */
  folder?: string;
  /** Told in each log, besides what is known of the request. */
  requestMetadata?: Fields;
  /** Whether a log ends with all fields of the answer. Default: true. */
  showResponseMetadata?: boolean;
}

/**
 * An agent that writes a Markdown file for each answer of an `llmAgent`: which agents led to it, the request, the dialog
 * with the calls of tools, and the answer's fields. Files are named `20250131_235959__123456__<model>__<3 digits>.md`.
 *
 * @example
 * ```ts
 * import { Ensemble } from "@millrace/ensemble";
 * import { markdownLlmLogger } from "@millrace/ensemble/node";
 *
 * const ensemble = new Ensemble({ userId: "u1", chatId: "c1", llmLogger: markdownLlmLogger({ folder: "logs" }) });
 * ```
 */
export function markdownLlmLogger({
  folder = "llm_logs",
  requestMetadata = {},
  showResponseMetadata = true,
  alias = "MARKDOWN_LLM_LOGGER",
  ...options
}: MarkdownLlmLoggerOptions = {}): LlmLogger {
  return miniagent<LlmLogArgs>(
    async (ctx, { request = {} }) => {
      const name = fileName(new Date(), request["model"]);
      // Its own name leads the trace.
      const parts = [`\`${ctx.agentTrace().slice(1).join(" <- ")}\`\n`, inJson({ ...requestMetadata, ...request })];
      let answer: Logged | undefined;
      for await (const message of ctx.messages) {
        answer = await read(message);
        parts.push(answer.text);
      }
      if (showResponseMetadata && answer) parts.push("\n", inJson(answer.fields));
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, name), parts.join(""));
    },
    { alias, ...options },
  );
}

interface Logged {
  readonly text: string;
  readonly fields: Fields;
}

/** A message as a part of the log. One that failed is there as far as it came. */
async function read(promise: MessagePromise | Message): Promise<Logged> {
  const said: string[] = [];
  let fields: Fields = promise.knownBeforehand.fields();
  try {
    for await (const token of promise) said.push(token instanceof EventToken ? told(token.event) : String(token));
    fields = (await promise).fields();
  } catch (error) {
    said.push(`\n\n[It failed: ${errorMessage(error)}]`);
  }
  const { role, model } = fields;
  const text = writeMessage({
    role: isRole(role) ? role : "user",
    model: typeof model === "string" ? model.replaceAll(/\s+/g, "-") : undefined,
    text: said.join(""),
  });
  return { text, fields: withoutText(fields) };
}

function told(event: AgentEvent): string {
  switch (event.type) {
    case "tool-call-start":
      return `\n\n[${event.name} is called with ${JSON.stringify(event.args)}]\n\n`;
    case "tool-result":
      return `[${event.name} gives ${JSON.stringify(event.result)}]\n\n`;
    case "tool-error":
      return `[${event.name} fails: ${event.error.message}]\n\n`;
    case "retry":
    case "model-switched":
      return "\n\n[The answer broke off, and is begun again]";
    default:
      return "";
  }
}

function inJson(fields: Fields): string {
  return `\n\`\`\`json\n${JSON.stringify(fields, undefined, 2)}\n\`\`\`\n`;
}

function fileName(now: Date, model: unknown): string {
  const two = (part: number): string => String(part).padStart(2, "0");
  const date = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join("");
  const fraction = `${String(now.getMilliseconds()).padStart(3, "0")}000`;
  const safeModel = String(model ?? "unknown").replaceAll(/[^\p{L}\p{N}._-]+/gu, "_");
  const random = Math.floor(Math.random() * 0x1000);
  return `${date}_${time}__${fraction}__${safeModel}__${random.toString(16).padStart(3, "0")}.md`;
}
