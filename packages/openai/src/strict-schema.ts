import type { JsonSchema } from "millrace/provider";

/** Keywords of a schema that OpenAI's strict mode knows. */
const known = new Set([
  "type",
  "properties",
  "required",
  "additionalProperties",
  "items",
  "enum",
  "const",
  "anyOf",
  "$ref",
  "$defs",
  "definitions",
  "title",
  "description",
  "pattern",
  "format",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minItems",
  "maxItems",
]);

/** Keywords that say nothing about which values fit. */
const notes = new Set(["$schema", "$id", "$comment", "examples", "default", "deprecated", "readOnly", "writeOnly"]);

const formats = new Set(["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"]);

/** How deep strict mode lets a schema nest, and how many properties it may have in all. */
const maxDepth = 10;
const maxProperties = 5000;

/**
 * The schema as OpenAI's strict mode wants it, or undefined where that would change which values fit: strict mode has
 * no optional properties, no open objects and not every keyword. An object that does not say whether it is open is
 * closed: the model is held to what is described, and whatever it gives fits the original.
 */
export function strictSchema(schema: JsonSchema): JsonSchema | undefined {
  if (schema["type"] !== "object" || schema["anyOf"] !== undefined) return undefined;
  const budget = { properties: maxProperties };
  const strict = toStrict(schema, 1, budget);
  return strict && budget.properties >= 0 ? strict : undefined;
}

function toStrict(schema: unknown, depth: number, budget: { properties: number }): JsonSchema | undefined {
  if (!isSchema(schema) || depth > maxDepth) return undefined;
  const strict: { [keyword: string]: unknown } = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (notes.has(keyword)) continue;
    if (!known.has(keyword)) return undefined;
    const kept = toStrictKeyword(keyword, value, depth, budget);
    if (kept === undefined) return undefined;
    strict[keyword] = kept;
  }
  if (schema["type"] !== "object") return schema["properties"] === undefined ? strict : undefined;
  const names = Object.keys(isSchema(schema["properties"]) ? schema["properties"] : {});
  const required: unknown = schema["required"] ?? [];
  if (!Array.isArray(required) || names.some((name) => !required.includes(name))) return undefined;
  budget.properties -= names.length;
  return { properties: {}, ...strict, required: names, additionalProperties: false };
}

function toStrictKeyword(keyword: string, value: unknown, depth: number, budget: { properties: number }): unknown {
  switch (keyword) {
    case "properties":
    case "$defs":
    case "definitions":
      return mapAll(value, (child) => toStrict(child, keyword === "properties" ? depth + 1 : depth, budget));
    case "items":
      return toStrict(value, depth + 1, budget);
    case "anyOf": {
      const options = Array.isArray(value) ? value.map((option) => toStrict(option, depth, budget)) : [undefined];
      return options.includes(undefined) ? undefined : options;
    }
    case "additionalProperties":
      return value === false ? false : undefined;
    case "format":
      return typeof value === "string" && formats.has(value) ? value : undefined;
    default:
      return value;
  }
}

function mapAll(value: unknown, map: (child: unknown) => unknown): JsonSchema | undefined {
  if (!isSchema(value)) return undefined;
  const entries = Object.entries(value).map(([name, child]) => [name, map(child)] as const);
  return entries.some(([, child]) => child === undefined) ? undefined : Object.fromEntries(entries);
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
