import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setImmediate, setTimeout } from "node:timers/promises";
import { chatCompletions } from "./chat-completions.ts";
import { countTokens } from "./conversation.ts";
import { decide, type SimulatedQuestion } from "./decide.ts";
import { type Delivery, type Fault, ruleOf } from "./faults.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { messages } from "./messages.ts";
import { type ErrorResponse, type Exchange, newId, type Protocol, type Refusal } from "./protocol.ts";
import { responses } from "./responses.ts";

/** Options of `startSimulator()`. */
export interface SimulatorOptions {
  /** The port to listen on. Default 0: any that is free. */
  port?: number;
  /** The address to listen on. Default "127.0.0.1". */
  host?: string;
  /** Milliseconds before each chunk of a stream. Default 0. */
  chunkDelayMs?: number;
  /** Milliseconds before an answer begins. Default 0. */
  firstChunkDelayMs?: number;
  /** How many tokens a request may hold, at four characters a token. Default: any number. */
  contextTokens?: number;
  /**
   * What goes wrong: for every request, or for those that the function names one for (it gets 1 for the first request,
   * and the request's body). The request header `x-simulator-fault` does the same for one request.
   */
  fault?: Fault | ((request: number, body: JsonObject) => Fault | undefined);
  /** What the model says where it answers in words of its own; undefined leaves it to its rules. Default: always. */
  answer?: (question: SimulatedQuestion) => string | undefined;
}

/** A running model server. */
export interface Simulator extends AsyncDisposable {
  /** Such as "http://127.0.0.1:40123": the base URL for `@anthropic-ai/sdk`. */
  readonly url: string;
  /** The URL with "/v1": the base URL for `openai`. */
  readonly baseURL: string;
  /** The bodies of the last 100 requests that were JSON, newest last. */
  readonly requests: readonly JsonObject[];
  /** Ends the server and all its connections. */
  close(): Promise<void>;
}

const MAX_REQUESTS = 100;
const ROUTES: [path: string, protocol: Protocol][] = [
  ["/chat/completions", chatCompletions],
  ["/responses", responses],
  ["/messages", messages],
];

