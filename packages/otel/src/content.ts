import type { AssistantMessage, ContentPart, FinishReason, Message, ModelFinish } from "millrace";

/** A part of a message in the form of the conventions. */
type Part = { readonly type: string; readonly [field: string]: unknown };

/** Instructions in the form of the conventions, as JSON. */
export function instructionsJson(instructions: string): string {
  return JSON.stringify([{ type: "text", content: instructions }]);
}

/** Messages in the form of the conventions, as JSON. */
export function messagesJson(messages: readonly Message[]): string {
  return JSON.stringify(messages.map((message) => ({ role: message.role, parts: partsOf(message) })));
}

/** An answer in the form of the conventions, as JSON. */
export function answerJson({ message, reason }: Pick<ModelFinish, "message" | "reason">): string {
  return JSON.stringify([
    { role: message.role, parts: partsOf(message), finish_reason: finishReasons[reason] ?? reason },
  ]);
}

const finishReasons: { readonly [Reason in FinishReason]?: string } = {
  "content-filter": "content_filter",
  "tool-calls": "tool_call",
};

/** A value as JSON; text as it is. */
export function valueJson(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "null");
}

function partsOf(message: Message): Part[] {
  if (message.role === "tool") {
    const { callId, content } = message;
    const response = typeof content === "string" ? content : content.map(contentPart);
    return [{ type: "tool_call_response", id: callId, response }];
  }
  if (message.role === "assistant") return message.content.map(assistantPart);
  const { content } = message;
  return typeof content === "string" ? [{ type: "text", content }] : content.map(contentPart);
}

function assistantPart(part: AssistantMessage["content"][number]): Part {
  switch (part.type) {
    case "reasoning":
      return { type: "reasoning", content: part.text };
    case "tool-call":
      return { type: "tool_call", id: part.callId, name: part.name, arguments: part.invalidArgs ?? part.args };
    case "provider-tool":
      return { type: "server_tool_call", id: part.callId, name: part.name, input: part.input, output: part.output };
    case "source":
      return { type: "source", uri: part.url, title: part.title };
    case "refusal":
      return { type: "refusal", content: part.text };
    default:
      return contentPart(part);
  }
}

/** Images and files by where they are: their bytes are not for a trace. */
function contentPart(part: ContentPart): Part {
  if (part.type === "text") return { type: "text", content: part.text };
  const { url, fileId, mediaType } = part;
  const kind = { modality: part.type === "image" ? "image" : modalityOf(mediaType), mime_type: mediaType };
  if (fileId !== undefined) return { type: "file", ...kind, file_id: fileId };
  if (url !== undefined && !url.startsWith("data:")) return { type: "uri", ...kind, uri: url };
  return { type: "data_left_out", ...kind };
}

function modalityOf(mediaType = ""): string {
  const [kind = ""] = mediaType.split("/");
  return ["image", "audio", "video"].includes(kind) ? kind : "document";
}
