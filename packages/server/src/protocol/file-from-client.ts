import { ConfigError, type FilePart, type ImagePart, toBase64 } from "millrace";

/** A file as front ends send it. */
export interface ClientFile {
  /** http(s), or a data URL. */
  readonly url?: unknown;
  /** Base64. */
  readonly data?: unknown;
  readonly mediaType?: unknown;
  readonly filename?: unknown;
}

/**
 * A file that a client sends, as a part. Only bytes and pages of the web: a provider would read `gs:` and `s3:` with the
 * server's own rights. Throws {@link ConfigError}, naming `at`.
 */
export function fileFromClient({ url, data, mediaType, filename }: ClientFile, at: string): ImagePart | FilePart {
  const { type, ...place } = typeof data === "string" ? bytes(data, mediaType, at) : located(url, mediaType, at);
  if (type?.startsWith("image/")) return { type: "image", ...place, mediaType: type };
  const name = typeof filename === "string" && filename !== "" && { filename };
  return { type: "file", ...place, ...(type && { mediaType: type }), ...name };
}

type Place = ({ readonly url: string } | { readonly data: string }) & { readonly type: string | undefined };

function located(url: unknown, mediaType: unknown, at: string): Place {
  if (typeof url === "string" && /^https?:\/\//i.test(url)) return { url, type: checkedType(mediaType, at) };
  const inline = typeof url === "string" ? /^data:([^;,]*)((?:;[^,]*)?),(.*)$/is.exec(url) : null;
  if (!inline)
    throw new ConfigError(at, "expected a file with a URL of http:, https: or data:, or with data in base64");
  const [, ownType = "", parameters = "", content = ""] = inline;
  const type = typeof mediaType === "string" && mediaType !== "" ? mediaType : ownType;
  return bytes(/;base64$/i.test(parameters) ? content : toBase64(unescaped(content, at)), type || "text/plain", at);
}

function bytes(data: string, mediaType: unknown, at: string): Place {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(data)) throw new ConfigError(at, "expected the file's data in base64");
  const type = checkedType(mediaType, at);
  if (type === undefined) throw new ConfigError(at, "expected the file's media type");
  return { data, type };
}

function checkedType(mediaType: unknown, at: string): string | undefined {
  if (mediaType === undefined || mediaType === null || mediaType === "") return undefined;
  if (typeof mediaType === "string" && /^[\w.+-]+\/[\w.+*-]+(\s*;.*)?$/.test(mediaType)) return mediaType;
  throw new ConfigError(at, 'expected a media type such as "image/png"');
}

function unescaped(content: string, at: string): Uint8Array {
  try {
    return new TextEncoder().encode(decodeURIComponent(content));
  } catch {
    throw new ConfigError(at, "expected the data URL to be escaped rightly");
  }
}
