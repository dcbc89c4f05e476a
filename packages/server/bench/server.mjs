/** The server of load.mjs: a chat endpoint of one system over a model that is paced alike for all. */
import { createServer } from "node:http";
import { createChatHandler, memoryEventLog } from "@millrace/server";
import { nodeListener } from "@millrace/server/node";
import { Agent } from "millrace";

const [system, options] = process.argv.slice(2);
const { deltas, everyMs, isFlood = false } = JSON.parse(options);
let made = 0;

/** The words of an answer. All runs share one timer, so that timers are no part of what is measured. */
async function* words(signal) {
  if (isFlood) {
    for (; !signal?.aborted && made < 500_000_000; made += 10_000) yield "x".repeat(10_000);
    return;
  }
  for (let index = 0; index < deltas; index++) {
    await nextTick();
    yield `w${index} `;
  }
}

const waiting = [];
setInterval(() => {
  for (const resolve of waiting.splice(0)) resolve();
}, everyMs);
function nextTick() {
  return new Promise((resolve) => waiting.push(resolve));
}

const handler = system === "ai-sdk" ? await aiSdkHandler() : millraceHandler();
const server = createServer(nodeListener(handler));
server.listen(0, "127.0.0.1", 4096);

let peak = { rss: 0, heap: 0 };
const look = () => {
  const { rss, heapUsed } = process.memoryUsage();
  peak = { rss: Math.max(peak.rss, rss), heap: Math.max(peak.heap, heapUsed) };
};
setInterval(look, 200);
server.on("listening", () => {
  const before = process.cpuUsage();
  process.send({ port: server.address().port, rss: process.memoryUsage.rss() });
  process.on("message", () => {
    look();
    const { user, system: kernel } = process.cpuUsage(before);
    process.send({ cpuMs: (user + kernel) / 1000, ...peak, made });
  });
});

function millraceHandler() {
  const model = {
    provider: "bench",
    id: "bench",
    async *stream(_request, { signal }) {
      let text = "";
      for await (const word of words(signal)) {
        if (!isFlood) text += word;
        yield { type: "text-delta", part: 0, text: word };
      }
      yield {
        type: "finish",
        message: { role: "assistant", content: [{ type: "text", text }] },
        reason: "stop",
        usage: { inputTokens: 1, outputTokens: deltas, cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 },
      };
    },
  };
  return createChatHandler(new Agent({ name: "bench", model }), {
    authenticate: () => "ada",
    ...(system === "millrace-log" && { log: memoryEventLog() }),
  });
}

/** As its documentation shows an endpoint. */
async function aiSdkHandler() {
  const { streamText } = await import("ai");
  const model = {
    specificationVersion: "v4",
    provider: "bench",
    modelId: "bench",
    supportedUrls: {},
    doStream: async ({ abortSignal }) => ({ stream: ReadableStream.from(parts(abortSignal)) }),
  };
  async function* parts(signal) {
    yield { type: "stream-start", warnings: [] };
    yield { type: "text-start", id: "0" };
    for await (const word of words(signal)) yield { type: "text-delta", id: "0", delta: word };
    yield { type: "text-end", id: "0" };
    yield {
      type: "finish",
      finishReason: { unified: "stop", raw: "stop" },
      usage: {
        inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
        outputTokens: { total: deltas, text: deltas, reasoning: 0 },
      },
    };
  }
  return async (request) => {
    const { input } = await request.json();
    return streamText({ model, prompt: input, abortSignal: request.signal }).toUIMessageStreamResponse();
  };
}
