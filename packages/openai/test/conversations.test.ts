import { type Conversation, fixturesFolder, loadConversations } from "@millrace/fixtures";
import {
  type Decoder,
  decodeResponse,
  isObject,
  type Message,
  type ModelRequest,
  toolCallsOf,
} from "millrace/provider";
import { describe, expect, it } from "vitest";
import { ChatDecoder } from "../src/decode-chat.ts";
import { ResponsesDecoder } from "../src/decode-responses.ts";
import { encodeChat } from "../src/encode-chat.ts";
import { encodeResponses } from "../src/encode-responses.ts";
import { fromOpenAIMessages } from "../src/from-openai-messages.ts";
import { fromResponsesInput } from "../src/from-responses-input.ts";
import { isList } from "../src/wire.ts";

type Json = Record<string, unknown>;

async function answerOf(decoder: Decoder, responseText: string, provider: string): Promise<Message> {
  const isJson = responseText.trimStart().startsWith("{");
  const headers = { "content-type": isJson ? "application/json" : "text/event-stream" };
  const options = { provider, signal: new AbortController().signal };
  for await (const event of decodeResponse(async () => new Response(responseText, { headers }), decoder, options)) {
    if (event.type === "finish") return event.message;
  }
  throw new Error("no finish");
}

function asRecord(value: unknown): Json {
  return isObject(value) ? value : {};
}

function listIn(value: unknown): readonly unknown[] {
  return isList(value) ? value : [];
}

function requestWith(messages: readonly Message[]): ModelRequest {
  return { messages, tools: [], settings: {} };
}

/** One text, a list of one text, nothing and null: the same to the server. */
function plainContent(content: unknown): unknown {
  const parts = (typeof content === "string" ? [{ type: "text", text: content }] : listIn(content)).map((part) => {
    const { annotations: _, logprobs: __, type, ...rest } = asRecord(part);
    return { ...rest, type: typeof type === "string" ? type.replace(/^(in|out)put_text$/, "text") : type };
  });
  const first = asRecord(parts[0]);
  if (parts.length > 1 || (parts.length === 1 && first["type"] !== "text")) return parts;
  return typeof first["text"] === "string" ? first["text"].trim() : "";
}

/** A message of Chat Completions as compared: arguments parsed, what only some clients send left out. */
function plainMessage(value: unknown): Json {
  const message = asRecord(value);
  return {
    role: message["role"] === "developer" ? "system" : message["role"],
    content: plainContent(message["content"]),
    calls: listIn(message["tool_calls"]).map((call) => {
      const { name, arguments: args } = asRecord(asRecord(call)["function"]);
      return { id: asRecord(call)["id"], name, args: JSON.parse(String(args)) };
    }),
    answers: message["tool_call_id"] ?? null,
  };
}

const reasoningFields = ["reasoning", "reasoning_content", "reasoning_details"];

/** Where the recorded client sent reasoning back under a name that the server uses, we send the same. */
function checkReasoning(ours: Json, recorded: Json, answered: string): void {
  const sent = reasoningFields.filter((field) => ours[field] !== undefined);
  const known = reasoningFields.filter((field) => recorded[field] && answered.includes(`"${field}":`));
  if (known.length > 0) expect(sent.length).toBeGreaterThan(0);
  for (const field of sent) if (known.includes(field)) expect(ours[field]).toEqual(recorded[field]);
}

async function checkChat({ steps, provider }: Conversation): Promise<void> {
  let history: Message[] = fromOpenAIMessages(listIn(asRecord(steps[0]?.request)["messages"]));
  for (const [index, step] of steps.slice(1).entries()) {
    const before = steps[index];
    if (!before) continue;
    const recorded = listIn(asRecord(step.request)["messages"]);
    const answer = await answerOf(new ChatDecoder({ provider, thinkTags: true }), before.responseText, provider);
    const added = fromOpenAIMessages(recorded).slice(history.length + 1);
    history = [...history, answer, ...added];
    const sent = encodeChat("m", requestWith(history), { provider }).messages;
    expect(sent.map(plainMessage)).toEqual(recorded.map(plainMessage));
    sent.forEach((message, at) => {
      checkReasoning(asRecord(message), asRecord(recorded[at]), steps.map((past) => past.responseText).join());
    });
  }
}

const compared = new Set(["message", "function_call", "function_call_output", "reasoning"]);

