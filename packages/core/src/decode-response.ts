import { ModelError } from "./errors.ts";
import type { ModelEvent } from "./model.ts";
import { toModelError } from "./model-error.ts";
import { after } from "./runtime.ts";
import { SseParser } from "./sse.ts";

/**
 * Turns one answer of a provider into model events: a synchronous state machine, made anew for each request.
 * Each method appends to `out`. It throws `ModelError` on an error inside the stream.
 */
export interface Decoder {
  /** Takes the data of one server-sent event, parsed. `[DONE]` never comes here. */
  event(data: unknown, out: ModelEvent[]): void;
  /** Takes a whole JSON answer: some servers send it although a stream was asked for. */
  body(json: unknown, out: ModelEvent[]): void;
  /** Names of events that say nothing new (they repeat what came in pieces): these are not even parsed. */
  readonly skips?: ReadonlySet<string>;
  /** Set once the answer is complete and nothing more needs to be read. */
  readonly done: boolean;
  /**
   * The end of the stream. Appends the `finish` event if the provider's end marker was seen (`sawDone`: the stream
   * said `[DONE]`), else nothing, and {@link decodeResponse} throws.
   */
  end(sawDone: boolean, out: ModelEvent[]): void;
}

/** How long to wait for the end of a body whose last event was read, so that its connection can be used again. */
const drainMs = 25;

/**
 * Sends a streaming request and reads its response through a decoder. Pull: nothing is sent before the first event is
 * asked for, and the body is read only when the next one is. The connection is released in `finally`, however the
 * reading ends.
 *
 * Throws `signal.reason` after an abort, what `open` throws, `ModelError` of kind `network` when the stream breaks or
 * ends without the provider's end marker, of kind `protocol` when it is not what was asked for.
 *
 * @param open posts the request and gives the answer, unread. Its signal is one of its own: vendors' clients are known
 * to leave their listener on the signal that they are given.
 */
export async function* decodeResponse(
  open: (signal: AbortSignal) => Promise<Response>,
  decoder: Decoder,
  options: { provider: string; signal: AbortSignal },
): AsyncGenerator<ModelEvent, void> {
  const { provider, signal } = options;
  signal.throwIfAborted();
  const own = new AbortController();
  const abort = (): void => own.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  try {
    const response = await open(own.signal);
    reader = bodyOf(response, provider).getReader();
    const out: ModelEvent[] = [];
    if (isJson(response, provider)) {
      decoder.body(parseEvent(await readAll(reader, provider), provider, false), out);
    } else {
      const parser = new SseParser();
      let sawDone = false;
      for (let ended = false; !ended && !sawDone && !decoder.done; ) {
        const { done, value } = await read(reader, provider);
        ended = done;
        try {
          for (const { event, data } of done ? parser.end() : parser.push(value)) {
            sawDone = data === "[DONE]";
            if (sawDone || decoder.done) break;
            if (data !== "" && !decoder.skips?.has(event)) decoder.event(parseEvent(data, provider, ended), out);
          }
        } finally {
          // What arrived before a fault in the same chunk is given all the same.
          for (const event of out) yield event;
          out.length = 0;
        }
      }
      decoder.end(sawDone, out);
      await drain(reader);
    }
    for (const event of out) yield event;
    if (out.at(-1)?.type !== "finish") throw cutError(provider);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error instanceof RangeError ? protocolError(provider, error.message, error) : error;
  } finally {
    signal.removeEventListener("abort", abort);
    // Closes the socket unless the body was read to its end. Not awaited: a server that hangs must not hold us.
    reader?.cancel().catch(() => {});
  }
}

function bodyOf(response: Response, provider: string): ReadableStream<Uint8Array> {
  if (response.body) return response.body;
  throw protocolError(provider, "the answer has no body");
}

function parseEvent(data: string, provider: string, isLast: boolean): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    // The stream was cut within an event.
    if (isLast) throw cutError(provider);
    throw protocolError(provider, `an event is not JSON: ${JSON.stringify(data.slice(0, 120))}`, cause);
  }
}

/** Whether the answer is one JSON body: what some servers send although a stream was asked for. */
function isJson(response: Response, provider: string): boolean {
  const type = response.headers.get("content-type") ?? "";
  if (type.includes("text/html")) {
    throw protocolError(
      provider,
      `expected an event stream, got ${type}: is the base URL right, is a proxy in between?`,
    );
  }
  return /\bjson\b/.test(type) && !/event-stream|ndjson/.test(type);
}

async function read(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  provider: string,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  try {
    return await reader.read();
  } catch (cause) {
    throw toModelError({ provider, kind: "network", message: "the connection broke", cause });
  }
}

async function readAll(reader: ReadableStreamDefaultReader<Uint8Array>, provider: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await read(reader, provider);
    if (done) return text + decoder.decode();
    text += decoder.decode(value, { stream: true });
  }
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  let hasEnded = false;
  const end = (async () => {
    try {
      while (!(await reader.read()).done);
    } catch {
      // The answer is complete; what becomes of the connection does not matter.
    }
    hasEnded = true;
  })();
  // Most often the end has come with the last event, and no timer is needed.
  for (let round = 0; round < 5 && !hasEnded; round++) await null;
  if (hasEnded) return;
  let clear = (): void => {};
  const late = new Promise<void>((resolve) => {
    clear = after(drainMs, resolve);
  });
  await Promise.race([end, late]);
  clear();
}

function cutError(provider: string): ModelError {
  return new ModelError(`${provider}: the stream ended before the model had finished (no end marker came)`, {
    kind: "network",
    provider,
  });
}

function protocolError(provider: string, message: string, cause?: unknown): ModelError {
  return toModelError({ provider, kind: "protocol", message, ...(cause !== undefined && { cause }) });
}
