import { type ContentPart, isContent, isContentPart } from "millrace";
import { jsonOf } from "millrace/wire";
import type { AGUIContentPart } from "./agui-event.ts";
import { fits } from "./agui-thread.ts";

/** Even where each character is escaped, clients can read so many in one event. */
export const maxText = 1_000_000;

/** The result of a tool as clients show and keep it. One that is too long for an event is cut. */
export function resultContent(result: unknown, isNew: boolean): string | readonly AGUIContentPart[] {
  const parts = isContent(result) ? result : isContentPart(result) ? [result] : undefined;
  if (!parts) return cut(typeof result === "string" ? result : jsonOf(result));
  const content = parts.map(contentPart);
  // Older clients know only text.
  return isNew && fits(content) ? content : cut(parts.map(inWords).join("\n"));
}

function cut(text: string): string {
  if (text.length <= maxText) return text;
  return `${text.slice(0, maxText)}… (cut: ${text.length} characters)`;
}

function contentPart(part: ContentPart): AGUIContentPart {
  if (part.type === "text") return { type: "text", text: part.text };
  const { url, data, mediaType } = part;
  const type = kindOf(part.type, mediaType);
  if (data !== undefined) {
    const mimeType = mediaType ?? (part.type === "image" ? "image/png" : "application/octet-stream");
    return { type, source: { type: "data", value: data, mimeType } };
  }
  // A file that only its provider can read.
  if (url === undefined) return { type: "text", text: inWords(part) };
  return { type, source: { type: "url", value: url, ...(mediaType !== undefined && { mimeType: mediaType }) } };
}

function kindOf(type: "image" | "file", mediaType = ""): "image" | "audio" | "video" | "document" {
  if (type === "image") return "image";
  if (mediaType.startsWith("audio/")) return "audio";
  return mediaType.startsWith("video/") ? "video" : "document";
}

function inWords(part: ContentPart): string {
  return part.type === "text" ? part.text : `[${part.type}${part.mediaType ? ` ${part.mediaType}` : ""}]`;
}
