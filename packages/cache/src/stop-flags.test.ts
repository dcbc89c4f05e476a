import { Agent } from "millrace";
import { scriptedModel } from "millrace/testing";
import { expect, it } from "vitest";
import { MemoryCache } from "./memory-cache.ts";
import { stopFlags } from "./stop-flags.ts";

it("stops a run from elsewhere, and no other", async () => {
  const flags = stopFlags(new MemoryCache());
  const agent = new Agent({
    name: "talker",
    model: scriptedModel([{ text: "one two three four five" }, { text: "one two three four five" }], { delayMs: 20 }),
    stop: { check: flags.check, everyMs: 5 },
  });
  const who = { userId: "u", chatId: "c" };
  const run = agent.respond("Talk", who);
  for await (const event of run) if (event.type === "text-delta") await flags.stop(run.id);
  expect(run.final?.stopReason).toBe("stopped");
  expect((await agent.sendMessage("Talk", who)).stopReason).toBe("completed");
});
