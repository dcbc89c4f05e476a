import { ConfigError } from "./errors.ts";
import type { ContentPart, FilePart, ImagePart, TextPart } from "./messages.ts";
import { wrong } from "./option-checks.ts";

/** A text part. */
export function text(value: string): TextPart {
  return { type: "text", text: value };
}

/**
 * An image part: a URL (http, https or data), or bytes.
 *
 * @example
 * ```ts
 * import { image, text } from "millrace";
 *
 * const question = [text("What is this?"), image("https://example.org/cat.png", { detail: "low" })];
 * ```
 */
export function image(source: string | Uint8Array, options: Pick<ImagePart, "mediaType" | "detail"> = {}): ImagePart {
  return { type: "image", ...locate(source, { mediaType: "image/png", ...options }), ...options };
}

/** A file part: a URL (http, https or data), or bytes with their `mediaType`. */
export function file(source: string | Uint8Array, options: Pick<FilePart, "mediaType" | "filename"> = {}): FilePart {
  if (typeof source !== "string" && !options.mediaType) {
    throw new ConfigError("file.mediaType", 'is required with bytes, such as "application/pdf"');
  }
  return { type: "file", ...locate(source, options), ...options };
}

function locate(
  source: string | Uint8Array,
  { mediaType }: { mediaType?: string },
): { url: string } | { data: string; mediaType: string } {
  if (source instanceof Uint8Array)
    return { data: toBase64(source), mediaType: mediaType ?? "application/octet-stream" };
  if (typeof source !== "string") throw wrong("source", "a URL, or bytes (Uint8Array)", source);
  const inline = /^data:([^;,]+);base64,(.*)$/s.exec(source);
  if (inline?.[1] && inline[2] !== undefined) return { mediaType: inline[1], data: inline[2] };
  if (/^(https?|data|gs|s3):/.test(source)) return { url: source };
  throw new ConfigError("source", "expected a URL with http:, https: or data:, or bytes (Uint8Array)");
}

/** Bytes in base64. */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  // In steps: a call takes only so many arguments.
  for (let from = 0; from < bytes.length; from += 32_768)
    binary += String.fromCharCode(...bytes.subarray(from, from + 32_768));
  return btoa(binary);
}

/**
 * Content from a template: `{name}` is replaced by a text, a part, or a list of them; `{{` and `}}` stand for braces.
 * Text between parts is trimmed and left out where nothing remains.
 *
 * @param options.partial leave a name without a value as it is, to be filled later. Default: false.
 * @throws {@link ConfigError} for a name that has no value
 *
 * @example
 * ```ts
 * import { fillTemplate, image } from "millrace";
 *
 * const parts = fillTemplate("Compare {left} with {right}.", {
 *   left: image("https://example.org/a.png"),
 *   right: image("https://example.org/b.png"),
 * });
 * ```
 */
export function fillTemplate(
  template: string,
  values: { readonly [name: string]: string | ContentPart | readonly ContentPart[] },
  { partial = false }: { partial?: boolean } = {},
): ContentPart[] {
  const parts: ContentPart[] = [];
  let pending = "";
  const flush = (): void => {
    const trimmed = pending.trim();
    if (trimmed) parts.push(text(trimmed));
    pending = "";
  };
  for (const [token, name] of template.matchAll(/\{\{|\}\}|\{(\w+)\}|[^{}]+|[{}]/g)) {
    if (name === undefined) {
      pending += token === "{{" ? "{" : token === "}}" ? "}" : token;
      continue;
    }
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined && !partial) throw new ConfigError("template", `there is no value for {${name}}`);
    if (value === undefined || typeof value === "string") {
      pending += value ?? token;
    } else {
      flush();
      parts.push(...[value].flat());
    }
  }
  flush();
  return parts;
}
