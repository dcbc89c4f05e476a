// Drops runs in the middle without a word; prints how many of their connections were closed, and what rejected unheard.
import { Agent } from "../../src/agent.ts";
import { answering, httpModel, ids, serve, until } from "../loopback.ts";
import { collect } from "./collect.ts";

let unhandled = 0;
process.on("unhandledRejection", () => unhandled++);

await using server = await serve(answering("One", "two"));
const agent = new Agent({ name: "a", model: httpModel(server.url) });
const chat = agent.chat(ids);
const ended: string[] = [];

async function drop(): Promise<void> {
  const hooks = { onFinal: ({ stopReason }: { stopReason: string }) => ended.push(stopReason) };
  const { signal } = new AbortController();
  const runs = [agent.respond("?", { ...ids, signal, hooks }), chat.respond("?", { hooks })];
  for (const run of runs) for (let count = 0; count < 5; count++) await run.next();
}

await drop();
const { requests } = server;
for (let count = 0; count < 20 && ended.length < 2; count++) await collect();
await until(() => server.closed === requests);
const { output } = await chat.sendMessage("Free again?", {
  model: {
    provider: "own",
    id: "quick",
    async *stream() {
      yield {
        type: "finish",
        reason: "stop",
        message: { role: "assistant", content: [{ type: "text", text: "yes" }] },
        usage: { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 },
      };
    },
  },
});
console.log(JSON.stringify({ requests, closed: server.closed, ended, unhandled, output }));
