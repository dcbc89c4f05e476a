import type { AssistantMessage, Message, ToolCallPart, ToolMessage } from "../messages.ts";

/**
 * What makes a history invalid, one sentence each; empty for a history that every provider can be sent. It holds that
 * the first message that is not a system message is a user's, no model message is empty, arguments are objects, call
 * ids are unique within a message, and each call has exactly one result directly after its message, in order.
 */
export function checkHistory(messages: readonly Message[]): string[] {
  const problems: string[] = [];
  let open: ToolCallPart[] = [];
  let openAt = 0;
  const closeCalls = (where: string): void => {
    if (open.length === 0) return;
    problems.push(`messages[${openAt}]: no result of ${open.map(({ callId }) => callId).join(", ")} before ${where}`);
    open = [];
  };

  for (const [index, message] of messages.entries()) {
    const at = `messages[${index}]`;
    if (message.role === "tool") {
      open = checkResult(message, open, at, problems);
      continue;
    }
    closeCalls(`${at} (${message.role})`);
    if (message.role === "assistant") {
      open = checkAssistant(message, at, problems);
      openAt = index;
    } else if (message.role !== "user" && message.role !== "system") {
      problems.push(`${at}: expected the role system, user, assistant or tool, got ${JSON.stringify(message)}`);
    }
  }
  closeCalls("the end");

  const first = messages.find(({ role }) => role !== "system");
  if (first && first.role !== "user") problems.push(`the first message is not a user's but has the role ${first.role}`);
  return problems;
}

/** Takes a result; gives the calls that are still open. */
function checkResult(message: ToolMessage, open: ToolCallPart[], at: string, problems: string[]): ToolCallPart[] {
  const { callId, name } = message;
  const position = open.findIndex((call) => call.callId === callId);
  const call = open[position];
  if (!call) {
    problems.push(`${at}: a result of ${callId}, which no call directly before asks for (or it has one already)`);
    return open;
  }
  if (position > 0) problems.push(`${at}: the result of ${callId} comes before the one of ${open[0]?.callId}`);
  if (call.name !== name) problems.push(`${at}: the result of ${callId} names ${name}, the call names ${call.name}`);
  return open.filter((other) => other !== call);
}

/** Checks a model's message; gives its calls. */
function checkAssistant(message: AssistantMessage, at: string, problems: string[]): ToolCallPart[] {
  const { content } = message;
  if (!Array.isArray(content)) {
    problems.push(`${at}: expected the content as parts, got ${typeof content}`);
    return [];
  }
  const empty = content.every(
    (part) => "text" in part && part.text === "" && !part.providerData && part.type !== "refusal",
  );
  if (empty) problems.push(`${at}: the model's message is empty`);
  const calls = message.content.filter((part) => part.type === "tool-call");
  const ids = new Set<string>();
  for (const { callId, name, args } of calls) {
    if (typeof callId !== "string" || callId === "") problems.push(`${at}: a call of ${name} without an id`);
    if (ids.has(callId)) problems.push(`${at}: two calls have the id ${callId}`);
    if (typeof name !== "string" || name === "") problems.push(`${at}: the call ${callId} names no tool`);
    if (!isPlainObject(args))
      problems.push(`${at}: the arguments of ${callId} are not an object but ${JSON.stringify(args)}`);
    ids.add(callId);
  }
  return calls;
}

function isPlainObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
