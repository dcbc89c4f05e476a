import { type Conversation, describeFixtures, loadConversations, startReplayServer } from "@millrace/fixtures";
import { isObject, type Message } from "millrace/provider";
import { expect, it } from "vitest";
import { anthropic, fromAnthropicMessages, toAnthropicMessages } from "../src/index.ts";

import { checkRequest } from "./check-request.ts";
import { collect, request } from "./requests.ts";

/**
 * The recorded exchanges, which the provider accepted: the first request and every answer, read by us, and what the
 * other client put in between (tool results, the user's next words) must encode to each of its next requests.
 */
describeFixtures("recorded conversations", { api: "anthropic-messages" }, () => {
  it.for(loadConversations({ api: "anthropic-messages" }))("$id", async (conversation) => {
    const server = await startReplayServer();
    try {
      await follow(conversation, async (responseText) => {
        const headers = { "content-type": responseText.startsWith("{") ? "application/json" : "text/event-stream" };
        const model = anthropic("claude", { apiKey: "test-key", baseURL: server.serve(responseText, { headers }) });
        const finish = (await collect(model, request())).at(-1);
        if (finish?.type !== "finish") throw new Error("expected a finish event");
        return finish.message;
      });
    } finally {
      await server.close();
    }
  });
});

async function follow({ steps }: Conversation, answer: (responseText: string) => Promise<Message>): Promise<void> {
  let history: Message[] = [];
  let sent = 0;
  for (const [i, step] of steps.entries()) {
    const body: unknown = step.request;
    if (!isHistory(body)) throw new Error(`step ${i}: expected a request with messages`);
    // What the other client added, beyond the answer: read together with all before it, for the names of tools.
    const read = fromAnthropicMessages(body);
    const before = i === 0 ? [] : fromAnthropicMessages({ ...body, messages: body.messages.slice(0, sent) });
    history.push(...read.slice(before.length));
    const encoded = toAnthropicMessages(history);
    expect(plain(encoded.messages)).toEqual(plain(body.messages));
    expect(plain(encoded.system ?? [])).toEqual(plain(body.system ?? []));
    expect(checkRequest(encoded)).toEqual([]);
    sent = body.messages.length + 1;
    history = [...history, await answer(step.responseText)];
  }
}

type History = Parameters<typeof fromAnthropicMessages>[0];

function isHistory(body: unknown): body is History {
  return isObject(body) && Array.isArray(body["messages"]);
}

/**
 * Without what may differ: marks of the cache, a text as a string or as a block, `is_error: false`, fields that this
 * client never sends back although the provider takes them (`citations`, `caller`) or that are null, blocks of white
 * space.
 */
function plain(value: unknown): unknown {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(plain);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(
    ([key, field]) =>
      field !== null &&
      !["cache_control", "citations", "caller"].includes(key) &&
      !(key === "is_error" && field === false),
  );
  return Object.fromEntries(
    kept.map(([key, field]) => [
      key,
      key === "content" && typeof field === "string" ? [{ type: "text", text: field }] : plain(field),
    ]),
  );
}
