import { type AssistantPart, ConfigError, type ContentPart, type ToolMessage } from "millrace";
import { isObject, type JsonObject } from "millrace/provider";
import { type ClientHistory, ClientHistoryBuilder } from "../protocol/client-history.ts";
import { fileFromClient } from "../protocol/file-from-client.ts";
import { callFrom, objectsOf, textFrom } from "../protocol/from-client.ts";
import { providerCallPrefix } from "./agui-encoder.ts";

/** What a client of AG-UI asks. */
export interface AGUIRequest extends ClientHistory {
  /** The conversation: our `chatId`. */
  readonly threadId: string;
  /** The client's own id for the run. */
  readonly runId: string;
}

/**
 * A `RunAgentInput` of AG-UI, the body of `HttpAgent`'s request, with its messages as ours. The result is valid for every
 * provider. Left out are the messages of system and developer, which are not a client's to say, those of sub-agents,
 * activities, what comes before the user's first message, and what we do not know. A call without a result gets one that says
 * so. The client's tools, context and state are not read.
 *
 * Nothing of it is proven: a client can write what it likes into the answers of the model and of tools. Encrypted values and
 * ids of files at providers are not taken from it.
 *
 * @throws {@link ConfigError} for what is no such input, and for files that are neither bytes nor pages of the web
 */
export function fromAGUI(input: unknown): AGUIRequest {
  if (!isObject(input)) throw new ConfigError("input", "expected a RunAgentInput of AG-UI");
  const { threadId, runId } = input;
  for (const [name, id] of Object.entries({ threadId, runId })) {
    if (typeof id !== "string" || id === "") throw new ConfigError(name, "expected an id");
  }
  const messages = objectsOf(input["messages"], "messages");
  const results = resultsOf(messages);
  const history = new ClientHistoryBuilder();
  let reasoning: AssistantPart[] = [];
  for (const [index, message] of messages.entries()) {
    const id = textFrom(message["id"]);
    if (typeof message["subagentRunId"] === "string") continue;
    switch (message["role"]) {
      case "user":
        reasoning = [];
        history.user(id, userContent(message["content"], `messages[${index}].content`));
        break;
      case "reasoning":
        reasoning.push({ type: "reasoning", text: textFrom(message["content"]) });
        break;
      case "assistant":
        history.assistant(id, [...reasoning, ...answerParts(message, `messages[${index}]`)], results);
        reasoning = [];
        break;
      default:
        if (typeof message["role"] !== "string") throw new ConfigError(`messages[${index}].role`, "expected a role");
    }
  }
  return { threadId: textFrom(threadId), runId: textFrom(runId), messages: history.messages, ids: history.ids };
}

/** The results by the ids of their calls, wherever clients have put them. */
function resultsOf(messages: readonly JsonObject[]): ReadonlyMap<string, ToolMessage> {
  const names = new Map<string, string>();
  const results = new Map<string, ToolMessage>();
  for (const [index, message] of messages.entries()) {
    for (const { callId, name } of callsOf(message, `messages[${index}]`)) names.set(callId, name);
    const callId = textFrom(message["toolCallId"]);
    if (message["role"] !== "tool" || results.has(callId)) continue;
    const { error, metadata, content } = message;
    const isError = typeof error === "string" || (isObject(metadata) && metadata["isError"] === true);
    const told = typeof content === "string" ? content : userContent(content, `messages[${index}].content`);
    const result = told.length === 0 && typeof error === "string" ? error : told;
    const name = names.get(callId) ?? "";
    results.set(callId, { role: "tool", callId, name, content: result, ...(isError && { isError }) });
  }
  return results;
}

function answerParts(message: JsonObject, at: string): AssistantPart[] {
  return [
    { type: "text", text: textFrom(message["content"]) },
    ...callsOf(message, at).filter(({ callId }) => !callId.startsWith(providerCallPrefix)),
  ];
}

function callsOf({ role, toolCalls }: JsonObject, at: string): ReturnType<typeof callFrom>[] {
  if (role !== "assistant" || toolCalls === undefined || toolCalls === null) return [];
  return objectsOf(toolCalls, `${at}.toolCalls`).flatMap(({ id, function: called }) => {
    const callId = textFrom(id);
    const name = isObject(called) ? textFrom(called["name"]) : "";
    return callId && name && isObject(called) ? [callFrom(callId, name, textFrom(called["arguments"]))] : [];
  });
}

function userContent(content: unknown, at: string): string | ContentPart[] {
  if (typeof content === "string") return content;
  return objectsOf(content ?? [], at).flatMap((part, index): ContentPart[] => {
    switch (part["type"]) {
      case "text":
        return textFrom(part["text"]) === "" ? [] : [{ type: "text", text: textFrom(part["text"]) }];
      case "image":
      case "audio":
      case "video":
      case "document":
        return [fileOf(part["source"], `${at}[${index}].source`)];
      case "binary":
        // How clients before 1.0 send files.
        return [fileFromClient({ ...part, mediaType: part["mimeType"] }, `${at}[${index}]`)];
      default:
        return [];
    }
  });
}

function fileOf(source: unknown, at: string): ContentPart {
  const { type, value, mimeType } = isObject(source) ? source : {};
  return fileFromClient(
    { [type === "data" ? "data" : "url"]: type === "file" ? undefined : value, mediaType: mimeType },
    at,
  );
}
