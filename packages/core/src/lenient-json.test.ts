import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseLenient } from "./lenient-json.ts";

describe("parseLenient", () => {
  it("reads what has arrived", () => {
    expect(parseLenient("")).toBeUndefined();
    expect(parseLenient("{")).toEqual({});
    expect(parseLenient('{"ci')).toEqual({});
    expect(parseLenient('{"city":"To')).toEqual({ city: "To" });
    expect(parseLenient('{"a":[1,{"b":"x')).toEqual({ a: [1, { b: "x" }] });
  });

  it("gives the whole at the end, and never throws before it", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), (value) => {
        const text = JSON.stringify(value);
        for (let end = 0; end < text.length; end++) parseLenient(text.slice(0, end));
        if (!text.includes("__proto__")) expect(parseLenient(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 50 },
    );
  });

  it("survives what is no JSON and what is bottomless", () => {
    for (const text of ["nonsense", "}", '{"a":}', "[".repeat(10_000)]) expect(() => parseLenient(text)).not.toThrow();
  });

  it("never makes a prototype of what came", () => {
    const object: unknown = parseLenient('{"__proto__":{"admin":true}}');
    expect(Object(object).admin).toBeUndefined();
    expect(Object(parseLenient('{"\\u005f_proto__":{"admin":true},"a":1}')).admin).toBeUndefined();
  });
});
