import { checkFunction, checkJsonFormat } from "./check-schema.ts";
import { isObject, type JsonObject, list, object, objects, parseJson, string } from "./json.ts";

const PARTS = new Map([
  ["user", ["text", "image_url", "input_audio", "file"]],
  ["assistant", ["text", "refusal"]],
]);
const ROLES = ["system", "developer", "user", "assistant", "tool", "function"];

/**
 * What OpenAI's Chat Completions API refuses in a request body; empty where it would be accepted. A little stricter
 * than OpenAI where compatible servers are: no empty text, and arguments must be JSON.
 */
export function checkChatRequest(body: unknown): string[] {
  if (!isObject(body)) return ["We could not parse the JSON body of your request."];
  const wrong: string[] = [];
  if (string(body.model) === "") wrong.push("you must provide a model parameter");
  if (!Array.isArray(body.messages)) return [...wrong, "Missing required parameter: 'messages'."];
  if (body.messages.length === 0)
    wrong.push(
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
    );
  return [...wrong, ...checkMessages(list(body.messages)), ...checkTools(body), ...checkOptions(body)];
}

function checkMessages(messages: unknown[]): string[] {
  const wrong: string[] = [];
  /** The ids of calls that have no tool message yet. */
  let open: string[] = [];
  const close = (): void => {
    if (open.length > 0) {
      wrong.push(
        `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${open.join(", ")}`,
      );
    }
    open = [];
  };
  messages.forEach((value, index) => {
    const at = `messages[${index}]`;
    const message = object(value);
    const role = string(message.role);
    if (role !== "tool") close();
    if (!ROLES.includes(role)) {
      wrong.push(
        `Invalid value: '${role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'. (${at}.role)`,
      );
    } else if (role === "assistant") {
      open = objects(message.tool_calls).map(({ id }) => string(id));
      wrong.push(...checkAssistant(message, at));
    } else if (role === "tool") {
      const id = string(message.tool_call_id);
      if (open.includes(id)) open = open.filter((other) => other !== id);
      else
        wrong.push(
          `Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls'. (${at}, '${id}')`,
        );
      if (message.content !== "") wrong.push(...checkContent(message.content, "tool", at));
    } else {
      wrong.push(...checkContent(message.content, role, at));
    }
  });
  close();
  return wrong;
}

function checkAssistant(message: JsonObject, at: string): string[] {
  const calls = list(message.tool_calls).map(object);
  const wrong: string[] = [];
  if (Array.isArray(message.tool_calls) && calls.length === 0) {
    wrong.push(
      `Invalid '${at}.tool_calls': empty array. Expected an array with minimum length 1, but got an empty array instead.`,
    );
  }
  const isEmpty = message.content === null || message.content === undefined || message.content === "";
  if (!isEmpty) wrong.push(...checkContent(message.content, "assistant", at));
  else if (calls.length === 0 && !string(message.refusal) && !message.function_call && !message.audio) {
    wrong.push(`Invalid value for 'content': expected a string, got null. (${at}.content)`);
  }
  const ids = calls.map(({ id }) => id);
  if (new Set(ids).size < ids.length) wrong.push(`Duplicate tool call id in '${at}.tool_calls'.`);
  calls.forEach((call, index) => {
    const where = `${at}.tool_calls[${index}]`;
    const { name, arguments: json } = object(call.function);
    if (string(call.id) === "") wrong.push(`Missing required parameter: '${where}.id'.`);
    if (call.type !== "function" && call.type !== "custom") wrong.push(`Missing required parameter: '${where}.type'.`);
    if (call.type === "custom") return;
    if (!/^[a-zA-Z0-9_-]{1,64}$/.test(string(name)))
      wrong.push(`Invalid '${where}.function.name': string does not match pattern.`);
    if (typeof json !== "string")
      wrong.push(`Invalid type for '${where}.function.arguments': expected a string, but got another type.`);
    else if (!isObject(parseJson(json)))
      wrong.push(`Invalid '${where}.function.arguments': not a JSON object: ${json}`);
  });
  return wrong;
}

function checkContent(content: unknown, role: string, at: string): string[] {
  if (typeof content === "string") return content === "" ? [`Invalid '${at}.content': empty string.`] : [];
  if (!Array.isArray(content)) return [`Invalid value for 'content': expected a string, got null. (${at}.content)`];
  if (content.length === 0)
    return [
      `Invalid '${at}.content': empty array. Expected an array with minimum length 1, but got an empty array instead.`,
    ];
  const allowed = PARTS.get(role) ?? ["text"];
  return objects(content).flatMap(({ type, text }, index) => {
    const where = `${at}.content[${index}]`;
    if (!allowed.includes(string(type)))
      return [
        `Invalid value: '${string(type)}'. Supported values are: ${allowed.map((name) => `'${name}'`).join(", ")}. (${where}.type)`,
      ];
    return type === "text" && string(text) === "" ? [`Invalid '${where}.text': empty string.`] : [];
  });
}

function checkTools(body: JsonObject): string[] {
  const wrong: string[] = [];
  const tools = objects(body.tools);
  if (Array.isArray(body.tools) && tools.length === 0) {
    wrong.push(
      "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.",
    );
  }
  tools.forEach((tool, index) => {
    if (tool.type === "function") wrong.push(...checkFunction(object(tool.function), `tools[${index}].function`));
    else if (tool.type !== "custom") wrong.push(`Missing required parameter: 'tools[${index}].type'.`);
  });
  if (tools.length === 0) {
    for (const option of ["tool_choice", "parallel_tool_calls"]) {
      if (body[option] !== undefined && body[option] !== "none")
        wrong.push(`'${option}' is only allowed when 'tools' are specified.`);
    }
  }
  const named = string(object(object(body.tool_choice).function).name);
  if (named !== "" && !tools.some((tool) => object(tool.function).name === named)) {
    wrong.push(`Invalid value for 'tool_choice': function '${named}' is not in 'tools'.`);
  }
  return wrong;
}

function checkOptions(body: JsonObject): string[] {
  const wrong: string[] = [];
  const format = object(body.response_format);
  if (isObject(body.stream_options) && body.stream !== true) {
    wrong.push("The 'stream_options' parameter is only allowed when 'stream' is enabled.");
  }
  if (format.type === "json_schema")
    wrong.push(...checkJsonFormat(object(format.json_schema), "response_format.json_schema"));
  if (format.type === "json_object" && !/json/i.test(JSON.stringify(body.messages))) {
    wrong.push("'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.");
  }
  return wrong;
}
