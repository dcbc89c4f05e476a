import { encodingForModel } from "js-tiktoken";
import { describe, expect, it } from "vitest";
import { countTokens, tiktoken } from "./tiktoken.ts";

const texts = [
  "Hello, world!",
  "",
  "  \n\n\t",
  "Grüße aus Köln, 東京 🌞",
  '{"city":"Tokyo","days":[1,2,3]}',
  "function f(x) { return x * 2; }",
];

describe("countTokens", () => {
  it.for(["gpt-4o", "gpt-4", "gpt-3.5-turbo", "o3-mini"] as const)("counts as js-tiktoken does for %s", (model) => {
    const encoding = encodingForModel(model);
    for (const text of texts) expect(countTokens(text, model)).toBe(encoding.encode(text).length);
  });

  it("counts for models that nobody knows as for gpt-4o", () => {
    for (const model of [undefined, "", "llama3.2:3b", "claude-opus-5", "my-deployment", "__proto__"]) {
      for (const text of texts) expect(countTokens(text, model)).toBe(countTokens(text, "gpt-4o"));
    }
  });

  it("knows a model by the names that gateways and fine-tuning give it", () => {
    const text = "Grüße aus Köln, 東京 🌞";
    expect(countTokens(text, "gpt-4")).not.toBe(countTokens(text, "gpt-4o"));
    for (const model of ["openai/gpt-4", "ft:gpt-4:acme::abc"])
      expect(countTokens(text, model)).toBe(countTokens(text, "gpt-4"));
  });

  it("takes what looks like a special token for text", () => {
    expect(countTokens("<|endoftext|>")).toBeGreaterThan(1);
    expect(tiktoken.count("<|im_start|>", { provider: "p", id: "gpt-4o" })).toBeGreaterThan(1);
  });

  it("is quick with long words, and close to exact", () => {
    expect(countTokens("🌞".repeat(5000))).toBeGreaterThan(5000);
    const word = "ab1".repeat(400);
    const exact = encodingForModel("gpt-4o").encode(word).length;
    expect(Math.abs(countTokens(word) - exact)).toBeLessThan(exact / 25);
  });
});
