// A chat at the terminal, with its history in a Markdown file. Lines can be piped into it too.
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { dialogLoop, Ensemble, llmAgent, SystemMessage } from "@millrace/ensemble";
import { consoleUserAgent, markdownHistory } from "@millrace/ensemble/node";
import { Agent } from "millrace";
import { echoModel } from "millrace/testing";

const file = process.argv[2] ?? join(tmpdir(), `millrace-chat-${process.pid}.md`);

const dialog = dialogLoop({
  user: consoleUserAgent({ history: markdownHistory({ file }) }),
  // Stands for a model with a key.
  assistant: llmAgent(new Agent({ name: "echo-agent", model: echoModel({ delayMs: 5 }) })),
});

await new Ensemble({ userId: "u1", chatId: "c1" }).run(async () => {
  // The prompt goes to the assistant each time, and never into the history.
  await dialog.trigger(
    new SystemMessage(
      "Your job is to improve the styling and grammar of the sentences that the user throws at you. " +
        "Leave the sentences unchanged if they seem fine.",
    ),
  );
});
console.log(`\nThe chat is in ${file}`);
