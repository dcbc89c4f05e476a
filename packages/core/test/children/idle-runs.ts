// Holds 10,000 runs that wait for their models, prints what memory they take, and stops them all.
import { Agent } from "../../src/agent.ts";
import type { Model } from "../../src/model.ts";
import { tool } from "../../src/tool.ts";
import { ids, tick } from "../loopback.ts";

const silent: Model = {
  provider: "own",
  id: "silent",
  async *stream(_, { signal }) {
    yield { type: "text-delta", text: "One ", part: 0 };
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
  },
};
const look = tool({ name: "look", description: "Looks", execute: () => "seen" });
const agent = new Agent({
  name: "a",
  model: silent,
  tools: [look],
  stop: { check: () => false },
  hooks: { onFinal: () => {} },
});
const controller = new AbortController();
let waiting = 0;
const runs = Array.from({ length: 10_000 }, async (_, index) => {
  const run = agent.respond("?", { userId: `u${index}`, chatId: ids.chatId, signal: controller.signal });
  for await (const event of run) if (event.type === "text-delta") waiting++;
  return run.final?.stopReason;
});
while (waiting < 10_000) await tick(10);
const { rss } = process.memoryUsage();
controller.abort("enough");
const stopped = (await Promise.all(runs)).filter((reason) => reason === "stopped").length;
console.log(JSON.stringify({ rss, stopped }));
