/** A JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json };

/**
 * What a provider needs back unchanged: signatures, encrypted reasoning, item ids. The key names the wire format
 * (`openai-chat`, `openai-responses`, `anthropic` …); another provider's encoder ignores it.
 */
export type ProviderData = { readonly [wire: string]: Json };

interface Part {
  readonly providerData?: ProviderData;
}

/** Text. */
export interface TextPart extends Part {
  readonly type: "text";
  readonly text: string;
}

/**
 * An image, named by exactly one of: a `url` (http or data URL), base64 `data` with its `mediaType`, or the `fileId`
 * of a file uploaded to the provider.
 */
export interface ImagePart extends Part {
  readonly type: "image";
  readonly url?: string;
  readonly data?: string;
  readonly mediaType?: string;
  readonly fileId?: string;
  /** How closely the model should look; OpenAI's values. */
  readonly detail?: "low" | "high" | "auto";
}

/** A file (PDF, audio, plain text …), named like an image. */
export interface FilePart extends Part {
  readonly type: "file";
  readonly url?: string;
  readonly data?: string;
  readonly mediaType?: string;
  readonly fileId?: string;
  readonly filename?: string;
}

/** What the model thought before it answered. */
export interface ReasoningPart extends Part {
  readonly type: "reasoning";
  /** Readable reasoning; empty where the provider gives only a signature or encrypted content. */
  readonly text: string;
}

/** The model declines. Kept apart from its text, as the providers do; the text may be empty. */
export interface RefusalPart extends Part {
  readonly type: "refusal";
  readonly text: string;
}

/** The model asks for a tool of the agent. */
export interface ToolCallPart extends Part {
  readonly type: "tool-call";
  readonly callId: string;
  readonly name: string;
  readonly args: JsonObject;
  /** What the model sent as arguments, when it is not a JSON object; `args` is empty then. */
  readonly invalidArgs?: string;
}

/** A tool that the provider ran itself (web search, code execution, MCP …) or another of its own items. */
export interface ProviderToolPart extends Part {
  readonly type: "provider-tool";
  readonly callId: string;
  readonly name: string;
  readonly input?: Json;
  readonly output?: Json;
  readonly isError?: boolean;
}

/** A place that the answer cites. */
export interface SourcePart extends Part {
  readonly type: "source";
  readonly url?: string;
  readonly title?: string;
  /** The document's name or id, where the source is not a page. */
  readonly document?: string;
  /** The cited text. */
  readonly quote?: string;
}

/** A part of a user's message or of a tool's result. */
export type ContentPart = TextPart | ImagePart | FilePart;

/** A part of a model's message, in the order in which the model wrote them. */
export type AssistantPart =
  | TextPart
  | ReasoningPart
  | RefusalPart
  | ToolCallPart
  | ProviderToolPart
  | SourcePart
  | ImagePart
  | FilePart;

/** An instruction inside a conversation. The agent's own `instructions` are never stored in a history. */
export interface SystemMessage extends Part {
  readonly role: "system";
  readonly content: string;
}

/** What the user says. */
export interface UserMessage extends Part {
  readonly role: "user";
  readonly content: string | readonly ContentPart[];
}

/** What the model answers. */
export interface AssistantMessage extends Part {
  readonly role: "assistant";
  readonly content: readonly AssistantPart[];
}

/** The outcome of one tool call: exactly one message for each call. */
export interface ToolMessage extends Part {
  readonly role: "tool";
  readonly callId: string;
  readonly name: string;
  readonly content: string | readonly ContentPart[];
  /** The call gave no result; `content` says why. */
  readonly isError?: boolean;
}

/** One message of a conversation: plain data, the same for every provider, on the server, on the wire and in a page. */
export type Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage;

/** What a run can be started with: text, parts of one user message, or whole messages. */
export type Input = string | readonly ContentPart[] | readonly Message[];

/** The text of a message: its text parts joined. */
export function textOf(message: Message): string {
  if (typeof message.content === "string") return message.content;
  let text = "";
  for (const part of message.content) if (part.type === "text") text += part.text;
  return text;
}

/** The tool calls of a message, in order. */
export function toolCallsOf(message: Message): ToolCallPart[] {
  if (message.role !== "assistant") return [];
  return message.content.filter((part) => part.type === "tool-call");
}

/** Whether a tool's result is content parts rather than JSON. */
export function isContent(result: unknown): result is readonly ContentPart[] {
  return Array.isArray(result) && result.length > 0 && result.every(isContentPart);
}

/** Whether a value is one content part. */
export function isContentPart(value: unknown): value is ContentPart {
  if (typeof value !== "object" || value === null || !("type" in value)) return false;
  if (value.type === "text") return "text" in value && typeof value.text === "string";
  // What only its provider can read has nothing but `providerData`.
  const places = ["url", "data", "fileId", "providerData"];
  return (value.type === "image" || value.type === "file") && places.some((place) => place in value);
}
