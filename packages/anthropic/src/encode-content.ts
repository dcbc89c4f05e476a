import type {
  ContentBlockParam,
  DocumentBlockParam,
  ImageBlockParam,
  TextBlockParam,
  ToolResultBlockParam,
} from "@anthropic-ai/sdk/resources/messages";
import { type ContentPart, type FilePart, type ImagePart, isObject, ModelError } from "millrace/provider";
import { ownData, wire } from "./wire.ts";

type ResultBlock = Exclude<ToolResultBlockParam["content"], string | undefined>[number];

/** A text block; undefined where the API would refuse it for having nothing but white space. */
export function textBlock(text: string): TextBlockParam | undefined {
  return text.trim() === "" ? undefined : { type: "text", text: wellFormed(text) };
}

/** Without halves of characters, which a text that was cut may hold: the API refuses the whole request for one. */
export function wellFormed(text: string): string {
  return text.toWellFormed();
}

/** The blocks of a user's message. */
export function contentBlocks(content: string | readonly ContentPart[]): ContentBlockParam[] {
  if (typeof content === "string") return [textBlock(content)].filter((block) => block !== undefined);
  return content.map(contentBlock).filter((block) => block !== undefined);
}

/** The blocks of a tool's result: text, images, documents, search results, references to tools. */
export function resultBlocks(content: readonly ContentPart[]): ResultBlock[] {
  return contentBlocks(content).filter(isResultBlock);
}

/** Whether a value is a block of this API: one that it sent itself, or that was taken over from its history. */
export function isBlock(value: unknown): value is ContentBlockParam {
  return isObject(value) && typeof value["type"] === "string";
}

const resultTypes: ReadonlySet<string> = new Set(["text", "image", "document", "search_result", "tool_reference"]);

function isResultBlock(block: ContentBlockParam): block is Extract<ContentBlockParam, ResultBlock> {
  return resultTypes.has(block.type);
}

function contentBlock(part: ContentPart): ContentBlockParam | undefined {
  const kept = ownData(part)?.["block"];
  if (isBlock(kept)) return kept;
  switch (part.type) {
    case "text":
      return textBlock(part.text);
    case "image":
      return imageBlock(part);
    case "file":
      return part.mediaType?.startsWith("image/") ? imageBlock(part) : documentBlock(part);
  }
}

const imageTypes = ["image/jpeg", "image/png", "image/gif", "image/webp"] as const;

function imageBlock(part: ImagePart | FilePart): ImageBlockParam {
  if (part.fileId !== undefined) return { type: "image", source: { type: "file", file_id: part.fileId } };
  const { data, mediaType, url } = locate(part);
  if (url !== undefined) return { type: "image", source: { type: "url", url } };
  const media_type = imageTypes.find((type) => type === mediaType);
  if (media_type === undefined || data === undefined) throw unsupported("an image", imageTypes.join(", "), mediaType);
  return { type: "image", source: { type: "base64", media_type, data } };
}

function documentBlock(part: FilePart): DocumentBlockParam {
  const title = part.filename === undefined ? {} : { title: part.filename };
  return { type: "document", source: documentSource(part), ...title, ...ownData(part) };
}

function documentSource(part: FilePart): DocumentBlockParam["source"] {
  if (part.fileId !== undefined) return { type: "file", file_id: part.fileId };
  const { data, mediaType, url } = locate(part);
  if (url !== undefined) return { type: "url", url };
  if (data !== undefined && mediaType === "application/pdf") return { type: "base64", media_type: mediaType, data };
  if (data !== undefined && isText(mediaType)) {
    return { type: "text", media_type: "text/plain", data: textOfBase64(data) };
  }
  throw unsupported("a file", "application/pdf, text/*, JSON, XML and YAML", mediaType);
}

function isText(mediaType: string | undefined): boolean {
  return mediaType !== undefined && /^text\/|[/+](json|xml|x?yaml|javascript)\b/.test(mediaType);
}

/** Where a part's bytes are: behind a link, or here in base64. A data URL is taken apart. */
function locate(part: ImagePart | FilePart): { url?: string; data?: string; mediaType?: string } {
  const mediaType = part.mediaType === undefined ? {} : { mediaType: part.mediaType };
  if (part.data !== undefined) return { data: part.data, ...mediaType };
  const inline = /^data:([^;,]*)(?:;[^,]*)?;base64,(.*)$/s.exec(part.url ?? "");
  if (inline?.[2] !== undefined) return { data: inline[2], mediaType: inline[1] || (part.mediaType ?? "") };
  if (part.url !== undefined && !part.url.startsWith("data:")) return { url: part.url };
  return mediaType;
}

function unsupported(what: string, expected: string, got: string | undefined): ModelError {
  return new ModelError(
    `${wire}: ${what} must be a link, a file id or base64 of ${expected}; got ${got || "none of them"}`,
    {
      kind: "unsupported",
      provider: wire,
    },
  );
}

function textOfBase64(base64: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
}
