import {
  type AssistantMessage,
  argsJson,
  type ContentPart,
  checkMessages,
  type FilePart,
  isObject,
  type JsonObject,
  type Message,
  type ModelRequest,
  type OutputFormat,
  type ReasoningPart,
  type ToolCallPart,
  type ToolDefinition,
  type ToolMessage,
} from "millrace/provider";
import type {
  ChatCompletionAssistantMessageParam,
  ChatCompletionContentPart,
  ChatCompletionCreateParamsStreaming,
  ChatCompletionMessageFunctionToolCall,
  ChatCompletionMessageParam,
  ChatCompletionTool,
  ChatCompletionToolChoiceOption,
} from "openai/resources/chat/completions";
import { CallIds } from "./call-ids.ts";
import { audioFormatOf, urlOf } from "./media.ts";
import { strictSchema } from "./strict-schema.ts";
import { ownData, textIn } from "./wire.ts";

/** How a server takes a structured output: as a JSON Schema, or told in the system prompt, with or without JSON mode. */
export type StructuredOutputs = "json-schema" | "json-object" | "prompt";

/** What a server wants that cannot be seen from its traffic. */
export interface ChatDialect {
  /** Whose reasoning and ids may be sent back; undefined: everybody's. */
  readonly provider?: string | undefined;
  /** Default: `max_completion_tokens`. */
  readonly maxTokensField?: "max_completion_tokens" | "max_tokens" | undefined;
  /** Default: `json-schema`. */
  readonly structuredOutputs?: StructuredOutputs | undefined;
  /** Whether refusals are sent as such, or as text. Default: true. */
  readonly refusals?: boolean | undefined;
  /** The only length that the server takes for the id of a tool call (letters and digits). Default: any up to 40. */
  readonly callIdLength?: number | undefined;
}

/** The longest id of a tool call that OpenAI takes in Chat Completions. */
const maxCallId = 40;

/** The body of a request. `settings.provider` is merged into it last. */
export function encodeChat(
  model: string,
  request: ModelRequest,
  dialect: ChatDialect = {},
): ChatCompletionCreateParamsStreaming {
  const { settings, output } = request;
  const mode = dialect.structuredOutputs ?? "json-schema";
  const told = output && mode !== "json-schema" ? describeOutput(output) : undefined;
  const system = [request.instructions, told].filter((text) => text !== undefined && text !== "").join("\n\n");
  const tools = request.tools.map(encodeTool);
  const format = output && responseFormat(output, mode);
  return {
    model,
    messages: [
      ...(system === "" ? [] : [{ role: "system" as const, content: system }]),
      ...encodeMessages(request.messages, dialect),
    ],
    stream: true,
    stream_options: { include_usage: true },
    ...(tools.length > 0 && { tools }),
    ...(tools.length > 0 && settings.toolChoice !== undefined && { tool_choice: toolChoice(settings.toolChoice) }),
    ...(tools.length > 0 &&
      settings.parallelToolCalls !== undefined && { parallel_tool_calls: settings.parallelToolCalls }),
    ...(format && { response_format: format }),
    ...(settings.temperature !== undefined && { temperature: settings.temperature }),
    ...(settings.topP !== undefined && { top_p: settings.topP }),
    ...(settings.maxOutputTokens !== undefined && {
      [dialect.maxTokensField ?? "max_completion_tokens"]: settings.maxOutputTokens,
    }),
    ...(settings.seed !== undefined && { seed: settings.seed }),
    ...(settings.stopSequences !== undefined && { stop: [...settings.stopSequences] }),
    ...(settings.presencePenalty !== undefined && { presence_penalty: settings.presencePenalty }),
    ...(settings.frequencyPenalty !== undefined && { frequency_penalty: settings.frequencyPenalty }),
    ...(settings.reasoning?.effort !== undefined && { reasoning_effort: settings.reasoning.effort }),
    ...settings.provider,
  };
}

/**
 * Converts a history into the messages of Chat Completions. What the format cannot hold is left out: reasoning of
 * other wire formats, provider tools, sources. Files in a tool's result follow in a user message, because a tool
 * message can hold only text.
 *
 * Throws `ConfigError` for what is not a list of our messages.
 */
export function toOpenAIMessages(messages: readonly Message[]): ChatCompletionMessageParam[] {
  checkMessages(messages, "messages");
  return encodeMessages(messages, {});
}

