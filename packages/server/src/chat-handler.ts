import type { Agent } from "millrace";
import { type ChatHandlerOptions, ChatRuns, notFound, type Reading, toHttpError } from "./chat-runs.ts";
import type { RunQuery } from "./event-log.ts";
import { HttpError } from "./http-error.ts";
import { corsHeaders, preflight } from "./origins.ts";
import { readBody, toInput, toMessage } from "./read-message.ts";
import { responseOf } from "./to-sse.ts";

/**
 * A chat endpoint for one agent. All events are sent as server-sent events, see {@link toSSE}.
 *
 * - `POST` with `{ "chatId": …, "input": … }` begins a run. The header `x-run-id` of its response names it.
 * - `GET ?run=…` or `?chat=…` reads the run, or the chat's latest, again: from the event after `Last-Event-ID` on. 204
 *   where there is nothing (more) to read. Only with a log.
 * - `POST ?run=…` or `?chat=…` with `{ "input": … }` puts a message of the user into the live run, before its next turn.
 * - `DELETE ?run=…` or `?chat=…` stops it.
 *
 * A user reaches only runs of their own; others are answered like those that do not exist. Errors are JSON,
 * `{ "error": { "code", "message" } }`.
 *
 * @throws {@link ConfigError} where `authenticate` is missing
 * @example
 * ```ts
 * import { createChatHandler, memoryEventLog } from "@millrace/server";
 * import { Agent } from "millrace";
 * import { echoModel } from "millrace/testing";
 *
 * const handler = createChatHandler(new Agent({ name: "echo", model: echoModel() }), {
 *   authenticate: (request) => (request.headers.get("authorization") === "Bearer of-ada" ? "ada" : undefined),
 *   log: memoryEventLog(),
 * });
 * const response = await handler(new Request("https://example.org/chat", { method: "POST" }));
 * console.log(response.status); // 401
 * ```
 */
export function createChatHandler(agent: Agent, options: ChatHandlerOptions): (request: Request) => Promise<Response> {
  const runs = new ChatRuns(agent, options);
  return async (request) => {
    let response: Response;
    try {
      response = await answer(request, runs, options);
    } catch (error) {
      response = toHttpError(error, options.onError).toResponse();
    }
    return withHeaders(response, corsHeaders(request, options.cors));
  };
}

async function answer(request: Request, runs: ChatRuns, options: ChatHandlerOptions): Promise<Response> {
  const { path, cors, log, maxBodyBytes = 1024 * 1024 } = options;
  const { pathname, searchParams } = new URL(request.url);
  if (path !== undefined && pathname !== path) throw notFound();
  if (request.method === "OPTIONS") return preflight(request, cors);
  const allowed = log ? ["POST", "GET", "DELETE"] : ["POST", "DELETE"];
  if (!allowed.includes(request.method)) {
    throw new HttpError(405, "method-not-allowed", `expected one of ${allowed.join(", ")}`, {
      allow: allowed.join(", "),
    });
  }
  const userId = await runs.userOf(request);
  if (userId instanceof Response) return userId;
  const query = toQuery(searchParams, userId);
  if (request.method === "POST") {
    const body = await readBody(request, maxBodyBytes);
    if (!query) return respond(await runs.begin(toMessage(body), userId, request), request, options);
    await runs.send(toInput(body["input"]), query, userId);
    return new Response(null, { status: 204 });
  }
  if (!query) throw new HttpError(400, "invalid-request", "expected the parameter run or chat in the URL");
  if (request.method === "GET") {
    const reading = await runs.attach(query, userId, firstWanted(request));
    // 204 is what tells a browser's EventSource that it need not come again.
    return reading ? respond(reading, request, options) : new Response(null, { status: 204 });
  }
  await runs.stop(query, userId);
  return new Response(null, { status: 204 });
}

function respond({ frames, runId }: Reading, { signal }: Request, { keepAliveMs }: ChatHandlerOptions): Response {
  return responseOf(frames, { headers: { "x-run-id": runId }, signal, ...(keepAliveMs && { keepAliveMs }) });
}

function toQuery(parameters: URLSearchParams, userId: string): RunQuery | undefined {
  const runId = parameters.get("run");
  const chatId = parameters.get("chat");
  if (runId) return { runId };
  return chatId ? { userId, chatId } : undefined;
}

/** The event after the last that the client has. */
function firstWanted({ headers }: Request): number {
  const last = headers.get("last-event-id");
  if (last === null || last === "") return 0;
  if (!/^\d{1,15}$/.test(last)) throw new HttpError(400, "invalid-request", "Last-Event-ID: expected an event's seq");
  return Number(last) + 1;
}

/** A copy: responses of others may be immutable. */
function withHeaders(response: Response, headers: Record<string, string>): Response {
  const added = Object.entries(headers);
  if (added.length === 0) return response;
  const copy = new Response(response.body, response);
  for (const [name, value] of added) copy.headers.append(name, value);
  return copy;
}
