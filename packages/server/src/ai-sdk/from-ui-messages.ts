import { type AssistantPart, ConfigError, type ContentPart, type ToolMessage } from "millrace";
import type { JsonObject } from "millrace/provider";
import { isObject } from "millrace/provider";
import { type ClientHistory, ClientHistoryBuilder } from "../protocol/client-history.ts";
import { fileFromClient } from "../protocol/file-from-client.ts";
import { callFrom, objectsOf, resultFrom, textFrom } from "../protocol/from-client.ts";
import { noResult } from "../protocol/plain.ts";

/**
 * The messages of `useChat` (`UIMessage`s of `ai` 5, 6 and 7) as ours: `body.messages` of its request, or what you have stored.
 * The result is valid for every provider. Left out are system messages, which are not a client's to say, what comes before the
 * user's first message, answers that a retry has made void, and parts that we do not know. A call without a result gets one
 * that says so.
 *
 * Nothing of it is proven: a client can write what it likes into the answers of the model and of tools. Signatures and ids of
 * providers are not taken from it.
 *
 * @throws {@link ConfigError} for what are no messages, and for files that are neither bytes nor pages of the web
 */
export function fromUIMessages(messages: unknown): ClientHistory {
  const history = new ClientHistoryBuilder();
  for (const [index, { id, role, parts }] of objectsOf(messages, "messages").entries()) {
    const at = `messages[${index}]`;
    const entries = objectsOf(parts, `${at}.parts`);
    if (role === "user") history.user(textFrom(id), userParts(entries, at));
    else if (role === "assistant") addAnswers(history, textFrom(id), entries, at);
    else if (role !== "system") throw new ConfigError(`${at}.role`, "expected user, assistant or system");
  }
  return { messages: history.messages, ids: history.ids };
}

function userParts(parts: readonly JsonObject[], at: string): ContentPart[] {
  return parts.flatMap((part, index): ContentPart[] => {
    if (part["type"] === "file") return [fileFromClient(part, `${at}.parts[${index}]`)];
    return part["type"] === "text" && textFrom(part["text"]) !== ""
      ? [{ type: "text", text: textFrom(part["text"]) }]
      : [];
  });
}

/** One message of the AI SDK holds all turns of an answer; each is a message of ours. */
function addAnswers(history: ClientHistoryBuilder, id: string, parts: readonly JsonObject[], at: string): void {
  let content: AssistantPart[] = [];
  let results = new Map<string, ToolMessage>();
  const end = (isVoid: boolean): void => {
    if (!isVoid) history.assistant(id, content, results);
    content = [];
    results = new Map();
  };
  for (const [index, part] of parts.entries()) {
    if (part["type"] === "step-start" || part["type"] === "data-discarded") {
      end(part["type"] === "data-discarded");
      continue;
    }
    const ours = answerPart(part, `${at}.parts[${index}]`);
    if (!ours) continue;
    content.push(ours.part);
    if (ours.result) results.set(ours.result.callId, ours.result);
  }
  end(false);
}

interface AnswerPart {
  readonly part: AssistantPart;
  readonly result?: ToolMessage;
}

function answerPart(part: JsonObject, at: string): AnswerPart | undefined {
  const type = textFrom(part["type"]);
  const text = textFrom(part["text"]);
  switch (type) {
    case "text":
      return { part: { type: isRefusal(part) ? "refusal" : "text", text } };
    case "reasoning":
      return { part: { type: "reasoning", text } };
    case "file":
      return { part: fileFromClient(part, at) };
    case "source-url":
      return { part: { type: "source", url: textFrom(part["url"]), ...titleOf(part) } };
    case "source-document":
      return { part: { type: "source", document: textFrom(part["title"]) } };
    case "dynamic-tool":
      return toolPart(part, textFrom(part["toolName"]), at);
    default:
      return type.startsWith("tool-") ? toolPart(part, type.slice("tool-".length), at) : undefined;
  }
}

function isRefusal({ providerMetadata }: JsonObject): boolean {
  const own = isObject(providerMetadata) && providerMetadata["millrace"];
  return isObject(own) && own["refusal"] === true;
}

function titleOf({ title }: JsonObject): { title?: string } {
  return typeof title === "string" ? { title } : {};
}

function toolPart(part: JsonObject, name: string, at: string): AnswerPart | undefined {
  const { toolCallId, state, input, rawInput, output, providerExecuted } = part;
  const callId = textFrom(toolCallId);
  // A call whose arguments were cut is not in any history.
  if (callId === "" || name === "" || state === "input-streaming") return undefined;
  const hasOutput = state === "output-available" && part["preliminary"] !== true;
  if (providerExecuted === true) {
    const told = { ...(input != null && { input }), ...(hasOutput && output !== undefined && { output }) };
    return {
      part: { type: "provider-tool", callId, name, ...told, ...(state === "output-error" && { isError: true }) },
    };
  }
  const content = hasOutput ? resultFrom(output, at) : whyNot(part);
  return {
    part: callFrom(callId, name, input ?? rawInput),
    result: { role: "tool", callId, name, content, ...(!hasOutput && { isError: true }) },
  };
}

/** Why a call has no output. Calls are not approved here: they are executed, or refused by `authorize`. */
function whyNot({ state, errorText, approval }: JsonObject): string {
  if (state === "output-error") return textFrom(errorText) || "The tool failed.";
  if (state !== "output-denied") return noResult;
  return (isObject(approval) && textFrom(approval["reason"])) || "The call was denied.";
}
