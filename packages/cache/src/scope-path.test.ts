import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { MemoryCache } from "./memory-cache.ts";
import { isWithin, keyIn, nameOf, type PlacedKey, placeOf } from "./scope-path.ts";

const part = fc.oneof(fc.string({ unit: fc.constantFrom(":", "/", "%", "a", "3", "A", "*") }), fc.string(), lone());
const parts = fc.array(
  part.filter((each) => each !== ""),
  { maxLength: 3 },
);
const placed: fc.Arbitrary<PlacedKey> = fc.record({
  key: part,
  path: fc.record({ prefixes: parts, suffixes: parts }),
});

function lone(): fc.Arbitrary<string> {
  return fc.constantFrom("\ud800", "a\udfff", "%uD800");
}

describe("a full name", () => {
  it("is read back as what it was made of, and never said twice", () => {
    fc.assert(
      fc.property(placed, placed, (one, other) => {
        expect(placeOf(nameOf(one))).toEqual(one);
        expect(nameOf(one).isWellFormed()).toBe(true);
        expect(nameOf(one) === nameOf(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
    );
  });

  it("is within the scopes that it begins with, and in no other", () => {
    fc.assert(
      fc.property(placed, fc.nat(3), fc.nat(3), placed, (one, prefixes, suffixes, other) => {
        const name = nameOf(one);
        const outer = {
          prefixes: one.path.prefixes.slice(0, prefixes),
          suffixes: one.path.suffixes.slice(0, suffixes),
        };
        expect(isWithin(name, outer)).toBe(true);
        expect(keyIn(name, one.path)).toBe(one.key);
        const begins = (all: readonly string[], start: readonly string[]): boolean =>
          JSON.stringify(all.slice(0, start.length)) === JSON.stringify(start);
        expect(isWithin(name, other.path)).toBe(
          begins(one.path.prefixes, other.path.prefixes) && begins(one.path.suffixes, other.path.suffixes),
        );
      }),
    );
  });
});

describe("a runtime without async contexts", () => {
  it("has scopes all the same, and says what it cannot do", async () => {
    vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined);
    const cache = new MemoryCache();
    expect(() => cache.inScope({ prefix: "a" }, () => 1)).toThrow(expect.objectContaining({ option: "inScope" }));
    await cache.scoped({ prefix: "a" }).set("key", 1);
    expect(await cache.keys({ raw: true })).toEqual(["a:key"]);
    vi.restoreAllMocks();
  });

  it("refuses a scope that is none", () => {
    const scope = JSON.parse('{ "prefix": 7 }');
    expect(() => new MemoryCache().scoped(scope)).toThrow(expect.objectContaining({ option: "prefix" }));
  });
});
