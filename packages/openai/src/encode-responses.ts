import {
  type AssistantMessage,
  argsJson,
  type ContentPart,
  checkMessages,
  type FilePart,
  isObject,
  type Json,
  type JsonObject,
  type Message,
  type ModelRequest,
  type OutputFormat,
  type ReasoningPart,
  type RefusalPart,
  type TextPart,
  type ToolCallPart,
  type ToolDefinition,
  type ToolMessage,
} from "millrace/provider";
import type {
  FunctionTool,
  ResponseCreateParamsStreaming,
  ResponseFormatTextConfig,
  ResponseInputContent,
  ResponseInputItem,
} from "openai/resources/responses/responses";
import { CallIds } from "./call-ids.ts";
import { audioFormatOf, urlOf } from "./media.ts";
import { strictSchema } from "./strict-schema.ts";
import { isList, ownData, textIn, without } from "./wire.ts";

/** What the encoder must know of whom it writes to. */
export interface ResponsesDialect {
  /** Whose items may be sent back; undefined: everybody's. */
  readonly provider?: string | undefined;
  /** Whether the server keeps the items: then it knows them by their ids. Default: false. */
  readonly stored?: boolean | undefined;
}

/** The longest `call_id` that OpenAI takes. */
const maxCallId = 64;

/**
 * Models that reason, by their names. Others refuse to be asked for encrypted reasoning, and the name of an Azure
 * deployment may say nothing: there `settings.reasoning` tells.
 */
const reasoners = /(^|[/.:_-])(o[1-9]|gpt-([5-9]|\d\d)|codex|gpt-oss)(?!.*chat)/i;

/** The body of a request. `settings.provider` is merged into it last. */
export function encodeResponses(
  model: string,
  request: ModelRequest,
  dialect: ResponsesDialect = {},
): ResponseCreateParamsStreaming {
  const { settings, output, instructions } = request;
  const tools = request.tools.map(encodeTool);
  const stored = settings.provider?.["store"] === true;
  const { effort, summary } = settings.reasoning ?? {};
  const reasons = settings.reasoning !== undefined ? effort !== "none" : reasoners.test(model);
  return {
    model,
    input: encodeInput(request.messages, { ...dialect, stored: dialect.stored ?? stored }),
    stream: true,
    // Our history is the memory: nothing is to be kept there, and what is needed of the reasoning comes encrypted.
    store: false,
    ...(reasons && { include: ["reasoning.encrypted_content"] }),
    ...(instructions !== undefined && instructions !== "" && { instructions }),
    ...(tools.length > 0 && { tools }),
    ...(tools.length > 0 && settings.toolChoice !== undefined && { tool_choice: toolChoice(settings.toolChoice) }),
    ...(tools.length > 0 &&
      settings.parallelToolCalls !== undefined && { parallel_tool_calls: settings.parallelToolCalls }),
    ...(output && { text: { format: textFormat(output) } }),
    ...(settings.temperature !== undefined && { temperature: settings.temperature }),
    ...(settings.topP !== undefined && { top_p: settings.topP }),
    ...(settings.maxOutputTokens !== undefined && { max_output_tokens: settings.maxOutputTokens }),
    ...((effort !== undefined || summary !== undefined) && {
      reasoning: { ...(effort !== undefined && { effort }), ...(summary !== undefined && { summary }) },
    }),
    ...settings.provider,
  };
}

/**
 * Converts a history into input items of the Responses API. Items that the API gave are sent back as they were, where
 * it still can read them; what other wire formats gave is left out where it is not text, a call or a result.
 *
 * Throws `ConfigError` for what is not a list of our messages.
 */
export function toResponsesInput(messages: readonly Message[]): ResponseInputItem[] {
  checkMessages(messages, "messages");
  return encodeInput(messages, { stored: true });
}

function encodeInput(messages: readonly Message[], dialect: ResponsesDialect): ResponseInputItem[] {
  const ids = new CallIds({ maxLength: maxCallId });
  /** Who made a call, where the API said so: it wants to hear it again with the result. */
  const callers = new Map<string, Json>();
  const items: ResponseInputItem[] = [];
  for (const message of messages) {
    if (message.role === "system") {
      items.push({ role: isDeveloper(message, dialect) ? "developer" : "system", content: message.content });
    } else if (message.role === "user") items.push({ role: "user", content: userContent(message.content) });
    else if (message.role === "tool") items.push(...inputItems([encodeOutput(message, ids, callers)]));
    else items.push(...inputItems(encodeAssistant(message, ids, callers, dialect)));
  }
  return items;
}

function encodeOutput(message: ToolMessage, ids: CallIds, callers: ReadonlyMap<string, Json>): object {
  const caller = callers.get(message.callId);
  const output = { type: "function_call_output", call_id: ids.of(message.callId), output: toolOutput(message) };
  return caller === undefined ? output : { ...output, caller };
}

function isDeveloper(message: Message, dialect: ResponsesDialect): boolean {
  return ownData(message, "openai-responses", dialect.provider)?.role === "developer";
}

/** Items as the API gave them are not all among the types of its client. */
function inputItems(items: readonly object[]): ResponseInputItem[] {
  return items.filter((item): item is ResponseInputItem => "type" in item || "role" in item);
}

function userContent(content: string | readonly ContentPart[]): string | ResponseInputContent[] {
  return typeof content === "string" ? content : encodeParts(content);
}

/** Without texts that have no character, which the API refuses. */
function encodeParts(parts: readonly ContentPart[]): ResponseInputContent[] {
  return parts.map(encodePart).filter((part) => part.type !== "input_text" || part.text !== "");
}

