// Three ways to stop an answer, and what is left of it: the text that had arrived, a valid history, the tokens spent.
import { Agent, type Final, type Message, type Run, textOf, tool } from "millrace";
import { checkHistory, scriptedModel } from "millrace/testing";

const longAnswer =
  "A mill race is the channel that leads the water of a stream to the wheel of a mill, and away from it again.";

function storyteller(): Agent {
  return new Agent({ name: "storyteller", model: scriptedModel([longAnswer], { delayMs: 10 }) });
}

const call = { userId: "u1", chatId: "c1" };

// 1. An AbortSignal: a stop button, a request that was closed, a timeout.
const button = new AbortController();
const bySignal = storyteller().respond("What is a mill race?", { ...call, signal: button.signal });
let words = 0;
for await (const event of bySignal) {
  if (event.type === "text-delta" && ++words === 5) button.abort("the user pressed stop");
}
show("signal", bySignal);

// 2. run.stop(): the stream goes on to `stopped` and `final`.
const byCall = storyteller().respond("What is a mill race?", call);
for await (const event of byCall) {
  if (event.type === "text-delta") byCall.stop("one word is enough");
  if (event.type === "stopped") console.log(`stopped by ${event.by}: ${event.reason}`);
}
show("run.stop()", byCall);

// 3. break: the reader leaves. There are no more events to read, but the run still ends in order.
const byLeaving = storyteller().respond("What is a mill race?", call);
for await (const event of byLeaving) {
  if (event.type === "text-delta") break;
}
show("break", byLeaving);

// A stop while a tool works: the tool's signal aborts, and its call gets a result that says so.
const slow = tool({
  name: "slow_search",
  description: "Search slowly",
  async execute(_args, { signal }) {
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
    return "never reached";
  },
});
const searcher = new Agent({
  name: "searcher",
  model: scriptedModel([{ toolCalls: [{ name: "slow_search" }] }]),
  tools: [slow],
});
const inTool = searcher.respond("Search!", call);
for await (const event of inTool) if (event.type === "tool-call-start") inTool.stop("enough");
show("in a tool", inTool);

function show(how: string, run: Run): void {
  const { final } = run;
  if (!final) throw new Error("every run that was started has a final");
  const { stopReason, output, usage } = final;
  console.log(`\n[${how}] ${stopReason}, kept: ${JSON.stringify(output)}`);
  console.log(`  history: ${final.history.messages.map(describe).join(" | ")}`);
  console.log(`  valid for the next request: ${isValid(final)}; usage is estimated: ${usage.estimated === true}`);
}

function describe(message: Message): string {
  return `${message.role} ${JSON.stringify(textOf(message))}`;
}

function isValid({ history }: Final): boolean {
  return checkHistory(history.messages).length === 0;
}
