import * as ai7 from "ai";
import * as ai5 from "ai5";
import * as ai6 from "ai6";
import type { Message } from "millrace";
import { expect, it } from "vitest";
import { fromUIMessages } from "./from-ui-messages.ts";
import { toUIMessages } from "./to-ui-messages.ts";

const history: Message[] = [
  { role: "user", content: "Hi" },
  {
    role: "assistant",
    content: [
      { type: "reasoning", text: "Hm.", providerData: { anthropic: { signature: "secret" } } },
      { type: "text", text: "Looking." },
      { type: "provider-tool", callId: "p1", name: "web_search", input: { q: 1 }, output: ["hit"] },
      { type: "provider-tool", callId: "p2", name: "code", input: {}, isError: true },
      { type: "source", url: "https://example.org", title: "T" },
      { type: "image", data: "aGk=", mediaType: "image/png" },
      { type: "tool-call", callId: "c1", name: "look", args: { at: 1 } },
      { type: "tool-call", callId: "c2", name: "look", args: {}, invalidArgs: '{"at":' },
    ],
  },
  { role: "tool", callId: "c1", name: "look", content: "seen" },
  { role: "tool", callId: "c2", name: "look", content: "boom", isError: true },
  { role: "assistant", content: [{ type: "refusal", text: "I can't." }] },
  { role: "user", content: [{ type: "text", text: "And?" }] },
];

it("gives a page messages that come back as they were, without what is a provider's alone", async () => {
  const shown = toUIMessages(history);
  expect(shown.map(({ id, role }) => `${id} ${role}`)).toEqual([
    "message-0 user",
    "message-1 assistant",
    "message-5 user",
  ]);
  expect(JSON.stringify(shown)).not.toContain("secret");
  for (const validate of [ai5.validateUIMessages, ai6.validateUIMessages, ai7.validateUIMessages]) {
    const check: (options: { messages: unknown }) => Promise<unknown> = validate;
    await check({ messages: JSON.parse(JSON.stringify(shown)) });
  }
  const back = fromUIMessages(JSON.parse(JSON.stringify(shown))).messages;
  const expected = JSON.parse(JSON.stringify(history).replace(/,"providerData":\{"anthropic":\{[^}]*\}\}/, ""));
  expected[0].content = [{ type: "text", text: "Hi" }];
  expect(back).toEqual(expected);
});
