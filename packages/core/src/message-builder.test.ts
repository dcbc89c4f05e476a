import { describe, expect, it } from "vitest";
import { MessageBuilder } from "./message-builder.ts";
import { noUsage } from "./usage.ts";

describe("MessageBuilder", () => {
  it("puts the parts in the order in which they began and numbers them so", () => {
    const builder = new MessageBuilder();
    const events = [
      builder.reasoning("think", 0),
      builder.text("Hel", 1),
      builder.toolCall(2, "look", "c1"),
      builder.toolArgs(2, '{"a":'),
      builder.text("lo", 1),
      builder.toolArgs(2, "1}"),
      builder.refusal("no", 3),
      builder.text("again", 4),
    ];
    expect(events.map((event) => event && "part" in event && event.part)).toEqual([0, 1, false, false, 1, false, 3, 4]);
    expect(builder.message().content).toEqual([
      { type: "reasoning", text: "think" },
      { type: "text", text: "Hello" },
      { type: "tool-call", callId: "c1", name: "look", args: { a: 1 } },
      { type: "refusal", text: "no" },
      { type: "text", text: "again" },
    ]);
  });

  it("keeps text, reasoning and refusal of one slot apart", () => {
    const builder = new MessageBuilder();
    const parts = [builder.text("a", 0), builder.reasoning("b", 0), builder.refusal("c", 0)].map(({ part }) => part);
    expect(parts).toEqual([0, 1, 2]);
    expect(builder.message().content).toEqual([
      { type: "text", text: "a" },
      { type: "reasoning", text: "b" },
      { type: "refusal", text: "c" },
    ]);
  });

  it("gives every call an id of its own", () => {
    const builder = new MessageBuilder();
    const ids = [
      builder.toolCall(0, "a", "same"),
      builder.toolCall(1, "b", "same"),
      builder.toolCall(2, "c", null),
      builder.toolCall(3, "d", ""),
    ];
    expect(new Set(ids.map(({ callId }) => callId)).size).toBe(4);
    expect(ids[0]?.callId).toBe("same");
    expect(builder.toolArgs(1, "{}")?.callId).toBe(ids[1]?.callId);
  });

  it("has no arguments for a call that has not begun", () => {
    expect(new MessageBuilder().toolArgs(0, "{}")).toBeUndefined();
  });

  it("keeps arguments that are no JSON object", () => {
    const builder = new MessageBuilder();
    builder.toolCall(0, "look", "c1");
    builder.toolArgs(0, "[1]");
    expect(builder.message().content).toEqual([
      { type: "tool-call", callId: "c1", name: "look", args: {}, invalidArgs: "[1]" },
    ]);
  });

  it("leaves out what is empty, unless it carries something", () => {
    const builder = new MessageBuilder();
    builder.text("", 0);
    builder.openReasoning(1);
    builder.attach(1, "wire", { signature: "s" });
    builder.refusal("", 2);
    expect(builder.message().content).toEqual([
      { type: "reasoning", text: "", providerData: { wire: { signature: "s" } } },
      { type: "refusal", text: "" },
    ]);
  });

  it("merges what is attached under one wire", () => {
    const builder = new MessageBuilder();
    builder.text("a", 0);
    builder.attach(0, "wire", { id: "1" });
    builder.attach(0, "wire", { phase: "x" });
    builder.attach(0, "other", { id: "2" });
    builder.attach("nobody", "wire", { id: "3" });
    expect(builder.message().content[0]).toHaveProperty("providerData", {
      wire: { id: "1", phase: "x" },
      other: { id: "2" },
    });
  });

  it("puts whole parts in their place and replaces them there", () => {
    const builder = new MessageBuilder();
    builder.put("s", { type: "provider-tool", callId: "s", name: "search" });
    builder.text("found");
    builder.put("s", { type: "provider-tool", callId: "s", name: "search", output: 1 });
    expect(builder.message().content).toEqual([
      { type: "provider-tool", callId: "s", name: "search", output: 1 },
      { type: "text", text: "found" },
    ]);
  });

  it("closes with the message and the reason", () => {
    const builder = new MessageBuilder();
    builder.text("a");
    const providerData = { wire: { id: "r1" } };
    expect(builder.finish({ reason: "stop", rawReason: "end_turn", usage: noUsage, providerData })).toEqual({
      type: "finish",
      message: { role: "assistant", content: [{ type: "text", text: "a" }], providerData },
      reason: "stop",
      rawReason: "end_turn",
      usage: noUsage,
    });
  });
});
