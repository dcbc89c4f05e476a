import { isObject, type JsonObject, list, object, objects, string } from "./json.ts";

/** What OpenAI's strict mode refuses in a schema, at any depth. `where` names the schema in the message. */
function checkStrictSchema(schema: JsonObject, where: string, path: string[] = []): string[] {
  const context = `Invalid schema for ${where}: In context=(${path.map((key) => `'${key}'`).join(", ")})`;
  const wrong: string[] = [];
  const inner = (part: unknown, ...keys: string[]): string[] =>
    isObject(part) ? checkStrictSchema(part, where, [...path, ...keys]) : [];
  if (schema.type === "object" || isObject(schema.properties)) {
    const names = Object.keys(object(schema.properties));
    if (schema.additionalProperties !== false) {
      wrong.push(`${context}, 'additionalProperties' is required to be supplied and to be false.`);
    }
    const missing = names.find((name) => !list(schema.required).includes(name));
    if (missing !== undefined) {
      wrong.push(
        `${context}, 'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'.`,
      );
    }
    wrong.push(...names.flatMap((name) => inner(object(schema.properties)[name], "properties", name)));
  }
  wrong.push(...inner(schema.items, "items"));
  objects(schema.anyOf).forEach((option, index) => {
    wrong.push(...inner(option, "anyOf", String(index)));
  });
  for (const [name, definition] of Object.entries(object(schema.$defs)))
    wrong.push(...inner(definition, "$defs", name));
  return wrong;
}

/** What OpenAI refuses in a function's definition: the same for both of its protocols. */
export function checkFunction(tool: JsonObject, path: string): string[] {
  const name = string(tool.name);
  const where = `function '${name}'`;
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(name)) {
    return [
      `Invalid '${path}.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`,
    ];
  }
  if (tool.parameters === undefined || tool.parameters === null) return [];
  const schema = object(tool.parameters);
  if (schema.type !== "object") {
    const type = string(schema.type) || "None";
    return [`Invalid schema for ${where}: schema must be a JSON Schema of 'type: "object"', got 'type: "${type}"'.`];
  }
  return tool.strict === true ? checkStrictSchema(schema, where) : [];
}

/** What OpenAI refuses in the definition of a JSON answer. `path` names the parameter in the message. */
export function checkJsonFormat(format: JsonObject, path: string): string[] {
  const where = `response_format '${string(format.name)}'`;
  if (string(format.name) === "") return [`Missing required parameter: '${path}.name'.`];
  if (!isObject(format.schema)) return [`Missing required parameter: '${path}.schema'.`];
  if (format.schema.type !== "object") {
    return [
      `Invalid schema for ${where}: schema must be a JSON Schema of 'type: "object"', got 'type: "${string(format.schema.type) || "None"}"'.`,
    ];
  }
  return format.strict === true ? checkStrictSchema(format.schema, where) : [];
}
