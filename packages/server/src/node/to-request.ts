import type { IncomingMessage } from "node:http";

/** A request of Node as one of the web. Undefined where the client sent no valid URL or host. */
export function toRequest(incoming: IncomingMessage, signal: AbortSignal): Request | undefined {
  const { method = "GET", url = "/", headers } = incoming;
  const base = `http://${headers.host ?? "localhost"}`;
  try {
    const hasBody = method !== "GET" && method !== "HEAD";
    const init = {
      method,
      headers: toHeaders(incoming),
      signal,
      ...(hasBody && { body: bodyOf(incoming), duplex: "half" }),
    };
    // Not resolved against the host: a path that begins with two slashes would name another one.
    return new Request(new URL(`${base}${url.startsWith("/") ? url : "/"}`), init);
  } catch {
    return undefined;
  }
}

function toHeaders({ headersDistinct }: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  return headers;
}

/** The body, read as it is pulled. By hand: cancelling Node's own would close the connection before the answer is out. */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  const chunks: AsyncIterator<Uint8Array> = incoming.iterator({ destroyOnReturn: false });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await chunks.return?.();
        incoming.resume();
      },
    },
    { highWaterMark: 0 },
  );
}