/**
 * Starts a simulated model in this process. It speaks OpenAI's Chat Completions and Responses and Anthropic's Messages
 * over HTTP, calls the tools that it is offered by simple rules of language, and refuses what the real servers refuse.
 *
 * @throws when the port is taken, or for a fault that does not exist
 * @example
 * ```ts
 * import { startSimulator } from "@millrace/simulator";
 * import OpenAI from "openai";
 *
 * await using simulator = await startSimulator();
 * const client = new OpenAI({ baseURL: simulator.baseURL, apiKey: "any" });
 * ```
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { port = 0, host = "127.0.0.1" } = options;
  if (typeof options.fault === "string") ruleOf(options.fault);
  const requests: JsonObject[] = [];
  let count = 0;
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendJson(response, { status: 500, body: { error: { message: String(error), type: "simulator_error" } } });
    });
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? "/", "http://simulator").pathname.replace(/\/$/, "");
    const route = ROUTES.find(([suffix]) => path.endsWith(suffix));
    const isAnthropic = route?.[1] === messages || request.headers["anthropic-version"] !== undefined;
    const protocol = route?.[1] ?? (isAnthropic ? messages : chatCompletions);
    const refuse = (...why: [Refusal, ...unknown[]]): void => sendJson(response, protocol.refuse(...why));

    const text = await bodyOf(request);
    const body = parseJson(text);
    if (isObject(body)) {
      requests.push(body);
      if (requests.length > MAX_REQUESTS) requests.shift();
    }
    const key = keyOf(request);
    if (key === "") return refuse("no-key");
    if (key.startsWith("invalid")) return refuse("bad-key", key);
    if (request.method === "GET" && path.endsWith("/models")) {
      return sendJson(response, { status: 200, body: isAnthropic ? anthropicModels() : openaiModels() });
    }
    if (request.method !== "POST" || !route) return refuse("no-route", `${request.method} ${path}`);
    if (!isObject(body)) return refuse("invalid", "We could not parse the JSON body of your request.");
    if (route[1] === messages && request.headers["anthropic-version"] === undefined) {
      return refuse("invalid", "anthropic-version: header is required");
    }
    count += 1;
    const asked = request.headers["x-simulator-fault"]?.toString();
    const fault = asked ?? (typeof options.fault === "function" ? options.fault(count, body) : options.fault);
    const rule = ruleOf(fault);
    const streams = body.stream === true;
    const refusal = fault === "error-mid-stream" && !streams ? "server-error" : rule.refusal;
    const inputTokens = countInput(body);
    if (refusal) return refuse(refusal, inputTokens, inputTokens - 1);
    const [wrong] = protocol.check(body);
    if (wrong !== undefined) return refuse("invalid", wrong);
    if (body.model === "no-such-model") return refuse("no-model", body.model);
    const { contextTokens = inputTokens } = options;
    if (inputTokens > contextTokens) return refuse("context-overflow", inputTokens, contextTokens);

    const plain = decide(protocol.read(body), options.answer);
    const reply = rule.reply?.(plain) ?? plain;
    const exchange = exchangeOf(body, reply, inputTokens);
    const frames = streams ? protocol.frames(exchange) : inHalves(JSON.stringify(protocol.whole(exchange)));
    const delivery = rule.deliver?.(frames, (sent) => protocol.breakOff(exchange, sent)) ?? { frames, ending: "end" };
    const contentType = streams ? "text/event-stream; charset=utf-8" : "application/json";
    await deliver(response, { contentType, ...delivery }, streams, options);
  }

  server.listen(port, host);
  await once(server, "listening");
  const address = server.address();
  const name = host.includes(":") ? `[${host}]` : host;
  const url = `http://${name}:${typeof address === "object" ? address?.port : port}`;
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return { url, baseURL: `${url}/v1`, requests, close, [Symbol.asyncDispose]: close };
}

/** Writes an answer piece by piece; stops when the client leaves. */
async function deliver(
  response: ServerResponse,
  { frames, ending, contentType = "" }: Delivery,
  streams: boolean,
  { chunkDelayMs = 0, firstChunkDelayMs = 0 }: SimulatorOptions,
): Promise<void> {
  const left = new AbortController();
  response.once("close", () => left.abort());
  const { signal } = left;
  const pause = (ms: number): Promise<void> => (ms > 0 ? setTimeout(ms, undefined, { signal }) : setImmediate());
  try {
    await pause(firstChunkDelayMs);
    if (frames.length > 0) {
      response.writeHead(200, {
        "content-type": contentType,
        "x-request-id": `req_${newId()}`,
        ...(streams && { "cache-control": "no-cache" }),
      });
      response.flushHeaders();
    }
    for (const frame of frames) {
      await pause(streams ? chunkDelayMs : 0);
      if (signal.aborted) return;
      if (!response.write(frame)) await once(response, "drain", { signal });
    }
    if (ending === "end") response.end();
    else if (ending === "stall") await once(response, "close");
    else {
      // What was written must reach the client before the reset does: a reset discards what is still on its way.
      await pause(frames.length > 0 ? 20 : 0);
      response.socket?.resetAndDestroy();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}

function keyOf({ headers }: IncomingMessage): string {
  const key = headers["x-api-key"] ?? headers["api-key"] ?? headers.authorization?.replace(/^Bearer\s*/i, "");
  return key?.toString() ?? "";
}

function sendJson(response: ServerResponse, { status, headers, body }: ErrorResponse): void {
  const id = `req_${newId()}`;
  const all = { "content-type": "application/json", "x-request-id": id, "request-id": id, ...headers };
  response.writeHead(status, all).end(JSON.stringify(body));
}

/** All of a request that the model reads. */
function countInput({ messages, input, instructions, system, tools }: JsonObject): number {
  return countTokens(JSON.stringify([messages, input, instructions, system, tools].filter(Boolean)));
}

function exchangeOf(body: JsonObject, reply: Exchange["reply"], inputTokens: number): Exchange {
  const calls = reply.calls.map(({ name, args }) => countTokens(name + JSON.stringify(args)) + 1);
  const reasoningTokens = countTokens(reply.reasoning);
  const outputTokens = calls.reduce(
    (sum, tokens) => sum + tokens,
    reasoningTokens + Math.max(1, countTokens(reply.text)),
  );
  const created = Math.floor(Date.now() / 1000);
  return { body, reply, id: newId(), created, inputTokens, outputTokens, reasoningTokens };
}

const inHalves = (text: string): string[] => [text.slice(0, text.length / 2), text.slice(text.length / 2)];

const MODELS = ["simulated-small", "simulated-large"];

const openaiModels = (): JsonObject => ({
  object: "list",
  data: MODELS.map((id) => ({ id, object: "model", created: 1735689600, owned_by: "millrace" })),
});

const anthropicModels = (): JsonObject => ({
  data: MODELS.map((id) => ({ type: "model", id, display_name: id, created_at: "2025-01-01T00:00:00Z" })),
  has_more: false,
  first_id: MODELS[0],
  last_id: MODELS.at(-1),
});
