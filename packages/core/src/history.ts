import { ConfigError, errorMessage } from "./errors.ts";
import type { AssistantPart, ContentPart, Input, Message, ToolCallPart, ToolMessage } from "./messages.ts";
import { isContentPart, textOf, toolCallsOf } from "./messages.ts";
import { wrong } from "./option-checks.ts";

/** The messages of an input. Throws {@link ConfigError} where it is empty or not an input at all. */
export function toMessages(input: Input): Message[] {
  if (typeof input === "string") {
    if (input.trim() === "") throw new ConfigError("input", "expected a prompt, got an empty string");
    return [{ role: "user", content: input }];
  }
  if (!Array.isArray(input)) throw wrong("input", "a string, content parts or messages", input);
  // Copied: what joins a history is frozen, and the caller's own objects must not be.
  if (isParts(input)) return [{ role: "user", content: copied(input) }];
  checkMessages(input, "input");
  return copied([...input]);
}

function copied<T>(value: T): T {
  try {
    return structuredClone(value);
  } catch (cause) {
    throw new ConfigError("input", `expected plain data: ${errorMessage(cause)}`, { cause });
  }
}

function isParts(input: Input): input is readonly ContentPart[] {
  return Array.isArray(input) && input.length > 0 && input.every(isContentPart);
}

/** Throws {@link ConfigError} naming the first entry that is not one of our messages. */
export function checkMessages(messages: unknown, at: string): asserts messages is readonly Message[] {
  if (!Array.isArray(messages)) throw wrong(at, "a list of messages", messages);
  for (let index = 0; index < messages.length; index++) {
    const problem = problemOf(messages[index]);
    if (problem) throw new ConfigError(`${at}[${index}]`, problem);
  }
}

const foreign = "; histories of a provider's API are converted by its package (from…Messages)";

function problemOf(message: unknown): string | undefined {
  if (typeof message !== "object" || message === null || !("role" in message) || !("content" in message)) {
    return `expected a message with role and content, got ${message === null ? "null" : typeof message}${foreign}`;
  }
  const { role, content } = message;
  const parts = Array.isArray(content);
  switch (role) {
    case "system":
      return typeof content === "string" ? undefined : "expected a system message's content to be a string";
    case "user":
      if (typeof content === "string" || (parts && content.every(isContentPart))) return undefined;
      return `expected a user message's content to be a string or text, image and file parts${foreign}`;
    case "assistant":
      if (parts && content.every(isAssistantPart)) return undefined;
      return `expected an assistant message's content to be a list of text, tool-call and other known parts${foreign}`;
    case "tool":
      if (!("callId" in message) || typeof message.callId !== "string")
        return `expected a tool message to have a callId${foreign}`;
      if (typeof content === "string" || (parts && content.every(isContentPart))) return undefined;
      return `expected a tool message's content to be a string or text, image and file parts${foreign}`;
    default:
      return `expected the role system, user, assistant or tool, got ${JSON.stringify(role)}${foreign}`;
  }
}

function isAssistantPart(part: unknown): part is AssistantPart {
  if (isContentPart(part)) return true;
  if (typeof part !== "object" || part === null || !("type" in part)) return false;
  switch (part.type) {
    case "reasoning":
    case "refusal":
      return "text" in part && typeof part.text === "string";
    case "tool-call":
      return hasCallId(part) && "args" in part && typeof part.args === "object" && part.args !== null;
    case "provider-tool":
      return hasCallId(part);
    default:
      return part.type === "source";
  }
}

function hasCallId(part: object): boolean {
  return "callId" in part && typeof part.callId === "string" && "name" in part && typeof part.name === "string";
}

/** What a call gets for a result when its run ended before it had one. */
const interruptedText = "No result: the run was interrupted before this tool call had one.";

/**
 * Makes a history valid again that a crash has cut: every call gets exactly one result, right after its message and in
 * the order of the calls; results without a call go. A valid history is given back as it is.
 */
export function repairHistory(messages: readonly Message[]): readonly Message[] {
  if (isComplete(messages)) return messages;
  const repaired: Message[] = [];
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index];
    if (!message || message.role === "tool") continue;
    repaired.push(message);
    const calls = toolCallsOf(message);
    if (calls.length === 0) continue;
    const results = new Map<string, ToolMessage>();
    for (let next = index + 1; next < messages.length; next++) {
      const candidate = messages[next];
      // A result that came late, after a user's message, still belongs to its call; the next answer ends the search.
      if (candidate?.role === "assistant") break;
      if (candidate?.role === "tool" && !results.has(candidate.callId)) results.set(candidate.callId, candidate);
    }
    for (const call of calls) repaired.push(results.get(call.callId) ?? interrupted(call));
  }
  return repaired;
}

function interrupted(call: ToolCallPart): ToolMessage {
  return { role: "tool", callId: call.callId, name: call.name, content: interruptedText, isError: true };
}

function isComplete(messages: readonly Message[]): boolean {
  let open: ToolCallPart[] = [];
  for (const message of messages) {
    if (message.role === "tool") {
      if (open.shift()?.callId !== message.callId) return false;
    } else {
      if (open.length > 0) return false;
      if (message.role === "assistant") open = toolCallsOf(message);
    }
  }
  return open.length === 0;
}

/** Only what user and model said to each other: text, without tool calls, results and reasoning. */
export function simplify(messages: readonly Message[]): Message[] {
  return messages.flatMap((message): Message[] => {
    if (message.role === "user") return [message];
    const text = message.role === "assistant" ? textOf(message) : "";
    return text ? [{ role: "assistant", content: [{ type: "text", text }] }] : [];
  });
}
