import { checkFunction, checkJsonFormat } from "./check-schema.ts";
import { isObject, type JsonObject, list, object, objects, parseJson, string } from "./json.ts";

const ROLES = ["assistant", "system", "developer", "user"];
const USER_PARTS = ["input_text", "input_image", "input_file", "input_audio"];
const ASSISTANT_PARTS = ["output_text", "refusal"];
/** The prefix that the server gave to an item's id. */
const ID_PREFIX = new Map([
  ["message", "msg"],
  ["function_call", "fc"],
  ["reasoning", "rs"],
]);

/** What OpenAI's Responses API refuses in a request body; empty where it would be accepted. */
export function checkResponsesRequest(body: unknown): string[] {
  if (!isObject(body)) return ["We could not parse the JSON body of your request."];
  const wrong: string[] = [];
  if (string(body.model) === "") wrong.push("Missing required parameter: 'model'.");
  if (typeof body.input === "string" ? body.input === "" : list(body.input).length === 0) {
    wrong.push("Missing required parameter: 'input'.");
  }
  const items = list(body.input).map(object);
  // What the server keeps may hold the calls that outputs here answer.
  const isStored = body.previous_response_id !== undefined || items.some(({ type }) => type === "item_reference");
  wrong.push(...checkPairs(items, isStored));
  items.forEach((item, index) => {
    wrong.push(...checkItem(item, `input[${index}]`));
    wrong.push(...checkReasoning(item, items[index + 1], body.store === false));
  });
  objects(body.tools).forEach((tool, index) => {
    if (tool.type === "function") wrong.push(...checkFunction(tool, `tools[${index}]`));
    else if (string(tool.type) === "") wrong.push(`Missing required parameter: 'tools[${index}].type'.`);
  });
  const format = object(object(body.text).format);
  if (format.type === "json_schema") wrong.push(...checkJsonFormat(format, "text.format"));
  return wrong;
}

function checkPairs(items: JsonObject[], isStored: boolean): string[] {
  const wrong: string[] = [];
  const called = new Set<string>();
  const answered = new Set<string>();
  for (const item of items) {
    const id = string(item.call_id);
    if (item.type === "function_call") {
      if (called.has(id)) wrong.push(`Duplicate function call with call_id ${id}.`);
      called.add(id);
    } else if (item.type === "function_call_output") {
      if (!called.has(id) && !isStored) wrong.push(`No tool call found for function call output with call_id ${id}.`);
      if (answered.has(id)) wrong.push(`Duplicate function call output with call_id ${id}.`);
      answered.add(id);
    }
  }
  for (const id of called) if (!answered.has(id)) wrong.push(`No tool output found for function call ${id}.`);
  return wrong;
}

function checkItem(item: JsonObject, at: string): string[] {
  const type = string(item.type) || "message";
  const id = string(item.id);
  const prefix = ID_PREFIX.get(type);
  if (prefix !== undefined && id !== "" && !id.startsWith(prefix)) {
    return [`Invalid '${at}.id': '${id}'. Expected an ID that begins with '${prefix}'.`];
  }
  if (type === "message") return checkMessage(item, at);
  if (type === "function_call") {
    if (string(item.call_id) === "") return [`Missing required parameter: '${at}.call_id'.`];
    if (!/^[a-zA-Z0-9_-]{1,64}$/.test(string(item.name)))
      return [`Invalid '${at}.name': string does not match pattern.`];
    if (typeof item.arguments !== "string") return [`Invalid type for '${at}.arguments': expected a string.`];
    return isObject(parseJson(item.arguments))
      ? []
      : [`Invalid '${at}.arguments': not a JSON object: ${item.arguments}`];
  }
  if (type === "function_call_output") {
    const { output } = item;
    if (typeof output === "string") return [];
    return list(output).length > 0
      ? checkParts(list(output), USER_PARTS, `${at}.output`)
      : [`Missing required parameter: '${at}.output'.`];
  }
  return type === "reasoning" && !Array.isArray(item.summary) ? [`Missing required parameter: '${at}.summary'.`] : [];
}

function checkMessage({ role, content }: JsonObject, at: string): string[] {
  if (!ROLES.includes(string(role))) {
    return [
      `Invalid value: '${string(role)}'. Supported values are: 'assistant', 'system', 'developer', and 'user'. (${at}.role)`,
    ];
  }
  if (typeof content === "string") {
    return content === "" && role !== "assistant" ? [`Invalid '${at}.content': empty string.`] : [];
  }
  if (list(content).length === 0)
    return [`Invalid '${at}.content': empty array. Expected an array with minimum length 1.`];
  return checkParts(list(content), role === "assistant" ? ASSISTANT_PARTS : USER_PARTS, `${at}.content`);
}

function checkParts(parts: unknown[], allowed: string[], at: string): string[] {
  return parts.map(object).flatMap(({ type, text }, index) => {
    if (!allowed.includes(string(type))) {
      return [
        `Invalid value: '${string(type)}'. Supported values are: ${allowed.map((name) => `'${name}'`).join(", ")}. (${at}[${index}])`,
      ];
    }
    return text === "" ? [`Invalid '${at}[${index}].text': empty string.`] : [];
  });
}

/** Whether an item of this type is made by the model, and not an answer to one. New types come often. */
function isMade(type: string): boolean {
  return type !== "" && type !== "message" && !type.endsWith("_output");
}

/** Reasoning must stand before what it led to, and what was not stored must carry its encrypted content. */
function checkReasoning(item: JsonObject, next: JsonObject | undefined, unstored: boolean): string[] {
  if (item.type !== "reasoning") return [];
  const id = string(item.id);
  if (unstored && id !== "" && string(item.encrypted_content) === "") {
    return [
      `Item with id '${id}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`,
    ];
  }
  const follows = next !== undefined && (next.role === "assistant" || isMade(string(next.type)));
  return follows ? [] : [`Item '${id}' of type 'reasoning' was provided without its required following item.`];
}