function encodeMessages(messages: readonly Message[], dialect: ChatDialect): ChatCompletionMessageParam[] {
  const { callIdLength } = dialect;
  const exact = callIdLength === undefined ? { maxLength: maxCallId } : { maxLength: callIdLength, exact: true };
  const ids = new CallIds(exact);
  const encoded: ChatCompletionMessageParam[] = [];
  /** Files of tool results: they wait until all results of the turn are there. */
  let files: ChatCompletionContentPart[] = [];
  const flush = () => {
    if (files.length > 0) encoded.push({ role: "user", content: files });
    files = [];
  };
  for (const message of messages) {
    if (message.role === "tool") {
      const id = ids.of(message.callId);
      encoded.push({ role: "tool", tool_call_id: id, content: toolText(message) });
      files.push(...toolFiles(message, id));
      continue;
    }
    flush();
    if (message.role === "assistant") encoded.push(...encodeAssistant(message, ids, dialect));
    else if (message.role === "system") encoded.push(encodeSystem(message, dialect));
    else encoded.push({ role: "user", content: userContent(message.content), ...nameOf(message, dialect) });
  }
  flush();
  return encoded;
}

function encodeSystem(message: Message & { role: "system" }, dialect: ChatDialect): ChatCompletionMessageParam {
  const role = ownData(message, "openai-chat", dialect.provider)?.role === "developer" ? "developer" : "system";
  return { role, content: message.content, ...nameOf(message, dialect) };
}

function nameOf(message: Message, dialect: ChatDialect): { name?: string } {
  const name = textIn(ownData(message, "openai-chat", dialect.provider)?.name);
  return name === "" ? {} : { name };
}

function userContent(content: string | readonly ContentPart[]): string | ChatCompletionContentPart[] {
  return typeof content === "string" ? content : content.map(encodePart).filter((part) => !isEmptyText(part));
}

/** A text without a character, which many servers refuse. */
function isEmptyText(part: ChatCompletionContentPart): boolean {
  return part.type === "text" && part.text === "";
}

function encodePart(part: ContentPart): ChatCompletionContentPart {
  const raw = ownData(part, "openai-chat", undefined)?.part;
  if (isContentPart(raw)) return raw;
  if (part.type === "text") return { type: "text", text: part.text };
  if (part.type === "image" && part.fileId === undefined) {
    const { detail } = part;
    return { type: "image_url", image_url: { url: urlOf(part) ?? "", ...(detail && { detail }) } };
  }
  return encodeFile(part.type === "image" ? { ...part, type: "file" } : part);
}

function encodeFile(part: FilePart): ChatCompletionContentPart {
  const format = audioFormatOf(part);
  if (format && part.data !== undefined) return { type: "input_audio", input_audio: { data: part.data, format } };
  if (part.fileId !== undefined) return { type: "file", file: { file_id: part.fileId } };
  return { type: "file", file: { filename: part.filename ?? "file", file_data: urlOf(part) ?? "" } };
}

/** A part kept in the provider's own form. */
function isContentPart(value: unknown): value is ChatCompletionContentPart {
  return isObject(value) && typeof value.type === "string";
}

function toolText(message: ToolMessage): string {
  if (typeof message.content === "string") return message.content;
  const texts = message.content.flatMap((part) => (part.type === "text" ? [part.text] : []));
  return texts.length === 0 && message.content.length > 0 ? "See the files in the next message." : texts.join("\n");
}

function toolFiles(message: ToolMessage, id: string): ChatCompletionContentPart[] {
  const files = typeof message.content === "string" ? [] : message.content.filter((part) => part.type !== "text");
  if (files.length === 0) return [];
  return [{ type: "text", text: `Files from the tool call ${id} (${message.name}):` }, ...files.map(encodePart)];
}

