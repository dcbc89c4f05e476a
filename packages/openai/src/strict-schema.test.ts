import { describe, expect, it } from "vitest";
import * as z from "zod";
import { strictSchema } from "./strict-schema.ts";

const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

describe("strictSchema", () => {
  it("closes objects that do not say whether they are open, and drops what says nothing about values", () => {
    const schema = {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      properties: { places: { type: "array", items: { ...city, default: { city: "Rome" } } } },
      required: ["places"],
    };
    expect(strictSchema(schema)).toEqual({
      type: "object",
      properties: { places: { type: "array", items: { ...city, additionalProperties: false } } },
      required: ["places"],
      additionalProperties: false,
    });
  });

  it("takes what zod makes of plain objects, unions, enums, null and references", () => {
    const node = z.object({
      name: z.string(),
      kind: z.enum(["a", "b"]),
      size: z.union([z.number(), z.null()]),
      get children() {
        return z.array(node);
      },
    });
    expect(strictSchema(z.toJSONSchema(node))).toBeDefined();
  });

  it.each([
    ["an optional property", { ...city, required: [] }],
    ["an open object", { ...city, additionalProperties: true }],
    ["a map", { ...city, additionalProperties: { type: "string" } }],
    ["a list at the top", { type: "array", items: city }],
    ["a union at the top", { type: "object", anyOf: [city] }],
    ["an unknown keyword", { ...city, patternProperties: {} }],
    ["an unknown format", { ...city, properties: { city: { type: "string", format: "uri" } } }],
    ["a keyword that strict mode lacks", { ...city, properties: { city: { type: "string", minLength: 1 } } }],
    ["anything", { ...city, properties: { city: true } }],
  ])("gives nothing for %s", (_, schema) => {
    expect(strictSchema(schema)).toBeUndefined();
  });

  it("gives nothing for a schema that is too deep", () => {
    let schema: object = { type: "string" };
    for (let depth = 0; depth < 12; depth++) {
      schema = { type: "object", properties: { a: schema }, required: ["a"] };
    }
    expect(strictSchema({ ...schema })).toBeUndefined();
  });
});
