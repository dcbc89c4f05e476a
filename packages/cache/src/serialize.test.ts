import fc from "fast-check";
import { expect, it } from "vitest";
import { deserialize, serialize } from "./serialize.ts";

const leaf = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.double(),
  fc.boolean(),
  fc.bigInt(),
  fc.date(),
  fc.constantFrom(null, undefined, "\ud800", "</script>"),
  fc.uint8Array({ maxLength: 9 }),
  fc.float64Array({ maxLength: 9 }),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(
      fc.string().filter((key) => key !== "__proto__"),
      tie("value"),
      { maxKeys: 4, noNullPrototype: true },
    ),
    fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie("value"), { maxLength: 3 }).map((entries) => new Set(entries)),
  ),
}));

it("gives back what it was given, of any plain value", () => {
  fc.assert(
    fc.property(value, (given) => {
      fc.pre(given !== undefined);
      const text = serialize(given, "key");
      expect(text.isWellFormed()).toBe(true);
      expect(deserialize(text, "key")).toStrictEqual(given);
    }),
  );
});

it("takes what it did not write for corrupt, and lets it pollute nothing", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      try {
        deserialize(text, "key");
      } catch (error) {
        expect(error).toMatchObject({ name: "CacheError", kind: "corrupt", key: "key" });
      }
      expect(Object.keys(Object.prototype)).toEqual([]);
    }),
  );
});
