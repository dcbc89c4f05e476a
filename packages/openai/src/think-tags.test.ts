import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ThinkTags } from "./think-tags.ts";

function split(pieces: readonly string[]): { thought: string; text: string } {
  const tags = new ThinkTags();
  const all = [...pieces.flatMap((piece) => tags.push(piece)), ...tags.end()];
  const joined = (thinking: boolean) => all.map((one) => (one.thinking === thinking ? one.text : "")).join("");
  return { thought: joined(true), text: joined(false) };
}

describe("ThinkTags", () => {
  it.each([
    ["<think>a</think>b", "a", "b"],
    [" \n<think>a</think>\n\nb", "a", "\n\nb"],
    ["<think></think>b", "", "b"],
    ["<think>a < b </ c</think>d", "a < b </ c", "d"],
    ["<think>a", "a", ""],
    ["<think", "", "<think"],
    ["  x <think>a</think>", "", "  x <think>a</think>"],
    ["b <think>a</think>", "", "b <think>a</think>"],
    ["<thinking>a", "", "<thinking>a"],
    ["", "", ""],
  ])("splits %j into %j and %j, wherever it is cut", (whole, thought, text) => {
    const cuts = fc.uniqueArray(fc.nat({ max: whole.length }), { maxLength: 8 });
    fc.assert(
      fc.property(cuts, (places) => {
        const at = [0, ...places.sort((a, b) => a - b), whole.length];
        const pieces = at.slice(1).map((end, index) => whole.slice(at[index], end));
        expect(split(pieces)).toEqual({ thought, text });
      }),
    );
  });
});
