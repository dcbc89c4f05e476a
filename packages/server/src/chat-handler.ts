import { type Agent, type AgentEvent, ConfigError } from "millrace";
import type { JsonObject } from "millrace/provider";
import type { ChatHandlerOptions } from "./chat-handler-options.ts";
import { ChatRuns, notFound, type Reading, toHttpError } from "./chat-runs.ts";
import type { RunQuery } from "./event-log.ts";
import { HttpError } from "./http-error.ts";
import { corsHeaders, preflight } from "./origins.ts";
import type { ChatProtocol, ChatRequest } from "./protocol/chat-protocol.ts";
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
 * Front ends of others are spoken to as their `protocol` says.
 *
 * A user reaches only runs of their own; others are answered like those that do not exist. Errors are JSON,
 * `{ "error": { "code", "message" } }`.
 *
 * @throws {@link ConfigError} without `authenticate`, and for options that cannot work
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
  const { path, cors, log, protocol, maxBodyBytes = 1024 * 1024 } = options;
  const { pathname, searchParams } = new URL(request.url);
  const route = pathname === path || request.method === "POST" ? undefined : protocol?.route?.(pathname);
  if (path !== undefined && (route?.base ?? pathname) !== path) throw notFound();
  if (request.method === "OPTIONS") return preflight(request, cors);
  const allowed = log || protocol?.route ? ["POST", "GET", "DELETE"] : ["POST", "DELETE"];
  if (!allowed.includes(request.method)) {
    throw new HttpError(405, "method-not-allowed", `expected one of ${allowed.join(", ")}`, {
      allow: allowed.join(", "),
    });
  }
  const userId = await runs.userOf(request);
  if (userId instanceof Response) return userId;
  const query = route ? { userId, chatId: route.chatId } : toQuery(searchParams, userId);
  if (request.method === "POST") {
    const body = await readBody(request, maxBodyBytes);
    if (!query) {
      const asked = protocol ? asRead(protocol, body) : toMessage(body);
      const toLines = protocol && ((events: AsyncIterable<AgentEvent>) => protocol.lines(events, body));
      return respond(await runs.begin(asked, userId, request, toLines), request, options);
    }
    await runs.send(toInput(body["input"]), query, userId);
    return new Response(null, { status: 204 });
  }
  if (!query) throw new HttpError(400, "invalid-request", "expected the parameter run or chat in the URL");
  if (request.method === "GET") {
    if (route && !log) return new Response(null, { status: 204 });
    const toLines = protocol && ((events: AsyncIterable<AgentEvent>) => protocol.lines(events));
    const reading = await runs.attach(query, userId, firstWanted(request), toLines);
    // 204 is what tells a browser's EventSource that it need not come again.
    return reading ? respond(reading, request, options) : new Response(null, { status: 204 });
  }
  await runs.stop(query, userId);
  return new Response(null, { status: 204 });
}

/** What another protocol's body asks; what is wrong with it is for its sender to know. */
function asRead(protocol: ChatProtocol, body: JsonObject): ChatRequest {
  try {
    return protocol.read(body);
  } catch (error) {
    throw error instanceof ConfigError ? new HttpError(400, "invalid-request", error.message) : error;
  }
}

function respond(reading: Reading, { signal }: Request, { keepAliveMs, protocol }: ChatHandlerOptions): Response {
  const { frames, runId } = reading;
  const headers = { ...protocol?.headers, "x-run-id": runId };
  return responseOf(frames, { headers, signal, ...(keepAliveMs && { keepAliveMs }) });
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