/** An item of the Responses API as compared: without ids, states, defaults, and what recorded clients make up. */
function plainItem(value: unknown): Json {
  // Recorded clients build the provider's own items anew and lose fields; ours must be what the server sent.
  if (!compared.has(String(asRecord(value)["type"] ?? "message"))) return { type: asRecord(value)["type"] };
  const { id: _, status: __, phase: ___, namespace: ____, type, role, content, ...rest } = asRecord(value);
  const kept = Object.fromEntries(Object.entries(rest).filter(([, field]) => field !== null));
  if (typeof kept["arguments"] === "string") kept["arguments"] = JSON.parse(kept["arguments"]);
  const message =
    role === undefined ? {} : { role: role === "developer" ? "system" : role, content: plainContent(content) };
  const thought = role === undefined && content !== undefined && { content };
  return { type: type ?? "message", ...kept, ...message, ...thought };
}

/** Call ids by the order in which they come: a client may have had reasons to make its own. */
function withPlainIds(items: Json[]): Json[] {
  const ids = new Map<unknown, number>();
  return items.map((item) => {
    const id = item["call_id"];
    if (id === undefined) return item;
    if (item["type"] === "function_call") ids.set(id, ids.size);
    return { ...item, call_id: ids.get(id) ?? -1 };
  });
}

/** The provider's own items are sent as they came. */
function checkOwnItems(sent: readonly unknown[], answers: string[]): void {
  for (const item of sent) {
    if (compared.has(String(asRecord(item)["type"] ?? "message"))) continue;
    const came = answers.flatMap((answer) => [...answer.matchAll(/"id":\s*"([^"]+)"/g)].map(([, id]) => id));
    if (!came.includes(String(asRecord(item)["id"]))) continue;
    const outputs = answers.flatMap((answer) => (answer.startsWith("{") ? listIn(JSON.parse(answer).output) : []));
    if (outputs.length > 0) expect(outputs).toContainEqual(item);
  }
}

function without(field: string): (item: Json) => Json {
  return (item) => Object.fromEntries(Object.entries(item).filter(([name]) => name !== field));
}

/** An empty message says nothing; recorded clients send it, we do not. */
function isSaid(item: Json): boolean {
  return !(item["type"] === "message" && item["content"] === "");
}

function inputOf(request: unknown): readonly unknown[] {
  const { input } = asRecord(request);
  return typeof input === "string" ? [{ role: "user", content: input }] : listIn(input);
}

async function checkResponses({ steps, provider }: Conversation): Promise<void> {
  let history: Message[] = fromResponsesInput(inputOf(steps[0]?.request));
  for (const [index, step] of steps.slice(1).entries()) {
    const before = steps[index];
    if (!before) continue;
    const recorded = inputOf(step.request).filter((item) => isSaid(plainItem(item)));
    const isTail = Boolean(asRecord(step.request)["previous_response_id"]);
    const answer = await answerOf(new ResponsesDecoder({ provider }), before.responseText, provider);
    const known = encodeResponses("m", requestWith([...history, answer]), { provider }).input;
    const whole = isTail ? [...listIn(known), ...recorded] : recorded;
    history = [...history, answer, ...addedIn(whole, listIn(known).length, answer)];
    const sent = listIn(encodeResponses("m", requestWith(history), { provider }).input);
    const ours = withPlainIds(sent.map(plainItem).filter(isSaid));
    const theirs = withPlainIds(recorded.map(plainItem).filter(isSaid));
    if (isTail) expect(ours.slice(-theirs.length).map(without("call_id"))).toEqual(theirs.map(without("call_id")));
    else expect(ours).toEqual(theirs);
    checkOwnItems(
      sent,
      steps.map((past) => past.responseText),
    );
  }
}

/** What the recorded request has after the last answer; results are told by our ids of the calls. */
function addedIn(whole: readonly unknown[], known: number, answer: Message): Message[] {
  const calls = toolCallsOf(answer);
  return fromResponsesInput(whole)
    .slice(fromResponsesInput(whole.slice(0, known)).length)
    .map((message) => {
      const call = message.role === "tool" ? calls.find(({ name }) => name === message.name) : undefined;
      return call ? { ...message, callId: call.callId } : message;
    });
}

/** Whether the answer of a step is part of the next request: some recordings are of requests apart. */
function isChain({ steps, api }: Conversation): boolean {
  if (api !== "openai-chat") return true;
  const lengths = steps.map((step) => listIn(asRecord(step.request)["messages"]).length);
  return lengths.every((length, index) => index === 0 || length >= (lengths[index - 1] ?? 0) + 2);
}

const conversations = loadConversations({ api: ["openai-chat", "openai-responses"] });

describe("recorded conversations", () => {
  if (fixturesFolder() === undefined)
    it.skip("skipped: MILLRACE_FIXTURES names no folder of recorded traffic", () => {});
  it.each(conversations.filter(isChain).map((chain) => [chain.id, chain] as const))("%s", async (_id, conversation) => {
    await (conversation.api === "openai-chat" ? checkChat(conversation) : checkResponses(conversation));
  });
});
