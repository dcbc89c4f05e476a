import { isObject, type JsonObject, object, parseJson, string } from "./json.ts";

/** A tool that a request offers. */
export interface ToolDefinition {
  name: string;
  description: string;
  /** The JSON Schema of its arguments. */
  parameters: JsonObject;
}

/** A tool call: one that the history holds, or one that the reply makes. */
export interface Call {
  id: string;
  name: string;
  args: JsonObject;
}

/** A message of the history, in no vendor's form. System messages count only for the usage. */
export type Message =
  | { role: "user"; text: string }
  | { role: "assistant"; text: string; calls: Call[] }
  | { role: "tool"; callId: string; text: string; failed: boolean };

/** A request in no vendor's form: all that decides the reply. */
export interface Conversation {
  messages: Message[];
  tools: ToolDefinition[];
  toolChoice: "auto" | "none" | "required" | { name: string };
  /** Whether one turn may make several calls. */
  parallel: boolean;
  /** The JSON Schema that the answer must satisfy. */
  schema: JsonObject | undefined;
  /** Whether the request asks for reasoning. */
  reasoning: boolean;
  maxTokens: number | undefined;
  stop: string[];
}

/** What the model answers, in no vendor's form. */
export interface Reply {
  reasoning: string;
  text: string;
  calls: Call[];
  finish: "stop" | "stop-sequence" | "tool-calls" | "length" | "content-filter";
  /** The sequence that ended the text, where one did. */
  stopSequence: string | undefined;
}

/** The tool that OpenAI's APIs describe so. */
export function toTool({ name, description, parameters }: JsonObject): ToolDefinition {
  return { name: string(name), description: string(description), parameters: object(parameters) };
}

/** OpenAI's `tool_choice`: a word, or else the function of this name. */
export function toToolChoice(choice: unknown, name: unknown): Conversation["toolChoice"] {
  if (choice === undefined || choice === null) return "auto";
  return choice === "auto" || choice === "none" || choice === "required" ? choice : { name: string(name) };
}

/** A token is taken to be four characters. */
export const countTokens = (text: string): number => Math.ceil(text.length / 4);

/** The text of a message's content: a string, or parts. What is not text is only named, such as "[image]". */
export function contentText(content: unknown): string {
  if (!Array.isArray(content)) return string(content);
  return content
    .map((part: unknown) => object(part))
    .map((part) => string(part.text) || string(part.refusal) || `[${string(part.type).replace(/^input_|_url$/g, "")}]`)
    .join("\n");
}

const FAILURE =
  /\b(?:error|failed|failure|not found|no such|no result|there is no|cannot|can't|could not|couldn't|unable to|invalid|unknown|denied|refused|not allowed|timed out|timeout|unavailable|stopped)\b/i;
/** How much of a result is looked at: who reports a failure does so at once. */
const FAILURE_WITHIN = 200;

/** Whether a result reads like a failure: OpenAI's protocols have no field that says so. */
export function looksFailed(text: string): boolean {
  const value = parseJson(text);
  if (isObject(value)) return value.error !== undefined && value.error !== null;
  return typeof value !== "number" && !Array.isArray(value) && FAILURE.test(text.slice(0, FAILURE_WITHIN));
}
