// A tool that begins before its arguments are complete: it writes the draft while the model still dictates it.
import { Agent, streamingTool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { z } from "zod";

const writeDraft = streamingTool({
  name: "write_draft",
  description: "Write a draft",
  input: z.object({ title: z.string(), body: z.string() }),
  async execute(partials) {
    let written = 0;
    // The newest state each time, and at last the whole, validated. It throws when the rest will never come.
    for await (const { title = "", body = "" } of partials) {
      if (written === 0 && body) console.log(`# ${title}`);
      process.stdout.write(body.slice(written));
      written = body.length;
    }
    console.log();
    return `${written} characters written`;
  },
});

const agent = new Agent({
  name: "writer",
  model: scriptedModel(
    [
      {
        toolCalls: [
          {
            name: "write_draft",
            args: { title: "The mill", body: "A mill stood by the river, and the river had other plans." },
          },
        ],
      },
      "The draft is written.",
    ],
    { delayMs: 10 },
  ),
  tools: [writeDraft],
});

for await (const event of agent.respond("Write a draft about a mill.", { userId: "u1", chatId: "c1" })) {
  // From here on the arguments are complete; the tool has been at work for a while.
  if (event.type === "tool-call-start") console.log("\n→ all arguments are there");
  if (event.type === "tool-result") console.log("←", event.result);
  if (event.type === "final") console.log(event.output);
}
