import { isObject } from "millrace/provider";

/** What the Messages API would refuse in a request body, by its documentation; empty for a good one. */
export function checkRequest(body: unknown): string[] {
  const problems: string[] = [];
  const messages = list(isObject(body) ? body["messages"] : undefined);
  if (messages.length === 0) problems.push("no messages");
  if (messages[0]?.["role"] !== "user") problems.push("the first message is not the user's");
  let open: unknown[] = [];
  for (const [i, message] of messages.entries()) {
    const at = `messages[${i}]`;
    const { role } = message;
    const blocks = list(message["content"]);
    if (blocks.length === 0) problems.push(`${at} is empty`);
    if (role === messages[i - 1]?.["role"]) problems.push(`${at}: ${role} twice`);
    const results = blocks.filter((block) => block["type"] === "tool_result").map((block) => block["tool_use_id"]);
    if (String(results) !== String(open)) problems.push(`${at}: results of [${results}], expected of [${open}]`);
    if (blocks.slice(0, results.length).some((block) => block["type"] !== "tool_result")) {
      problems.push(`${at}: the results do not come first`);
    }
    open = blocks.filter((block) => block["type"] === "tool_use").map((block) => block["id"]);
    for (const block of blocks) problems.push(...checkBlock(block).map((problem) => `${at}: ${problem}`));
    const last = blocks.at(-1);
    if (role === "assistant" && String(last?.["type"]).endsWith("thinking")) problems.push(`${at} ends in thinking`);
    if (
      role === "assistant" &&
      i === messages.length - 1 &&
      String(last?.["text"] ?? "x").trimEnd() !== (last?.["text"] ?? "x")
    ) {
      problems.push(`${at}: a prefill that ends in white space`);
    }
  }
  if (open.length > 0) problems.push(`no results of [${open}]`);
  const marks = JSON.stringify(body).match(/"cache_control"/g)?.length ?? 0;
  if (marks > 4) problems.push(`${marks} marks of the cache, 4 are allowed`);
  return problems;
}

function checkBlock(block: Record<string, unknown>): string[] {
  const { type, text, id, input, signature, content, is_error } = block;
  if (type === "text" && (typeof text !== "string" || text.trim() === "")) return ["a text without text"];
  if (type === "tool_use" && !/^[a-zA-Z0-9_-]{1,64}$/.test(String(id))) return [`a tool id that is refused: ${id}`];
  if (type === "tool_use" && !isObject(input)) return ["an input that is no object"];
  if (type === "thinking" && typeof signature !== "string") return ["thinking without a signature"];
  if (type === "tool_result" && is_error && !content) return ["an error without a content"];
  if (type === "tool_result") return list(content).flatMap(checkBlock);
  return [];
}

function list(value: unknown): Record<string, unknown>[] {
  if (typeof value === "string") return value === "" ? [] : [{ type: "text", text: value }];
  return Array.isArray(value) ? value : [];
}
