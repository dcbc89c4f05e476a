import { type ContentPart, isContentPart } from "millrace";
import { isObject, type JsonObject } from "millrace/provider";
import { HttpError } from "./http-error.ts";

/** What a client asks: a message for a chat. */
export interface ChatMessage {
  readonly chatId: string;
  readonly input: string | readonly ContentPart[];
}

/** Longer ids are a fault or an attack. */
const maxIdLength = 512;

/** What a chat's id has to be, in words. */
export const chatIdExpected: string = `expected a text of 1 to ${maxIdLength} characters`;

/** Whether a client may call a chat so. */
export function isChatId(id: unknown): id is string {
  return typeof id === "string" && id !== "" && id.length <= maxIdLength;
}

/** A request's body of JSON. Throws {@link HttpError}. */
export async function readBody(request: Request, maxBodyBytes: number): Promise<JsonObject> {
  const type = request.headers.get("content-type") ?? "";
  // Also what keeps forms of other sites out: a browser asks before it sends this type across origins.
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new HttpError(415, "unsupported-media-type", "expected a body of type application/json");
  }
  return parseObject(await readText(request, maxBodyBytes));
}

async function readText(request: Request, maxBytes: number): Promise<string> {
  const tooLarge = new HttpError(413, "too-large", `expected a body of at most ${maxBytes} bytes`);
  if (Number(request.headers.get("content-length")) > maxBytes) throw tooLarge;
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = request.body?.getReader();
  if (!reader) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(brokenOff);
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > maxBytes) {
      await reader.cancel();
      throw tooLarge;
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** A client that goes away while it sends is no fault of the server. */
function brokenOff(): never {
  throw new HttpError(400, "invalid-request", "the body broke off");
}

/** The object of a JSON text from a client. Throws {@link HttpError}. */
export function parseObject(text: string): JsonObject {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {}
  if (isObject(body)) return body;
  throw new HttpError(400, "invalid-request", "expected an object of JSON");
}

/** The message that an object from a client holds. Throws {@link HttpError}. */
export function toMessage({ chatId, input }: JsonObject): ChatMessage {
  if (!isChatId(chatId)) throw new HttpError(400, "invalid-request", `chatId: ${chatIdExpected}`);
  return { chatId, input: toInput(input) };
}

/**
 * What a user may say: text, or parts of one message. Whole messages are not taken: with them a client could speak for the
 * system, the model or a tool.
 */
export function toInput(input: unknown): ChatMessage["input"] {
  if (typeof input === "string" && input.trim() !== "") return input;
  if (Array.isArray(input) && input.length > 0 && input.every(isContentPart)) return input.map(plainPart);
  throw new HttpError(400, "invalid-request", "input: expected a text, or text, image and file parts");
}

const partFields = ["type", "text", "url", "data", "mediaType", "filename", "detail"];

/**
 * A part with its own fields only: what is meant for a provider alone is not a client's to say. Nor is a file of the
 * provider's, or a place such as `gs:` or `s3:`: both would be read with the server's own rights.
 */
function plainPart(part: ContentPart): ContentPart {
  const entries = Object.entries(part).filter(([name]) => partFields.includes(name));
  const plain: unknown = Object.fromEntries(entries);
  if (entries.some(([, value]) => typeof value !== "string") || !isContentPart(plain)) {
    throw new HttpError(
      400,
      "invalid-request",
      "input: expected parts with `text`, `url` or `data`, all of them texts",
    );
  }
  if ("url" in plain && !/^(https?|data):/i.test(String(plain.url))) {
    throw new HttpError(400, "invalid-request", "input: expected URLs of http:, https: or data:");
  }
  return plain;
}
