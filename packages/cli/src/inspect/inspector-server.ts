import { once } from "node:events";
import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { extname, join, relative, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { errorMessage } from "millrace";
import { findLines } from "./find-lines.ts";
import { followFile } from "./follow-file.ts";
import type { RunFiles } from "./run-files.ts";

/** Options of {@link startInspector}. */
export interface InspectorOptions {
  files: RunFiles;
  /** Default 0: any that is free. */
  port?: number;
  /** The built page. */
  pageFolder: string;
}

/** A page that shows runs, on this machine only. */
export interface Inspector extends AsyncDisposable {
  readonly url: string;
  close(): Promise<void>;
}

/** Nothing from elsewhere, nothing inline: what a run says is shown as text and cannot become code. */
const securityHeaders = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};

/**
 * Serves the inspector on the loopback address.
 *
 * @throws when the port is taken, or where the page was not built
 */
export async function startInspector({ files, port = 0, pageFolder }: InspectorOptions): Promise<Inspector> {
  const page = await readPage(pageFolder);
  const closing = new AbortController();
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    answer(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else send(response, 500, { error: errorMessage(error) });
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A page of another site that has made its name point here would send its own name.
    if (!hosts().has(request.headers.host ?? "")) return send(response, 403, { error: "unexpected host" });
    if (request.method !== "GET") return send(response, 405, { error: "expected GET" });
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://inspector");
    if (!pathname.startsWith("/api/")) {
      const asset = page.get(pathname === "/" ? "/index.html" : pathname);
      if (!asset) return send(response, 404, { error: "not found" });
      response.writeHead(200, { "content-type": asset.type }).end(asset.bytes);
      return;
    }
    if (pathname === "/api/files") {
      const { title, isFolder } = files;
      return send(response, 200, { title, isFolder, files: await files.list() });
    }
    const name = searchParams.get("file") ?? "";
    const path = await files.find(name);
    if (path === undefined) return send(response, 404, { error: "no such file" });
    const leaving = new AbortController();
    response.on("close", () => leaving.abort());
    const signal = AbortSignal.any([leaving.signal, closing.signal]);
    if (pathname === "/api/rows") return sendRows(response, path, name, signal);
    if (pathname === "/api/lines") return sendLines(response, path, searchParams);
    if (pathname === "/api/find") {
      const length = Number(searchParams.get("length"));
      if (!Number.isSafeInteger(length) || length < 1) return send(response, 400, { error: "expected length" });
      return send(response, 200, await findLines(path, searchParams.get("text") ?? "", length, signal));
    }
    send(response, 404, { error: "not found" });
  }

  function hosts(): ReadonlySet<string> {
    const own = portOf(server.address());
    return new Set([`127.0.0.1:${own}`, `localhost:${own}`]);
  }

  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    closing.abort();
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return { url: `http://127.0.0.1:${portOf(server.address())}/`, close, [Symbol.asyncDispose]: close };
}

/** The rows of a file as they come, as server-sent events. Waits for a page that reads slowly. */
async function sendRows(response: ServerResponse, path: string, name: string, signal: AbortSignal): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  response.flushHeaders();
  for await (const update of followFile(path, name, signal)) {
    if (signal.aborted) break;
    if (response.write(`data: ${JSON.stringify(update)}\n\n`)) continue;
    await once(response, "drain", { signal }).catch(() => {});
  }
  response.end();
}

/** A page shows no more at once. */
const maxSent = 32 * 1024 * 1024;

/** A part of a file as it is. */
async function sendLines(response: ServerResponse, path: string, range: URLSearchParams): Promise<void> {
  const offset = Number(range.get("offset"));
  const length = Number(range.get("length"));
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 1) {
    return send(response, 400, { error: "expected offset and length" });
  }
  response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
  const end = offset + Math.min(length, maxSent) - 1;
  await pipeline(createReadStream(path, { start: offset, end }), response);
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(body));
}

interface Asset {
  readonly type: string;
  readonly bytes: Buffer;
}

const types: { readonly [extension: string]: string } = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** All of the page, by path: what is not here is not served. */
async function readPage(folder: string): Promise<ReadonlyMap<string, Asset>> {
  const found = await stat(join(folder, "index.html")).catch(() => undefined);
  if (!found) throw new Error(`the inspector's page is not in ${folder}: build the package first`);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const assets = entries
    .filter((entry) => entry.isFile())
    .map(async ({ parentPath, name }) => {
      const file = join(parentPath, name);
      const path = `/${relative(folder, file).split(sep).join("/")}`;
      return [path, { type: types[extname(name)] ?? "application/octet-stream", bytes: await readFile(file) }] as const;
    });
  return new Map(await Promise.all(assets));
}

function portOf(address: ReturnType<ReturnType<typeof createServer>["address"]>): number {
  return typeof address === "object" && address ? address.port : 0;
}
