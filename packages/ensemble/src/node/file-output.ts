import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { SingleTextOptions } from "../message-sequence.ts";
import { type MiniAgent, type MiniAgentOptions, miniagent } from "../miniagent.ts";

/** Options of {@link fileOutput}. */
export interface FileOutputOptions
  extends MiniAgentOptions,
    Pick<SingleTextOptions, "delimiter" | "stripLeadingNewlines"> {}

/** An agent that writes the text of all it gets into a file, and passes it on. The folders of the file are made. */
export function fileOutput(
  file: string,
  { delimiter, stripLeadingNewlines, alias = "FILE_OUTPUT", ...options }: FileOutputOptions = {},
): MiniAgent {
  return miniagent(
    async (ctx) => {
      ctx.reply(ctx.messages);
      const text = await ctx.messages.asSingleTextPromise({
        ...(delimiter !== undefined && { delimiter }),
        ...(stripLeadingNewlines !== undefined && { stripLeadingNewlines }),
        referenceOriginalMessages: false,
        within: ctx,
      });
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, String(text));
    },
    { alias, ...options },
  );
}
