import { describe, expect, it } from "vitest";
import type { AssistantMessage, Message, ToolMessage } from "../messages.ts";
import { checkHistory } from "./check-history.ts";

const call = (callId: string, name = "f") => ({ type: "tool-call", callId, name, args: {} }) as const;
const result = (callId: string, name = "f"): ToolMessage => ({ role: "tool", callId, name, content: "ok" });
const user: Message = { role: "user", content: "q" };
const calls: AssistantMessage = { role: "assistant", content: [{ type: "text", text: "t" }, call("a"), call("b")] };
const answer: AssistantMessage = { role: "assistant", content: [{ type: "text", text: "ok" }] };
const good: Message[] = [{ role: "system", content: "s" }, user, calls, result("a"), result("b"), answer];

function changed(change: (messages: Message[]) => void): Message[] {
  const messages = [...good];
  change(messages);
  return messages;
}

describe("checkHistory", () => {
  it("accepts a good history", () => {
    expect(checkHistory(good)).toEqual([]);
    expect(checkHistory([])).toEqual([]);
    expect(checkHistory([user, { role: "assistant", content: [{ type: "refusal", text: "" }] }])).toEqual([]);
  });

  const bad: Record<string, [Message[], string]> = {
    "a dropped result": [changed((all) => all.splice(4, 1)), "messages[2]: no result of b before messages[4]"],
    "calls at the end": [good.slice(0, 3), "messages[2]: no result of a, b before the end"],
    "a doubled result": [changed((all) => all.splice(4, 0, result("a"))), "messages[4]: a result of a, which"],
    "an orphan": [changed((all) => all.splice(2, 1)), "messages[2]: a result of a, which no call"],
    "results out of order": [
      changed((all) => all.splice(3, 2, result("b"), result("a"))),
      "the result of b comes before the one of a",
    ],
    "a message between": [
      changed((all) => all.splice(3, 0, user)),
      "messages[2]: no result of a, b before messages[3]",
    ],
    "another tool's name": [changed((all) => all.splice(3, 1, result("a", "g"))), "names g, the call names f"],
    "an empty answer": [[user, { role: "assistant", content: [] }], "messages[1]: the model's message is empty"],
    "an empty text": [
      [user, { role: "assistant", content: [{ type: "text", text: "" }] }],
      "messages[1]: the model's message is empty",
    ],
    "twice the same id": [
      [user, { role: "assistant", content: [call("a"), call("a")] }, result("a"), result("a")],
      "two calls have the id a",
    ],
    "a model's message first": [[answer], "the first message is not a user's"],
    "arguments that are no object": [
      // What a store gives back may be anything.
      JSON.parse(
        '[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"tool-call","callId":"a","name":"f","args":"{}"}]},{"role":"tool","callId":"a","name":"f","content":""}]',
      ),
      'the arguments of a are not an object but "{}"',
    ],
    "a role nobody knows": [
      JSON.parse('[{"role":"user","content":"q"},{"role":"model","content":"x"}]'),
      "expected the role",
    ],
  };
  for (const [name, [messages, problem]] of Object.entries(bad)) {
    it(`refuses ${name}`, () => expect(checkHistory(messages).join("\n")).toContain(problem));
  }
});
