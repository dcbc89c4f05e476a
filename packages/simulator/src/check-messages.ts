import { isObject, type JsonObject, list, object, objects, string } from "./json.ts";

/**
 * What Anthropic's Messages API refuses in a request body; empty where it would be accepted. Messages of the same role
 * in a row are accepted, but all results of a message's tool calls must stand in the one message behind it.
 */
export function checkMessagesRequest(body: unknown): string[] {
  if (!isObject(body)) return ["The request body is not valid JSON."];
  const wrong: string[] = [];
  if (string(body.model) === "") wrong.push("model: Field required");
  if (body.max_tokens === undefined) wrong.push("max_tokens: Field required");
  else if (!Number.isInteger(body.max_tokens) || Number(body.max_tokens) < 1) {
    wrong.push("max_tokens: Input should be greater than or equal to 1");
  }
  wrong.push(...checkSystem(body.system), ...checkThinking(body), ...checkTools(body));
  if (!Array.isArray(body.messages)) return [...wrong, "messages: Field required"];
  const messages = body.messages.map(object);
  if (messages.length === 0) wrong.push("messages: at least one message is required");
  if (messages[0] && messages[0].role !== "user") wrong.push('messages: first message must use the "user" role');
  const ids = new Set<string>();
  messages.forEach((message, index) => {
    wrong.push(...checkMessage(message, index, index === messages.length - 1, ids));
    wrong.push(...checkPairs(messages[index - 1], message, index));
  });
  const last = messages.at(-1);
  if (last && usesOf(last).length > 0) wrong.push(unansweredIn(messages.length - 1, usesOf(last)));
  return wrong;
}

const blocksOf = ({ content }: JsonObject): JsonObject[] =>
  typeof content === "string" ? [{ type: "text", text: content }] : objects(content);

/** The ids of the tool calls that an assistant message makes. */
const usesOf = (message: JsonObject): string[] =>
  message.role === "assistant"
    ? blocksOf(message)
        .filter(({ type }) => type === "tool_use")
        .map(({ id }) => string(id))
    : [];

const unansweredIn = (index: number, ids: string[]): string =>
  `messages.${index}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${ids.join(", ")}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`;

function checkMessage(message: JsonObject, index: number, isLast: boolean, ids: Set<string>): string[] {
  const { role, content } = message;
  const at = `messages.${index}`;
  if (role !== "user" && role !== "assistant" && role !== "system") {
    return [`messages: Unexpected role "${string(role)}". Allowed roles are "user", "assistant" or "system".`];
  }
  if (typeof content !== "string" && !Array.isArray(content)) return [`${at}.content: Field required`];
  if (content.length === 0 && !(isLast && role === "assistant")) {
    return [`${at}: all messages must have non-empty content except for the optional final assistant message`];
  }
  const wrong = blocksOf(message).flatMap((block, block_index) =>
    checkBlock(block, role, `${at}.content.${block_index}`, ids),
  );
  const end = blocksOf(message).at(-1);
  if (isLast && role === "assistant" && end?.type === "text" && /\s$/.test(string(end.text))) {
    wrong.push("messages: final assistant content cannot end with trailing whitespace");
  }
  return wrong;
}

function checkBlock(block: JsonObject, role: string, at: string, ids: Set<string>): string[] {
  const wrong: string[] = [];
  const type = string(block.type);
  if (type === "") wrong.push(`${at}.type: Field required`);
  if (type === "text" && string(block.text) === "") wrong.push("messages: text content blocks must be non-empty");
  else if (type === "text" && string(block.text).trim() === "")
    wrong.push("messages: text content blocks must contain non-whitespace text");
  if ((type === "tool_use" || type === "thinking" || type === "redacted_thinking") && role !== "assistant") {
    wrong.push(`${at}: \`${type}\` blocks can only be in \`assistant\` messages`);
  }
  if (type === "tool_result" && role !== "user")
    wrong.push(`${at}: \`tool_result\` blocks can only be in \`user\` messages`);
  if (type === "thinking" && string(block.signature) === "") wrong.push(`${at}.thinking.signature: Field required`);
  if (type === "redacted_thinking" && string(block.data) === "")
    wrong.push(`${at}.redacted_thinking.data: Field required`);
  if (type === "tool_use") {
    const id = string(block.id);
    if (!/^[a-zA-Z0-9_-]+$/.test(id)) wrong.push(`${at}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'`);
    if (ids.has(id)) wrong.push(`${at}: \`tool_use\` ids must be unique`);
    ids.add(id);
    if (!/^[a-zA-Z0-9_-]{1,200}$/.test(string(block.name)))
      wrong.push(`${at}.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{1,200}$'`);
    if (!isObject(block.input)) wrong.push(`${at}.tool_use.input: Input should be a valid dictionary`);
  }
  if (type === "tool_result") {
    const { content } = block;
    const isEmpty = content === undefined || content === "" || (Array.isArray(content) && content.length === 0);
    if (block.is_error === true && isEmpty) wrong.push(`${at}: content cannot be empty if \`is_error\` is true`);
    for (const inner of objects(content)) {
      if (inner.type === "text" && string(inner.text) === "")
        wrong.push("messages: text content blocks must be non-empty");
    }
  }
  return wrong;
}

