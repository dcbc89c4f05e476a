import type { Schema as ValidatorSchema } from "@cfworker/json-schema";
import { ConfigError, errorMessage, type Issue } from "./errors.ts";
import type { JsonSchema } from "./model.ts";
import type { Schema, StandardIssue, StandardSchema } from "./standard-schema.ts";

/** What a schema says of a value. */
export type Validation = { ok: true; value: unknown } | { ok: false; issues: readonly Issue[] };

/** One form for every kind of schema: what the model is told, and whether a value fits. */
export interface SchemaAdapter {
  /** The JSON Schema, made once. Throws {@link ConfigError} where the schema has none. */
  jsonSchema(): Promise<JsonSchema>;
  validate(value: unknown): Promise<Validation>;
}

/** What is made of a JSON Schema before a model is told of it. */
type Shape = (schema: JsonSchema) => JsonSchema;

/**
 * Adapts zod 4, zod 3, any Standard Schema that has a JSON Schema, or a JSON Schema.
 *
 * @param option where the schema was given, for the error
 */
export function adaptSchema(schema: Schema, option: string, shape: Shape = withoutDialect): SchemaAdapter {
  if (isStandard(schema)) return adaptStandard(schema, option, shape);
  if (isJsonSchema(schema)) return adaptJsonSchema(schema, option, shape);
  throw new ConfigError(
    option,
    "expected a Standard Schema (zod, valibot, arktype …) or a JSON Schema object, " +
      `got ${schema === null ? "null" : typeof schema}`,
  );
}

/**
 * Adapts the schema of a tool's arguments: what the model is told is always of type `object`.
 *
 * @param option where the schema was given, for the error
 */
export function adaptArguments(schema: Schema, option: string): SchemaAdapter {
  return adaptSchema(schema, option, (json) => asObject(withoutDialect(json), option));
}

function asObject(schema: JsonSchema, option: string): JsonSchema {
  const { type } = schema;
  if (type === "object") return schema;
  if (type === undefined || (Array.isArray(type) && type.includes("object"))) return { ...schema, type: "object" };
  throw new ConfigError(option, `expected the schema of an object, got one of type ${JSON.stringify(type)}`);
}

function adaptStandard(schema: StandardSchema, option: string, shape: Shape): SchemaAdapter {
  const { vendor, validate } = schema["~standard"];
  const failed = (cause: unknown): ConfigError =>
    new ConfigError(option, `no JSON Schema can be made of this ${vendor} schema: ${errorMessage(cause)}`, { cause });
  const made = attempt(() => standardJsonSchema(schema), failed);
  const check = async (value: unknown): Promise<Validation> => {
    const result = await validate(value);
    return result.issues ? { ok: false, issues: result.issues.map(toIssue) } : { ok: true, value: result.value };
  };
  if (typeof made !== "function") {
    const shown = Promise.resolve(shape(made));
    return { jsonSchema: () => shown, validate: check };
  }
  let loaded: Promise<JsonSchema> | undefined;
  return {
    jsonSchema() {
      loaded ??= made().then(shape, (cause: unknown) => Promise.reject(failed(cause)));
      return loaded;
    },
    validate: check,
  };
}

/** Made at once, so that a schema that cannot work is refused where it is given; or how to, where that must be loaded. */
function standardJsonSchema(schema: StandardSchema): JsonSchema | (() => Promise<JsonSchema>) {
  const { vendor, jsonSchema } = schema["~standard"];
  if (jsonSchema) return jsonSchema.input({ target: "draft-07" });
  // Both loaded only for those who use them: each is an optional peer.
  if (vendor === "zod" && isZod4(schema)) {
    return async () => {
      const { toJSONSchema } = await import("zod/v4/core");
      return { ...toJSONSchema(schema, { target: "draft-07", io: "input" }) };
    };
  }
  if (vendor === "zod" && isZod3(schema)) {
    return async () => {
      const { zodToJsonSchema } = await import("zod-to-json-schema");
      return { ...zodToJsonSchema(schema, { $refStrategy: "none" }) };
    };
  }
  throw new TypeError(
    vendor === "valibot"
      ? "wrap it with toStandardJsonSchema() of @valibot/to-json-schema"
      : "it lacks `~standard.jsonSchema`; use a version that has it, or give a JSON Schema",
  );
}

