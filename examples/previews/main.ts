// What can be shown before a tool has its result: its arguments as they arrive, a preview made of them, and the
// progress of the tool itself.
import { setTimeout as delay } from "node:timers/promises";
import { Agent, tool } from "millrace";
import { scriptedModel } from "millrace/testing";
import { z } from "zod";

const sendMail = tool({
  name: "send_mail",
  description: "Send an e-mail",
  input: z.object({ to: z.string(), subject: z.string(), body: z.string() }),
  // Called with half-arrived arguments while the model still writes them: anything may be missing.
  preview: ({ to = "…", subject = "…", body = "" }) => `draft to ${to}: ${subject} (${body.length} characters)`,
  // A generator: what it yields is progress, what it returns is the result.
  async *execute({ to }, { signal }) {
    for (const step of ["connecting", "sending"]) {
      yield step;
      await delay(20, undefined, { signal });
    }
    return `sent to ${to}`;
  },
});

const agent = new Agent({
  name: "secretary",
  model: scriptedModel([
    {
      toolCalls: [
        { name: "send_mail", args: { to: "ada@example.org", subject: "Lunch", body: "At noon, by the mill?" } },
      ],
    },
    "Done.",
  ]),
  tools: [sendMail],
});

for await (const event of agent.respond("Ask Ada for lunch at noon.", { userId: "u1", chatId: "c1" })) {
  switch (event.type) {
    case "tool-call-delta":
      // Parsed leniently when it is read; unfinished strings are kept. Never used to execute anything.
      console.log("arriving ", JSON.stringify(event.args));
      break;
    case "tool-progress":
      console.log("progress ", event.progress);
      break;
    case "tool-call-start":
      // From here on the arguments are complete and validated.
      console.log("executing", JSON.stringify(event.args));
      break;
    case "tool-result":
      if (sendMail.returned(event)) console.log("result   ", event.result.toUpperCase());
      break;
    default:
      break;
  }
}
