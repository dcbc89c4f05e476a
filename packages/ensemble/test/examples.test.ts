import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** What an example prints. */
async function print(name: string, input = ""): Promise<string> {
  const file = fileURLToPath(new URL(`../../../examples/ensemble-${name}/main.ts`, import.meta.url));
  const child = spawn(process.execPath, ["--conditions=@millrace/source", file], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const printed = text(child.stdout);
  const closed = once(child, "close");
  child.stdin.end(input);
  expect(await closed).toEqual([0, null]);
  return printed;
}

test.concurrent("echo", async () => {
  expect(await print("echo")).toBe("You said: Hello\nYou said: World\n");
});

test.concurrent("print order", async () => {
  expect(await print("parallelism")).toBe(`PREPARING TO DELIVER MESSAGES FROM AGGREGATOR
Aggregator started
Aggregator still working
Aggregator finished
Agent 1 started
Agent 1 finished
Agent 2 started
Agent 2 finished
*** MESSAGE from Agent 1 ***
*** MESSAGE from Agent 2 ***
*** MESSAGE #1 from Aggregator ***
*** MESSAGE #2 from Aggregator ***
TOTAL NUMBER OF MESSAGES FROM AGGREGATOR: 4
`);
});

test.concurrent("a dialog of one's own making", async () => {
  expect(await print("dialog-loop")).toBe(`USER: hi
ASSISTANT: You said "hi"
USER: nice!
ASSISTANT: You said "nice!"
USER: bye
ASSISTANT: You said "bye"
USER: \n`);
});

test.concurrent("a model", async () => {
  expect(await print("model")).toMatch(
    /^\[get_mood: splendid\]\nHello! I am splendid, thank you\.\nscripted completed/,
  );
});

test.concurrent("a chat", async () => {
  expect(await print("chat", "hi\ngot it, thanks!\nexit\n")).toMatch(`YOU ARE NOW IN A CHAT WITH AN AI ASSISTANT

Press Enter to send your message.
Press Ctrl+Space to insert a newline.
Press Ctrl+C (or type "exit") to quit the conversation.

USER: hi

ECHO_AGENT: hi

USER: got it, thanks!

ECHO_AGENT: got it, thanks!

USER: exit

The chat is in `);
});

test.concurrent("research", async () => {
  expect(await print("research")).toBe(`1. Findings on "Who built the mill?"
2. Findings on "When did it stop?"
3. Findings on "Does it turn again?"
1. Findings on "Why is the pond dry?"
The report is here, and it is short.
`);
});
