import { type JsonObject, list, object, objects, string } from "./json.ts";

/** How deep a schema that refers to itself is followed. */
const MAX_DEPTH = 6;

/** A schema with its `$ref`, `allOf` and alternatives worked in: of `anyOf` the first that is not null. */
export function resolveSchema(schema: JsonObject, root: JsonObject, depth = 0): JsonObject {
  if (depth > MAX_DEPTH) return {};
  const { $ref, anyOf, oneOf, allOf, ...own } = schema;
  const resolve = (part: JsonObject): JsonObject => resolveSchema(part, root, depth + 1);
  if (typeof $ref === "string") return { ...resolve(at(root, $ref)), ...own };
  if (allOf) {
    const parts = [...objects(allOf).map(resolve), own];
    const properties = Object.assign({}, ...parts.map((part) => object(part.properties)));
    return Object.assign({}, ...parts, { properties, required: parts.flatMap((part) => list(part.required)) });
  }
  const options = objects(anyOf ?? oneOf).map(resolve);
  if (options.length > 0) {
    const real = options.filter((option) => option.type !== "null");
    const constants = real.map((option) => option.const);
    const chosen = constants.every((value) => value !== undefined) ? { enum: constants } : real[0];
    return { ...own, ...chosen, nullable: real.length < options.length };
  }
  const types = list(own.type);
  if (types.length === 0) return own;
  return { ...own, type: types.find((type) => type !== "null"), nullable: types.includes("null") };
}

/** The schema's type, also where it is only to be seen from the other keywords. */
export function typeOf(schema: JsonObject): string {
  if (typeof schema.type === "string") return schema.type;
  if (schema.properties) return "object";
  if (schema.items) return "array";
  const sample = schema.const ?? list(schema.enum)[0];
  return sample === undefined ? "string" : typeof sample;
}

function at(root: JsonObject, ref: string): JsonObject {
  const path = ref.replace(/^#\/?/, "").split("/").filter(Boolean);
  return path.reduce((schema, key) => object(schema[key.replaceAll("~1", "/").replaceAll("~0", "~")]), root);
}

/** A value made to satisfy its schema's type and bounds. */
export function fitted(value: unknown, schema: JsonObject): unknown {
  if (value === null || schema.enum || schema.const !== undefined) return value;
  const type = typeOf(schema);
  if (type === "integer" || type === "number") return fitNumber(Number(value), schema, type === "integer");
  return type === "string" ? fitString(String(value), schema) : value;
}

function fitNumber(value: number, schema: JsonObject, whole: boolean): number {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const unit = typeof multipleOf === "number" ? multipleOf : whole ? 1 : 0;
  const above = typeof exclusiveMinimum === "number" ? exclusiveMinimum : Number.NEGATIVE_INFINITY;
  const below = typeof exclusiveMaximum === "number" ? exclusiveMaximum : Number.POSITIVE_INFINITY;
  const low = typeof minimum === "number" ? minimum : above;
  const high = typeof maximum === "number" ? maximum : below;
  const within = Math.min(Math.max(Number.isFinite(value) ? value : 1, low), high);
  if (unit > 0) {
    const rounded = Math.round(within / unit) * unit;
    if (rounded < low || rounded === above) return rounded + unit;
    return rounded > high || rounded === below ? rounded - unit : rounded;
  }
  if (within !== above && within !== below) return within;
  return Number.isFinite(above) && Number.isFinite(below) ? (above + below) / 2 : within + (within === above ? 1 : -1);
}

function fitString(value: string, schema: JsonObject): string {
  const { minLength, maxLength } = schema;
  let result = schema.format === "date" || schema.format === "date-time" ? isoDate(value, schema.format) : value;
  if (typeof minLength === "number") result = result.padEnd(minLength, ".");
  return typeof maxLength === "number" ? result.slice(0, maxLength) : result;
}

const DAY = 86_400_000;
const DAYS_AWAY = new Map([
  ["yesterday", -1],
  ["today", 0],
  ["tonight", 0],
  ["tomorrow", 1],
]);

function isoDate(value: string, format: "date" | "date-time"): string {
  const away = DAYS_AWAY.get(value.toLowerCase());
  const named =
    away === undefined ? Date.parse(/^\d{4}-/.test(value) ? value : `${value} UTC`) : Date.now() + away * DAY;
  const iso = new Date(Number.isNaN(named) ? Date.now() : named).toISOString();
  return format === "date" ? iso.slice(0, 10) : iso;
}

const SAMPLES = new Map<unknown, string>([
  ["email", "user@example.com"],
  ["uri", "https://example.com"],
  ["url", "https://example.com"],
  ["time", "12:00:00Z"],
  ["uuid", "00000000-0000-4000-8000-000000000000"],
  ["ipv4", "192.0.2.1"],
  ["date", "today"],
  ["date-time", "today"],
]);

/** A value for a field that no text speaks of: what the schema itself proposes. Undefined where it proposes nothing. */
export function proposed(schema: JsonObject): unknown {
  const given = schema.const ?? schema.default ?? list(schema.examples)[0] ?? list(schema.enum)[0];
  if (given !== undefined) return given;
  const example = /(?:e\.g\.|for example|such as)[,:]?\s*["'“`]?([^"'”`();\n]+)/i.exec(string(schema.description))?.[1];
  const type = typeOf(schema);
  if (type === "string") return example?.trim() ?? SAMPLES.get(schema.format);
  if (type === "integer" || type === "number") return Number.parseFloat(example ?? "1");
  return type === "boolean" ? false : undefined;
}
