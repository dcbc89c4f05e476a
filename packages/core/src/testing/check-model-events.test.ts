import { describe, expect, it } from "vitest";
import type { ModelEvent, ModelFinish } from "../model.ts";
import { noUsage } from "../usage.ts";
import { checkModelEvents } from "./check-model-events.ts";

const finish: ModelFinish = {
  type: "finish",
  message: {
    role: "assistant",
    content: [
      { type: "reasoning", text: "hm" },
      { type: "text", text: "one two" },
      { type: "text", text: "three" },
      { type: "tool-call", callId: "a", name: "f", args: { x: 1 } },
    ],
  },
  reason: "tool-calls",
  usage: noUsage,
};
const events: ModelEvent[] = [
  { type: "reasoning-delta", text: "hm", part: 0 },
  { type: "text-delta", text: "one ", part: 1 },
  { type: "text-delta", text: "two", part: 1 },
  { type: "text-delta", text: "three", part: 2 },
  { type: "tool-call-delta", callId: "a", name: "f", delta: "" },
  { type: "tool-call-delta", callId: "a", name: "f", delta: '{"x":1}' },
  finish,
];

describe("checkModelEvents", () => {
  it("accepts deltas that add up", () => expect(checkModelEvents(events)).toEqual([]));

  const bad: Record<string, [ModelEvent[], string]> = {
    "no finish": [events.slice(0, -1), "exactly one finish event, got 0"],
    "two finishes": [[...events, finish], "exactly one finish event, got 2"],
    "an event after the finish": [[finish, ...events.slice(0, -1)], "tool-call-delta comes after it"],
    "a lost delta": [
      events.toSpliced(2, 1),
      'text deltas do not add up to the finished message: at [0] "one " arrived',
    ],
    "one block too few": [events.toSpliced(3, 1), 'nothing arrived, "three" is in it'],
    "other arguments": [events.toSpliced(5, 1), "tool-call deltas do not add up"],
    "no reasoning deltas": [events.slice(1), "reasoning deltas do not add up"],
    "usage that is no number": [
      [...events.slice(0, -1), { ...finish, usage: { ...noUsage, outputTokens: Number.NaN } }],
      "expected usage.outputTokens to be an integer from 0, got NaN",
    ],
  };
  for (const [name, [given, problem]] of Object.entries(bad)) {
    it(`refuses ${name}`, () => expect(checkModelEvents(given).join("\n")).toContain(problem));
  }
});
