/** One server-sent event. */
export interface ServerSentEvent {
  /** The `event:` field; empty where there is none. */
  event: string;
  data: string;
  /** The last `id:` field seen; empty where there is none. */
  id: string;
}

/** A line longer than this is an attack or a fault, not an event. */
const maxLength = 128 * 1024 * 1024;

/**
 * A synchronous parser of an event stream: bytes in, whole events out. Follows the WHATWG HTML standard, section
 * "Server-sent events": any line end, a byte order mark, comments, several `data:` lines, no space after the colon.
 *
 * One thing differs: an event that is cut off by the end of the stream is dropped by the standard, but servers are
 * known to end without the last blank line; {@link end} gives it.
 */
export class SseParser {
  #decoder = new TextDecoder();
  /** The begun line. Only added to until it ends: looking into it each time would make a long one cost quadratic time. */
  #rest = "";
  #data: string | undefined;
  #event = "";
  #id = "";
  #endsWithCr = false;

  /** The events that `bytes` completes. Throws `RangeError` on a line of more than 128 MiB. */
  push(bytes: Uint8Array): ServerSentEvent[] {
    return this.#parse(this.#decoder.decode(bytes, { stream: true }));
  }

  /** The event that the end of the stream completes, if there is one. */
  end(): ServerSentEvent[] {
    return this.#parse(`${this.#decoder.decode()}\n\n`);
  }

  #parse(decoded: string): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    const lines = this.#withLineFeeds(decoded);
    const lineEnd = lines.indexOf("\n");
    if (lineEnd < 0) {
      this.#rest += lines;
    } else {
      const text = this.#rest + lines;
      let from = 0;
      for (let to = this.#rest.length + lineEnd; to >= 0; to = text.indexOf("\n", from)) {
        this.#line(text, from, to, events);
        from = to + 1;
      }
      this.#rest = text.slice(from);
    }
    if (this.#rest.length > maxLength) throw new RangeError(`a line of more than ${maxLength} characters`);
    return events;
  }

  /** `\r\n` and `\r` become `\n`; a `\r\n` may be cut in two. */
  #withLineFeeds(text: string): string {
    if (this.#endsWithCr && text.startsWith("\n")) text = text.slice(1);
    else if (text === "") return text;
    this.#endsWithCr = text.endsWith("\r");
    return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
  }

  #line(text: string, from: number, to: number, events: ServerSentEvent[]): void {
    if (from === to) {
      if (this.#data !== undefined) events.push({ event: this.#event, data: this.#data, id: this.#id });
      this.#data = undefined;
      this.#event = "";
      return;
    }
    const data = fieldValue("data", text, from, to);
    if (data !== undefined) {
      this.#data = this.#data === undefined ? data : `${this.#data}\n${data}`;
      return;
    }
    this.#event = fieldValue("event", text, from, to) ?? this.#event;
    this.#id = fieldValue("id", text, from, to) ?? this.#id;
  }
}

/** The value of the line from `from` to `to`, if it is of the field `name`. */
function fieldValue(name: string, text: string, from: number, to: number): string | undefined {
  const end = from + name.length;
  if (end > to || !text.startsWith(name, from)) return undefined;
  if (end === to) return "";
  if (text.charCodeAt(end) !== 58) return undefined; // a colon
  return text.slice(text.charCodeAt(end + 1) === 32 ? end + 2 : end + 1, to); // a space
}
