import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseArgs } from "./parse-args.ts";

function nested(depth: number, open = '{"a":', close = "}"): string {
  return `${open.repeat(depth)}1${close.repeat(depth)}`;
}

describe("parseArgs", () => {
  it("takes nothing for no arguments", () => {
    for (const text of ["", " ", "\n\t"]) expect(parseArgs(text)).toEqual({ args: {} });
  });

  it("reads any JSON object", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes("__proto__"));
        expect(parseArgs(text)).toEqual({ args: JSON.parse(text) });
      }),
    );
  });

  it("keeps what is not a JSON object", () => {
    for (const text of [
      "null",
      "1",
      '"a"',
      "[]",
      '[{"a":1}]',
      "{",
      '{"a":1',
      "{a:1}",
      '{"a":1}x',
      "undefined",
      "{'a':1}",
    ]) {
      expect(parseArgs(text)).toEqual({ args: {}, invalidArgs: text });
    }
  });

  it("refuses a key that would become a prototype, however it is written and however deep", () => {
    const texts = [
      '{"__proto__":{"admin":true}}',
      '{"a":[{"b":{"__proto__":1}}]}',
      '{"\\u005f_proto__":{"admin":true}}',
      `{"a":"${"x".repeat(300)}","\\u005f\\u005fproto\\u005f\\u005f":{}}`,
    ];
    for (const text of texts) expect(parseArgs(text)).toEqual({ args: {}, invalidArgs: text });
    expect(parseArgs('{"text":"__proto__"}')).toEqual({ args: { text: "__proto__" } });
    expect(Object.hasOwn(Object.prototype, "admin")).toBe(false);
  });

  it("reads 200 levels and refuses more", () => {
    expect(parseArgs(nested(200)).invalidArgs).toBeUndefined();
    expect(parseArgs(nested(201)).invalidArgs).toBeDefined();
    expect(parseArgs(nested(100_000)).invalidArgs).toBeDefined();
    expect(parseArgs(`{"a":${nested(100_000, "[", "]")}}`).invalidArgs).toBeDefined();
  });

  it("reads a megabyte", () => {
    const args = { content: "é".repeat(1_000_000) };
    expect(parseArgs(JSON.stringify(args))).toEqual({ args });
  });
});