function attempt<T>(work: () => T, failed: (cause: unknown) => Error): T {
  try {
    return work();
  } catch (cause) {
    throw failed(cause);
  }
}

function adaptJsonSchema(schema: JsonSchema, option: string, shape: Shape): SchemaAdapter {
  // A schema is sent as JSON: one with a cycle is refused here.
  attempt(() => JSON.stringify(schema), unusable(option));
  let validator: Promise<(value: unknown) => Validation> | undefined;
  const shown = Promise.resolve(shape(schema));
  return {
    jsonSchema: () => shown,
    async validate(value) {
      validator ??= jsonSchemaValidator(schema, option);
      return (await validator)(value);
    },
  };
}

async function jsonSchemaValidator(schema: ValidatorSchema, option: string): Promise<(value: unknown) => Validation> {
  const { Validator } = await import("@cfworker/json-schema");
  const draft = String(schema.$schema ?? "").includes("2020-12") ? "2020-12" : "7";
  const validator = new Validator(schema, draft, false);
  return (value) => {
    try {
      const { valid, errors } = validator.validate(value);
      // Each failing keyword is reported at every level above it; the innermost says what is wrong.
      const innermost = errors.filter((error) => !/^(properties|items|allOf|\$ref)$/.test(error.keyword));
      const issues = (innermost.length ? innermost : errors).map((error) => ({
        path: pathOf(error.instanceLocation),
        // Some end in a full stop; they stand inside a sentence.
        message: error.error.replace(/\.$/, ""),
      }));
      return valid ? { ok: true, value } : { ok: false, issues };
    } catch (cause) {
      throw unusable(option)(cause);
    }
  };
}

function unusable(option: string): (cause: unknown) => ConfigError {
  return (cause) => new ConfigError(option, `not a usable JSON Schema: ${errorMessage(cause)}`, { cause });
}

function toIssue({ message, path = [] }: StandardIssue): Issue {
  return { path: joinPath(path.map((segment) => (typeof segment === "object" ? segment.key : segment))), message };
}

/** A JSON pointer (`#/items/0/name`) as a path. */
function pathOf(pointer: string): string {
  const keys = pointer.split("/").slice(1);
  const unescaped = keys.map((key) => decodeURIComponent(key).replaceAll("~1", "/").replaceAll("~0", "~"));
  return joinPath(unescaped.map((key) => (/^\d+$/.test(key) ? Number(key) : key)));
}

/** `items[0].name` */
function joinPath(keys: readonly PropertyKey[]): string {
  let path = "";
  for (const key of keys) path += typeof key === "number" ? `[${key}]` : path ? `.${String(key)}` : String(key);
  return path;
}

/** Issues as one readable line. */
export function describeIssues(issues: readonly Issue[]): string {
  const shown = issues.slice(0, 10).map(({ path, message }) => (path ? `${path}: ${message}` : message));
  return shown.join("; ") + (issues.length > shown.length ? `; and ${issues.length - shown.length} more` : "");
}

/** Providers refuse or count `$schema`; it says nothing to a model. */
function withoutDialect(schema: JsonSchema): JsonSchema {
  const { $schema: _, ...rest } = schema;
  return rest;
}

function isStandard(schema: unknown): schema is StandardSchema {
  // arktype's schemas are functions.
  return (typeof schema === "object" || typeof schema === "function") && schema !== null && "~standard" in schema;
}

function isJsonSchema(schema: unknown): schema is JsonSchema {
  return typeof schema === "object" && schema !== null && !Array.isArray(schema);
}

type Zod4 = Parameters<typeof import("zod/v4/core").toJSONSchema>[0];
type Zod3 = Parameters<typeof import("zod-to-json-schema").zodToJsonSchema>[0];

function isZod4(schema: object): schema is Zod4 & object {
  return "_zod" in schema;
}

function isZod3(schema: object): schema is Zod3 & object {
  return "_def" in schema && !("_zod" in schema);
}
