import type { StreamEvent } from "millrace";
import { after } from "millrace/runs";
import { type Frame, type Frames, framesOf } from "./frames.ts";

/** Options of {@link toSSE}. */
export interface SSEOptions {
  /** After so long without an event a comment is sent, so that nothing on the way closes the connection. In milliseconds. Default: 15,000. */
  keepAliveMs?: number;
  /** Ends the stream and leaves the run when it aborts, as `cancel()` does: the signal of the request. */
  signal?: AbortSignal;
}

/** Options of {@link toResponse}. */
export interface ResponseOptions extends SSEOptions {
  /** Sent beside those that an event stream needs. */
  headers?: HeadersInit;
}

/**
 * The events of a run as server-sent events: `id` is the event's `seq`, `data` its JSON, as `millrace/wire` writes it.
 * It is read as it is pulled: a client that does not read holds the run, and with it the model's connection. Cancelling
 * it leaves the run, which stops it.
 *
 * @param run a run, or anything that gives its events, such as `attach()`
 */
export function toSSE(run: AsyncIterable<StreamEvent>, options: SSEOptions = {}): ReadableStream<Uint8Array> {
  return sseOf(framesOf(run), options);
}

/**
 * A response whose body is {@link toSSE}. The run begins when the body is read.
 *
 * @example
 * ```ts
 * import { toResponse } from "@millrace/server";
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 *
 * const agent = new Agent({ name: "echo", model: echoModel() });
 * const handler = (request: Request): Response =>
 *   toResponse(agent.respond("Hello!", { userId: "u1", chatId: "c1" }), { signal: request.signal });
 * ```
 */
export function toResponse(run: AsyncIterable<StreamEvent>, options: ResponseOptions = {}): Response {
  return responseOf(framesOf(run), options);
}

/** @internal */
export function responseOf(frames: Frames, { headers, ...options }: ResponseOptions): Response {
  const all = new Headers(headers);
  all.set("content-type", "text/event-stream; charset=utf-8");
  all.set("cache-control", "no-cache, no-transform");
  // Proxies that know this header (nginx) would hold events back until there are enough of them.
  all.set("x-accel-buffering", "no");
  all.set("x-content-type-options", "nosniff");
  return new Response(sseOf(frames, options), { headers: all });
}

function sseOf(frames: Frames, { keepAliveMs = 15_000, signal }: SSEOptions): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let pending: Promise<Frame | undefined> | undefined;
  let isOver = false;
  let unfollow = (): void => {};
  const end = (): void => {
    isOver = true;
    unfollow();
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const leave = (): void => {
          if (isOver) return;
          end();
          controller.close();
          void frames.leave().catch(() => {});
        };
        if (signal?.aborted) return leave();
        signal?.addEventListener("abort", leave, { once: true });
        unfollow = () => signal?.removeEventListener("abort", leave);
      },
      async pull(controller) {
        pending ??= frames.next();
        const frame = await within(pending, keepAliveMs);
        if (isOver) return;
        if (frame === "late") return controller.enqueue(encoder.encode(": keep-alive\n\n"));
        pending = undefined;
        if (frame) return controller.enqueue(encoder.encode(sseText(frame)));
        end();
        controller.close();
      },
      async cancel() {
        end();
        await frames.leave();
      },
    },
    { highWaterMark: 0 },
  );
}

/** One event. Its data needs no escapes of its own: JSON holds no line ends. */
function sseText({ seq, line }: Frame): string {
  return seq === undefined ? `data: ${line}\n\n` : `id: ${seq}\ndata: ${line}\n\n`;
}

/** The promise's value, or `late` after so many milliseconds. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | "late"> {
  let cancel = (): void => {};
  const late = new Promise<"late">((resolve) => {
    cancel = after(ms, () => resolve("late"));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    cancel();
  }
}