function encodePart(part: ContentPart): ResponseInputContent {
  const raw = ownData(part, "openai-responses", undefined)?.part;
  if (isInputContent(raw)) return raw;
  if (part.type === "text") return { type: "input_text", text: part.text };
  if (part.type === "file") return encodeFile(part);
  const detail = part.detail ?? "auto";
  if (part.fileId !== undefined) return { type: "input_image", file_id: part.fileId, detail };
  return { type: "input_image", image_url: urlOf(part) ?? "", detail };
}

function encodeFile(part: FilePart): ResponseInputContent {
  if (part.fileId !== undefined) return { type: "input_file", file_id: part.fileId };
  if (part.url !== undefined && !part.url.startsWith("data:")) return { type: "input_file", file_url: part.url };
  const format = audioFormatOf(part);
  const audio = { type: "input_audio", input_audio: { data: part.data ?? "", format } };
  if (format && part.data !== undefined && isInputContent(audio)) return audio;
  return { type: "input_file", filename: part.filename ?? "file", file_data: urlOf(part) ?? "" };
}

/** A part in the provider's own form: some models take ones that are not among the client's types. */
function isInputContent(value: unknown): value is ResponseInputContent {
  return isObject(value) && typeof value.type === "string";
}

function toolOutput(message: ToolMessage): string | ResponseInputContent[] {
  if (typeof message.content === "string") return message.content;
  const [only] = message.content;
  if (message.content.length === 1 && only?.type === "text") return only.text;
  const parts = encodeParts(message.content);
  return parts.length > 0 ? parts : "";
}

/** The items of one answer, in their order. */
function encodeAssistant(
  message: AssistantMessage,
  ids: CallIds,
  callers: Map<string, Json>,
  dialect: ResponsesDialect,
): JsonObject[] {
  const own = (part: AssistantMessage["content"][number]) => ownData(part, "openai-responses", dialect.provider);
  const lost = message.content.some((part) => part.type === "reasoning" && own(part) && !isReadable(part, dialect));
  const items: JsonObject[] = [];
  for (const part of message.content) {
    const kept = own(part);
    switch (part.type) {
      case "text":
      case "refusal":
        // An item whose reasoning is missing must not be known by its id: the server would ask for the reasoning.
        addContent(items, part, lost && kept ? without(kept, "id") : kept);
        break;
      case "reasoning":
        if (isReadable(part, dialect) && isObject(kept?.item)) items.push(kept.item);
        break;
      case "tool-call":
        if (kept?.caller !== undefined && kept.caller !== null) callers.set(part.callId, kept.caller);
        items.push(encodeCall(part, ids, lost && kept ? without(kept, "id") : kept));
        break;
      case "provider-tool":
        if (isObject(kept?.item)) items.push(kept.item);
    }
  }
  // The API refuses a reasoning item that nothing follows: so it is where an answer was cut.
  while (items.at(-1)?.type === "reasoning") items.pop();
  return items;
}

/** Whether the server can read a reasoning item: from its content, or because it has it. */
function isReadable(part: ReasoningPart, dialect: ResponsesDialect): boolean {
  const item = ownData(part, "openai-responses", dialect.provider)?.item;
  // A further part of an item: its first one has it all.
  if (!isObject(item)) return true;
  return (
    Boolean(item.encrypted_content) || (isList(item.content) && item.content.length > 0) || dialect.stored === true
  );
}

/** Appends a text or a refusal to the message item that it belongs to, or opens one. */
function addContent(items: JsonObject[], part: TextPart | RefusalPart, kept: JsonObject | undefined): void {
  if (part.text === "") return;
  const id = textIn(kept?.id);
  const last = items.at(-1);
  const joins = last?.role === "assistant" && textIn(last.id) === id;
  if (id === "" && kept?.phase === undefined && part.type === "text") {
    if (joins && typeof last.content === "string")
      items[items.length - 1] = { ...last, content: last.content + part.text };
    else items.push({ role: "assistant", content: part.text });
    return;
  }
  const annotations = isList(kept?.annotations) ? kept.annotations : [];
  const content =
    part.type === "text"
      ? { type: "output_text", text: part.text, annotations }
      : { type: "refusal", refusal: part.text };
  if (joins && isList(last.content)) items[items.length - 1] = { ...last, content: [...last.content, content] };
  else {
    const more = kept ? without(kept, "provider", "annotations") : {};
    const status = id === "" ? {} : { status: "completed" };
    items.push({ type: "message", role: "assistant", ...status, content: [content], ...more });
  }
}

function encodeCall(part: ToolCallPart, ids: CallIds, kept: JsonObject | undefined): JsonObject {
  return {
    type: "function_call",
    ...(kept && without(kept, "provider")),
    call_id: ids.begin(part.callId),
    name: part.name,
    arguments: part.invalidArgs === undefined ? argsJson(part) : "{}",
  };
}

function encodeTool(tool: ToolDefinition): FunctionTool {
  const { name, description, strict = false } = tool;
  const parameters = { ...((strict && strictSchema(tool.parameters)) || tool.parameters) };
  // Said also where it is false: left out, this API takes it for true.
  return { type: "function", name, description, parameters, strict };
}

function toolChoice(
  choice: NonNullable<ModelRequest["settings"]["toolChoice"]>,
): NonNullable<ResponseCreateParamsStreaming["tool_choice"]> {
  return typeof choice === "string" ? choice : { type: "function", name: choice.tool };
}

function textFormat(output: OutputFormat): ResponseFormatTextConfig {
  const { name, description } = output;
  const strict = strictSchema(output.schema);
  const schema = { ...(strict ?? output.schema) };
  return {
    type: "json_schema",
    name,
    schema,
    strict: strict !== undefined,
    ...(description !== undefined && { description }),
  };
}
