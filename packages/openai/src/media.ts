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
  switch (part.mediaType) {
    case "audio/wav":
    case "audio/x-wav":
    case "audio/wave":
      return "wav";
    case "audio/mpeg":
    case "audio/mp3":
      return "mp3";
  }
  return undefined;
}
