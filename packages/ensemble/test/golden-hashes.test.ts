import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Ensemble, Frozen, float, Message, TextMessage } from "../src/index.ts";
import { pythonJson } from "../src/python-json.ts";

const vector = z.object({ name: z.string(), json: z.string(), sha256: z.string() });
const golden = z
  .object({
    plain: z.array(vector.extend({ class: z.string(), fields: z.record(z.string(), z.unknown()) })),
    nested: z.array(vector),
  })
  .parse(JSON.parse(readFileSync(new URL("golden-hashes.json", import.meta.url), "utf8"), revive));

/** What `JSON.parse` would not give back as it was written. */
function revive(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ("$float" in value) return float(Number(value.$float));
  if ("$number" in value) return Number(value.$number);
  if ("$bigint" in value) return BigInt(String(value.$bigint));
  return value;
}

describe("a message has the same hash key as in Python", () => {
  test.each(golden.plain)("$name", ({ class: className, fields, json, sha256 }) => {
    const message = className === "TextMessage" ? new TextMessage(fields) : new Message(fields);
    expect(pythonJson(message.serialize())).toBe(json);
    expect(message.hashKey).toBe(sha256.slice(0, 40));
  });

  const hello = new TextMessage("Hello");
  const empty = new TextMessage("");
  test.each([
    new Message({ title: "t", reply: hello }),
    new Message({ all: [hello, empty], deep: { one: hello } }),
    new Message({ mixed: ["x", hello] }),
  ])("nested messages: %#", (message) => {
    const at = message.get("title") ? 0 : message.get("all") ? 1 : 2;
    expect(pythonJson(message.serialize())).toBe(golden.nested[at]?.json);
    expect(message.hashKey).toBe(golden.nested[at]?.sha256.slice(0, 40));
  });

  test("all 64 digits where the ensemble says so, nested ones too", async () => {
    const { sha256 = "" } = golden.plain[1] ?? {};
    const message = new TextMessage("Hello");
    const parent = new Message({ message });
    expect(message.hashKey).toBe(sha256.slice(0, 40));
    await new Ensemble({ longHashKeys: true }).run(() => {
      expect(message.hashKey).toBe(sha256);
      expect(parent.serialize()).toEqual({ class_: "Message", message__hash_key: sha256 });
    });
  });

  test("half of a surrogate pair is escaped, and has a key of its own", () => {
    const keys = ["\ud800", "\udc00", "\ufffd"].map((text) => new TextMessage(text).hashKey);
    expect(new Set(keys).size).toBe(3);
    expect(pythonJson("\ud800")).toBe('"\\ud800"');
  });

  test("a plain frozen object has the messages in it inline", () => {
    expect(new Frozen({ hello }).serialize()).toEqual({
      class_: "Frozen",
      hello: { class_: "TextMessage", content: "Hello", content_template: null },
    });
  });
});
