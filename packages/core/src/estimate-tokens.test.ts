import { describe, expect, it } from "vitest";
import { estimateRequest, estimateTokens } from "./estimate-tokens.ts";
import type { AssistantPart, Message } from "./messages.ts";

describe("an estimate", () => {
  it("is a token for four characters, a frame, and a round sum for what has none", () => {
    const parts: [AssistantPart, number][] = [
      [{ type: "text", text: "12345678" }, 2],
      [{ type: "reasoning", text: "1234" }, 1],
      [{ type: "refusal", text: "1234" }, 1],
      [{ type: "tool-call", callId: "c", name: "look", args: { a: 12 } }, 3],
      [{ type: "provider-tool", callId: "s", name: "search", input: "12", output: "12" }, 2],
      [{ type: "source", url: "https://x" }, 0],
      [{ type: "image", data: "" }, 1000],
      [{ type: "file", fileId: "f" }, 1000],
    ];
    for (const [part, tokens] of parts) {
      const message: Message = { role: "assistant", content: [part] };
      expect(estimateTokens(message), part.type).toBe(4 + tokens);
    }
    expect(estimateTokens({ role: "user", content: "12345" })).toBe(6);
  });

  it("of a request counts all that is sent", () => {
    const messages: Message[] = [{ role: "user", content: "1234" }];
    const tool = { name: "look", description: "Looks at it.", parameters: { type: "object" } };
    const request = { messages, tools: [], settings: {} };
    expect(estimateRequest(request)).toBe(5);
    expect(estimateRequest({ ...request, instructions: "12345678" })).toBe(7);
    expect(estimateRequest({ ...request, tools: [tool] })).toBe(14);
    expect(estimateRequest({ ...request, output: { name: "output", schema: { type: "string" } } })).toBe(10);
  });
});
