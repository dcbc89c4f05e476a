import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import * as mini from "zod/mini";
import { z as z3 } from "zod/v3";
import { ConfigError } from "./errors.ts";
import { adaptArguments, adaptSchema, describeIssues } from "./schema-adapter.ts";
import type { Schema } from "./standard-schema.ts";

const json = {
  type: "object",
  properties: {
    city: { type: "string" },
    days: { type: "array", items: { type: "object", properties: { n: { type: "number" } } } },
  },
  required: ["city"],
  additionalProperties: false,
} as const;

const schemas: Record<string, Schema> = {
  "zod 4": z.object({ city: z.string(), days: z.array(z.object({ n: z.number() })).optional() }),
  "zod/mini": mini.object({ city: mini.string(), days: mini.optional(mini.array(mini.object({ n: mini.number() }))) }),
  "zod 3": z3.object({ city: z3.string(), days: z3.array(z3.object({ n: z3.number() })).optional() }),
  valibot: toStandardJsonSchema(v.object({ city: v.string(), days: v.optional(v.array(v.object({ n: v.number() }))) })),
  arktype: type({ city: "string", "days?": type({ n: "number" }).array() }),
  "JSON Schema": json,
  "JSON Schema 2020-12": { $schema: "https://json-schema.org/draft/2020-12/schema", ...json },
};

describe("adaptSchema", () => {
  for (const [name, schema] of Object.entries(schemas)) {
    describe(name, () => {
      const adapter = adaptSchema(schema, "input");

      it("tells the model what is expected", async () => {
        const shown = await adapter.jsonSchema();
        expect(shown).toMatchObject({ type: "object", required: ["city"], properties: { city: { type: "string" } } });
        expect(shown).not.toHaveProperty("$schema");
        expect(await adapter.jsonSchema()).toBe(shown);
      });

      it("takes what fits", async () => {
        const value = { city: "Tokyo", days: [{ n: 1 }] };
        expect(await adapter.validate(value)).toEqual({ ok: true, value });
      });

      it("says what does not fit, and where", async () => {
        const checked = await adapter.validate({ city: "Tokyo", days: [{ n: 1 }, { n: "two" }] });
        expect(checked).toMatchObject({ ok: false, issues: [{ path: "days[1].n" }] });
        expect((await adapter.validate({})).ok).toBe(false);
        expect((await adapter.validate(null)).ok).toBe(false);
      });
    });
  }

  it("gives what a schema makes of a value", async () => {
    const schema = z.object({ n: z.coerce.number().default(3), at: z.string().transform((text) => text.length) });
    expect(await adaptSchema(schema, "input").validate({ at: "abc" })).toEqual({ ok: true, value: { n: 3, at: 3 } });
  });

  it("waits for asynchronous checks", async () => {
    const schema = z.object({ id: z.string().refine(async (id) => id === "known", "nobody has this id") });
    const adapter = adaptSchema(schema, "input");
    expect((await adapter.validate({ id: "known" })).ok).toBe(true);
    expect(await adapter.validate({ id: "x" })).toEqual({
      ok: false,
      issues: [{ path: "id", message: "nobody has this id" }],
    });
  });

  it("follows the draft that a schema names", async () => {
    const tuple = { type: "array", prefixItems: [{ type: "string" }] };
    const newer = adaptSchema({ $schema: "https://json-schema.org/draft/2020-12/schema", ...tuple }, "input");
    expect((await newer.validate([1])).ok).toBe(false);
    expect((await newer.validate(["a", 1])).ok).toBe(true);
  });

  it("refuses at once what is no schema", () => {
    for (const schema of [null, "string", 7, [], undefined]) {
      expect(() => Reflect.apply(adaptSchema, undefined, [schema, "output"])).toThrow(ConfigError);
    }
  });

  it("refuses at once a schema of which no JSON Schema can be made", () => {
    expect(() => adaptSchema(z.object({ at: z.date() }), "tools[2].input")).toThrow(
      /^tools\[2\]\.input: no JSON Schema can be made of this zod schema: .*Date/,
    );
    expect(() => adaptSchema(v.object({}), "input")).toThrow(/^input: no JSON Schema .*toStandardJsonSchema/);
    const bare = { "~standard": { version: 1, vendor: "own", validate: (value: unknown) => ({ value }) } } as const;
    expect(() => adaptSchema(bare, "input")).toThrow(/^input: no JSON Schema .* give a JSON Schema/);
    const circular: { type: string; not?: object } = { type: "object" };
    circular.not = circular;
    expect(() => adaptSchema(circular, "input")).toThrow(/^input: not a usable JSON Schema: .*circular/);
  });

  it("names the option whose schema turns out to have none", async () => {
    const broken = {
      "~standard": { ...z3.string()["~standard"] },
      get _def(): never {
        throw new Error("broken");
      },
    };
    await expect(adaptSchema(broken, "input").jsonSchema()).rejects.toThrow(/^input: no JSON Schema/);
  });

  it("names the option whose JSON Schema cannot be used", async () => {
    const schema = { type: "object", properties: { a: { $ref: "#/nowhere" } } };
    await expect(adaptSchema(schema, "input").validate({ a: 1 })).rejects.toThrow(/^input: not a usable JSON Schema/);
  });
});

describe("adaptArguments", () => {
  it("tells every model that arguments are an object", async () => {
    const shown = (schema: Schema): Promise<unknown> => adaptArguments(schema, "input").jsonSchema();
    expect(await shown({})).toEqual({ type: "object" });
    expect(await shown({ properties: { a: {} } })).toEqual({ type: "object", properties: { a: {} } });
    expect(await shown({ type: ["object", "null"] })).toEqual({ type: "object" });
    const either = z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]);
    expect(await shown(either)).toMatchObject({ type: "object", anyOf: [{}, {}] });
  });

  it("refuses at once the schema of anything else", () => {
    expect(() => adaptArguments({ type: "string" }, "tool.input")).toThrow(
      /^tool\.input: expected the schema of an object/,
    );
    expect(() => adaptArguments(z.string(), "tool.input")).toThrow(/^tool\.input: .* got one of type "string"/);
    expect(() => adaptArguments(z.array(z.string()), "tool.input")).toThrow(ConfigError);
  });
});

describe("describeIssues", () => {
  it("stays readable", () => {
    expect(
      describeIssues([
        { path: "", message: "no" },
        { path: "a[0]", message: "odd" },
      ]),
    ).toBe("no; a[0]: odd");
    const many = Array.from({ length: 14 }, (_, index) => ({ path: `a${index}`, message: "no" }));
    expect(describeIssues(many)).toMatch(/a9: no; and 4 more$/);
  });
});
