import type { FilePart, ImagePart } from "millrace/provider";

/** The URL of a part: its own, or a data URL of its bytes; undefined where it has neither. */
export function urlOf(part: ImagePart | FilePart): string | undefined {
  if (part.url !== undefined) return part.url;
  if (part.data === undefined) return undefined;
  const fallback = part.type === "image" ? "image/png" : "application/octet-stream";
  return `data:${part.mediaType ?? fallback};base64,${part.data}`;
}

/** What OpenAI calls an audio file's format: `wav` or `mp3`; undefined for a file that is no audio. */
export function audioFormatOf(part: FilePart): "wav" | "mp3" | undefined {
  return part.mediaType === undefined ? undefined : audioFormats.get(part.mediaType);
}

const audioFormats: ReadonlyMap<string, "wav" | "mp3"> = new Map([
  ["audio/wav", "wav"],
  ["audio/x-wav", "wav"],
  ["audio/wave", "wav"],
  ["audio/mpeg", "mp3"],
  ["audio/mp3", "mp3"],
]);
