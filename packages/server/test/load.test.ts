import { get } from "node:http";
import { createParser } from "eventsource-parser";
import { Agent, type Model } from "millrace";
import { expect, it } from "vitest";
import { createChatHandler, memoryEventLog } from "../src/index.ts";
import { authenticate, say, serve } from "./serve.ts";

/** What `bench/load.mjs` does with a thousand readers. */

const words = 100;

const model: Model = {
  provider: "own",
  id: "paced",
  async *stream() {
    for (let index = 0; index < words; index++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      yield { type: "text-delta", part: 0, text: `w${index} ` };
    }
    const usage = { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
    yield { type: "finish", message: { role: "assistant", content: [] }, reason: "stop", usage };
  },
};

it("loses and repeats nothing for many readers that are cut off at random, again and again", async () => {
  const handler = createChatHandler(new Agent({ name: "a", model }), { authenticate, log: memoryEventLog() });
  await using server = await serve(handler);
  let cuts = 0;
  const readers = await Promise.all(
    Array.from({ length: 60 }, async (_, reader) => {
      const response = await say(server.url, "Go", { chatId: `c${reader}` });
      const runId = response.headers.get("x-run-id");
      await response.body?.cancel();
      const seen: { seq: number; text?: string; type: string }[] = [];
      while (seen.at(-1)?.type !== "final") {
        // A pattern that is another one for each reader.
        const limit = 1 + ((reader * 7 + seen.length * 13) % 29);
        await readSome(`${server.url}?run=${runId}`, seen, limit);
        cuts++;
      }
      return seen;
    }),
  );
  expect(cuts).toBeGreaterThan(300);
  for (const seen of readers) {
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index));
    expect(seen.filter(({ type }) => type === "text-delta").map(({ text }) => text)).toEqual(
      Array.from({ length: words }, (_, index) => `w${index} `),
    );
  }
}, 30_000);

/** Reads on after the last event, and cuts the connection when so many more have come. */
function readSome(url: string, seen: { seq: number; type: string }[], limit: number): Promise<void> {
  const last = seen.at(-1);
  return new Promise((resolve) => {
    const headers = { "x-user": "ada", ...(last && { "last-event-id": String(last.seq) }) };
    const request = get(url, { headers, agent: false }, (response) => {
      let left = limit;
      const parser = createParser({
        onEvent: ({ data }) => {
          if (left-- > 0) seen.push(JSON.parse(data));
          else response.destroy();
        },
      });
      response.setEncoding("utf8");
      response.on("data", (text) => parser.feed(text));
      response.on("error", () => {});
      response.on("close", resolve);
    });
    request.on("error", () => resolve());
  });
}