function encodeAssistant(
  message: AssistantMessage,
  ids: CallIds,
  dialect: ChatDialect,
): ChatCompletionAssistantMessageParam[] {
  let text = "";
  let refusal = "";
  let reasoning: JsonObject = {};
  let thought = "";
  const calls: ChatCompletionMessageFunctionToolCall[] = [];
  const images: JsonObject[] = [];
  for (const part of message.content) {
    if (part.type === "text") text += part.text;
    else if (part.type === "refusal") refusal += part.text;
    else if (part.type === "tool-call") calls.push(encodeCall(part, ids, dialect));
    else if (part.type === "reasoning") {
      const sent = encodeReasoning(part, dialect);
      reasoning = { ...reasoning, ...sent.fields };
      thought += sent.thought;
    } else if (part.type === "image" && ownData(part, "openai-chat", dialect.provider)) {
      images.push({ type: "image_url", image_url: { url: urlOf(part) ?? "" } });
    }
  }
  if (text === "" && refusal === "" && calls.length === 0 && images.length === 0) return [];
  return [
    {
      role: "assistant",
      content: assistantContent(thought, text, refusal, reasoning, dialect),
      ...(refusal !== "" && text !== "" && dialect.refusals !== false && { refusal }),
      ...(calls.length > 0 && { tool_calls: calls }),
      ...(images.length > 0 && { images }),
      ...withoutThinking(reasoning),
      ...nameOf(message, dialect),
    },
  ];
}

type AssistantContent = NonNullable<ChatCompletionAssistantMessageParam["content"]> | null;

function assistantContent(
  thought: string,
  text: string,
  refusal: string,
  reasoning: JsonObject,
  dialect: ChatDialect,
): AssistantContent {
  if (dialect.refusals === false) text += refusal;
  else if (text === "" && refusal !== "") return [{ type: "refusal", refusal }];
  const parts = reasoning.thinking === undefined ? [] : [{ type: "thinking", thinking: reasoning.thinking }];
  const all = [...parts, ...(text === "" ? [] : [{ type: "text", text }])];
  if (parts.length > 0 && isAssistantContent(all)) return all;
  return thought + text || null;
}

/** Mistral's `thinking` parts are not among OpenAI's. */
function isAssistantContent(parts: readonly JsonObject[]): parts is readonly JsonObject[] & AssistantContent {
  return parts.every((part) => typeof part.type === "string");
}

function withoutThinking({ thinking: _, ...fields }: JsonObject): JsonObject {
  return fields;
}

/** Reasoning goes back the way it came, and only to whom it came from. */
function encodeReasoning(part: ReasoningPart, dialect: ChatDialect): { fields: JsonObject; thought: string } {
  const own = ownData(part, "openai-chat", dialect.provider);
  const details = own?.details === undefined ? {} : { reasoning_details: own.details };
  switch (own?.field) {
    case "reasoning_content":
    case "reasoning":
      return { fields: { [own.field]: part.text, ...details }, thought: "" };
    case "thinking":
      return { fields: { thinking: [{ type: "text", text: part.text }] }, thought: "" };
    case "think":
      return { fields: {}, thought: `<think>${part.text}</think>` };
    default:
      return { fields: details, thought: "" };
  }
}

function encodeCall(part: ToolCallPart, ids: CallIds, dialect: ChatDialect): ChatCompletionMessageFunctionToolCall {
  const own = ownData(part, "openai-chat", dialect.provider);
  return {
    id: ids.begin(part.callId, own !== undefined),
    type: "function",
    function: { name: part.name, arguments: part.invalidArgs === undefined ? argsJson(part) : "{}" },
    ...(own?.extra_content !== undefined && { extra_content: own.extra_content }),
  };
}

function encodeTool(tool: ToolDefinition): ChatCompletionTool {
  const { name, description, strict } = tool;
  const parameters = { ...((strict && strictSchema(tool.parameters)) || tool.parameters) };
  return { type: "function", function: { name, description, parameters, ...(strict && { strict }) } };
}

function toolChoice(choice: NonNullable<ModelRequest["settings"]["toolChoice"]>): ChatCompletionToolChoiceOption {
  return typeof choice === "string" ? choice : { type: "function", function: { name: choice.tool } };
}

function responseFormat(
  output: OutputFormat,
  mode: StructuredOutputs,
): ChatCompletionCreateParamsStreaming["response_format"] {
  if (mode === "prompt") return undefined;
  if (mode === "json-object") return { type: "json_object" };
  const { name, description } = output;
  const strict = strictSchema(output.schema);
  const schema = { ...(strict ?? output.schema) };
  return {
    type: "json_schema",
    json_schema: { name, schema, strict: strict !== undefined, ...(description !== undefined && { description }) },
  };
}

function describeOutput(output: OutputFormat): string {
  const what = output.description === undefined ? "" : ` (${output.description})`;
  return `Answer with JSON only${what}, without a code fence, that fits this JSON Schema:\n${JSON.stringify(output.schema)}`;
}
