import { errorMessage, SseParser } from "millrace/provider";
import { after } from "millrace/runs";
import { ConnectionError } from "./connection-error.ts";
import { readJson } from "./read-json.ts";

/** The body of a response. */
export type ByteStream = ReadableStream<Uint8Array>;

/**
 * The events of a response as JSON, read only when asked for: a reader that does not read stops the socket. Ends where the
 * response ends; an event that is cut off there is dropped, as the standard says.
 *
 * @param idleMs how long the server may be silent, in milliseconds
 */
export async function* readSse(
  body: ByteStream,
  idleMs: number,
  signal: AbortSignal,
): AsyncGenerator<unknown, void, undefined> {
  const reader = body.getReader();
  const parser = new SseParser();
  const cancel = (): void => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel, { once: true });
  try {
    for (;;) {
      const bytes = await readChunk(reader, idleMs);
      signal.throwIfAborted();
      if (!bytes) return;
      for (const { data } of parser.push(bytes)) yield readJson(data);
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

/** A connection may die without a word, in a tunnel or asleep: a server that lives says something now and then. */
async function readChunk(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  idleMs: number,
): Promise<Uint8Array | undefined> {
  let isSilent = false;
  const cancel = after(idleMs, () => {
    isSilent = true;
    void reader.cancel().catch(() => {});
  });
  try {
    const { value } = await reader.read();
    if (isSilent) throw new ConnectionError(`the server was silent for ${idleMs} ms`, { kind: "network" });
    return value;
  } catch (cause) {
    if (cause instanceof ConnectionError) throw cause;
    throw new ConnectionError(`the connection was lost: ${errorMessage(cause)}`, { kind: "network" }, { cause });
  } finally {
    cancel();
  }
}