/** Whether the results of a message are those that the calls of the message before wait for. */
function checkPairs(previous: JsonObject | undefined, message: JsonObject, index: number): string[] {
  const wrong: string[] = [];
  const uses = previous ? usesOf(previous) : [];
  const blocks = blocksOf(message);
  const results = blocks.filter(({ type }) => type === "tool_result").map((block) => string(block.tool_use_id));
  const missing = uses.filter((id) => !results.includes(id));
  if (missing.length > 0) wrong.push(unansweredIn(index - 1, missing));
  const unexpected = results.filter((id) => !uses.includes(id));
  if (unexpected.length > 0) {
    wrong.push(
      `messages.${index}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${unexpected.join(", ")}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
    );
  }
  const twice = results.find((id, position) => results.indexOf(id) !== position);
  if (twice !== undefined) {
    wrong.push(
      `messages.${index}: each tool_use must have a single result. Found multiple \`tool_result\` blocks with id: ${twice}`,
    );
  }
  const firstOther = blocks.findIndex(({ type }) => type !== "tool_result");
  if (firstOther >= 0 && blocks.slice(firstOther).some(({ type }) => type === "tool_result")) {
    wrong.push(`messages.${index}: \`tool_result\` blocks must come first in the content`);
  }
  return wrong;
}

function checkSystem(system: unknown): string[] {
  if (system === undefined || typeof system === "string") return [];
  const isText = (block: JsonObject): boolean => block.type === "text" && string(block.text) !== "";
  return list(system).map(object).every(isText) ? [] : ["system: text content blocks must be non-empty"];
}

function checkThinking(body: JsonObject): string[] {
  const thinking = object(body.thinking);
  if (thinking.type !== "enabled" && thinking.type !== "adaptive") return [];
  const wrong: string[] = [];
  if (thinking.type === "enabled") {
    const budget = Number(thinking.budget_tokens ?? 0);
    if (budget < 1024) wrong.push("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024");
    if (budget >= Number(body.max_tokens)) wrong.push("`max_tokens` must be greater than `thinking.budget_tokens`.");
  }
  if (typeof body.temperature === "number" && body.temperature !== 1) {
    wrong.push("`temperature` may only be set to 1 when thinking is enabled.");
  }
  if (/^(any|tool)$/.test(string(object(body.tool_choice).type))) {
    wrong.push("Thinking may not be enabled when tool_choice forces tool use.");
  }
  const messages = objects(body.messages);
  const last = messages.findLastIndex(({ role }) => role === "assistant");
  const [first] = messages[last] ? blocksOf(messages[last]) : [];
  const inLoop = messages[last] !== undefined && usesOf(messages[last]).length > 0 && last === messages.length - 2;
  if (thinking.type === "enabled" && inLoop && !/^(redacted_)?thinking$/.test(string(first?.type))) {
    wrong.push(
      `messages.${last}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${string(first?.type)}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block (preceding the lastmost set of \`tool_use\` and \`tool_result\` blocks).`,
    );
  }
  return wrong;
}

function checkTools(body: JsonObject): string[] {
  const wrong: string[] = [];
  const tools = objects(body.tools);
  const names = tools.map(({ name }) => string(name));
  if (new Set(names).size < names.length) wrong.push("tools: Tool names must be unique.");
  tools.forEach((tool, index) => {
    // The provider's own tools have a type of their own, such as web_search_20250305.
    if (tool.type !== undefined && tool.type !== "custom") return;
    const at = `tools.${index}.custom`;
    if (!/^[a-zA-Z0-9_-]{1,128}$/.test(string(tool.name)))
      wrong.push(`${at}.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`);
    if (object(tool.input_schema).type !== "object") wrong.push(`${at}.input_schema.type: Input should be 'object'`);
  });
  const choice = object(body.tool_choice);
  if (choice.type !== undefined && choice.type !== "none" && tools.length === 0) {
    wrong.push("tool_choice may only be specified while providing tools.");
  }
  if (choice.type === "tool" && !names.includes(string(choice.name))) {
    wrong.push(`Tool '${string(choice.name)}' not found in provided tools`);
  }
  return wrong;
}
