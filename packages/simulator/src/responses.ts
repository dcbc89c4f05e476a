import { ANY_JSON } from "./chat-completions.ts";
import { checkResponsesRequest } from "./check-responses.ts";
import { type Conversation, contentText, looksFailed, type Message, toTool, toToolChoice } from "./conversation.ts";
import { type JsonObject, list, object, objects, parseJson, string } from "./json.ts";
import { openaiError } from "./openai-errors.ts";
import { type EventData, type Exchange, eventFrame, jsonChunks, newId, type Protocol, wordChunks } from "./protocol.ts";
import { encrypted, isIntact } from "./seal.ts";

/** OpenAI's Responses API. It stores nothing, so it knows no `previous_response_id`. */
export const responses: Protocol = {
  check(body): string[] {
    const wrong = checkResponsesRequest(body);
    if (typeof body.previous_response_id === "string") {
      wrong.push(`Previous response with id '${body.previous_response_id}' not found.`);
    }
    for (const { type, encrypted_content: content, id } of objects(body.input)) {
      if (type !== "reasoning" || typeof content !== "string" || isIntact(content)) continue;
      wrong.push(`The encrypted content for item ${string(id)} could not be verified.`);
    }
    return wrong;
  },

  read(body): Conversation {
    const format = object(object(body.text).format);
    const choice = body.tool_choice;
    const effort = object(body.reasoning).effort ?? object(body.reasoning).summary;
    return {
      messages:
        typeof body.input === "string" ? [{ role: "user", text: body.input }] : objects(body.input).flatMap(readItem),
      tools: objects(body.tools)
        .filter(({ type }) => type === "function")
        .map(toTool),
      toolChoice: toToolChoice(choice, object(choice).name),
      parallel: body.parallel_tool_calls !== false,
      schema:
        format.type === "json_schema" ? object(format.schema) : format.type === "json_object" ? ANY_JSON : undefined,
      reasoning: typeof effort === "string" && effort !== "none",
      maxTokens: Number(body.max_output_tokens) || undefined,
      stop: [],
    };
  },

  whole: (exchange) => ended(exchange, itemsOf(exchange)),

  frames: (exchange) => eventsOf(exchange).map((event, sequence_number) => eventFrame({ ...event, sequence_number })),

  refuse: (refusal, ...details) => openaiError(refusal, details, refusal === "context-overflow" ? "input" : null),

  breakOff(exchange, sent): string[] {
    const error = object(openaiError("server-error", []).body.error);
    const failed = { ...head(exchange), status: "failed", error: { code: "server_error", message: error.message } };
    return [
      eventFrame({ type: "error", sequence_number: sent, error }),
      eventFrame({ type: "response.failed", sequence_number: sent + 1, response: failed }),
    ];
  },
};

/** The events of a streamed answer. */
function eventsOf(exchange: Exchange): EventData[] {
  const items = itemsOf(exchange);
  const started = { ...head(exchange), status: "in_progress" };
  const last = ended(exchange, items);
  return [
    { type: "response.created", response: started },
    { type: "response.in_progress", response: started },
    ...items.flatMap(itemEvents),
    { type: `response.${string(last.status)}`, response: last },
  ];
}

function itemEvents(item: EventData, output_index: number): EventData[] {
  const place = { item_id: item.id, output_index };
  const between = (start: JsonObject, inner: EventData[]): EventData[] => [
    { type: "response.output_item.added", output_index, item: { ...item, ...start } },
    ...inner,
    { type: "response.output_item.done", output_index, item },
  ];
  if (item.type === "function_call") {
    const done = { type: "response.function_call_arguments.done", ...place, arguments: item.arguments };
    const deltas = jsonChunks(string(item.arguments)).map((delta) => ({
      type: "response.function_call_arguments.delta",
      ...place,
      delta,
    }));
    return between({ status: "in_progress", arguments: "" }, [...deltas, done]);
  }
  if (item.type === "message") {
    const at = { ...place, content_index: 0 };
    const part = object(list(item.content)[0]);
    return between({ status: "in_progress", content: [] }, [
      { type: "response.content_part.added", ...at, part: { ...part, text: "" } },
      ...wordChunks(string(part.text)).map((delta) => ({
        type: "response.output_text.delta",
        ...at,
        delta,
        logprobs: [],
      })),
      { type: "response.output_text.done", ...at, text: part.text, logprobs: [] },
      { type: "response.content_part.done", ...at, part },
    ]);
  }
  // The encrypted content of the first event is not the final one: only what the last event holds may be sent back.
  const early = item.encrypted_content === undefined ? {} : { encrypted_content: "gAAAAA" };
  const summary = objects(item.summary).flatMap((part, summary_index) => {
    const at = { ...place, summary_index };
    return [
      { type: "response.reasoning_summary_part.added", ...at, part: { ...part, text: "" } },
      ...wordChunks(string(part.text)).map((delta) => ({
        type: "response.reasoning_summary_text.delta",
        ...at,
        delta,
      })),
      { type: "response.reasoning_summary_text.done", ...at, text: part.text },
      { type: "response.reasoning_summary_part.done", ...at, part },
    ];
  });
  return between({ summary: [], ...early }, summary);
}

/** The items of the answer, finished. */
function itemsOf({ body, reply, id }: Exchange): EventData[] {
  const items: EventData[] = [];
  const status = reply.finish === "length" || reply.finish === "content-filter" ? "incomplete" : "completed";
  if (reply.reasoning !== "") {
    const summary = object(body.reasoning).summary ? [{ type: "summary_text", text: reply.reasoning }] : [];
    const sealed = list(body.include).includes("reasoning.encrypted_content");
    const rest = sealed ? { encrypted_content: encrypted(id) } : {};
    items.push({ type: "reasoning", id: `rs_${newId()}`, summary, ...rest });
  }
  if (reply.text !== "" || (reply.calls.length === 0 && status === "completed")) {
    const content = [{ type: "output_text", annotations: [], logprobs: [], text: reply.text }];
    items.push({ type: "message", id: `msg_${newId()}`, status, role: "assistant", content });
  }
  for (const { id: callId, name, args } of reply.calls) {
    const call = { call_id: `call_${callId}`, name, arguments: JSON.stringify(args) };
    items.push({ type: "function_call", id: `fc_${newId()}`, status: "completed", ...call });
  }
  return items;
}

function ended(exchange: Exchange, output: EventData[]): JsonObject {
  const { reply, inputTokens, outputTokens, reasoningTokens, created } = exchange;
  const reasons = { length: "max_output_tokens", "content-filter": "content_filter" };
  const reason = reply.finish === "length" || reply.finish === "content-filter" ? reasons[reply.finish] : undefined;
  return {
    ...head(exchange),
    status: reason ? "incomplete" : "completed",
    ...(reason ? { incomplete_details: { reason } } : { completed_at: created }),
    output,
    usage: {
      input_tokens: inputTokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: outputTokens,
      output_tokens_details: { reasoning_tokens: reasoningTokens },
      total_tokens: inputTokens + outputTokens,
    },
  };
}

/** The response object before it has any output. */
const head = ({ body, id, created }: Exchange): JsonObject => ({
  id: `resp_${id}`,
  object: "response",
  created_at: created,
  background: false,
  completed_at: null,
  error: null,
  incomplete_details: null,
  instructions: body.instructions ?? null,
  max_output_tokens: body.max_output_tokens ?? null,
  metadata: body.metadata ?? {},
  model: body.model,
  output: [],
  parallel_tool_calls: body.parallel_tool_calls ?? true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null, ...object(body.reasoning) },
  service_tier: "default",
  store: body.store ?? true,
  temperature: body.temperature ?? 1,
  text: body.text ?? { format: { type: "text" } },
  tool_choice: body.tool_choice ?? "auto",
  tools: body.tools ?? [],
  top_p: body.top_p ?? 1,
  truncation: body.truncation ?? "disabled",
  usage: null,
});

function readItem({ type, role, content, call_id, name, arguments: json, output }: JsonObject): Message[] {
  if (type === "function_call") {
    const call = { id: string(call_id), name: string(name), args: object(parseJson(string(json))) };
    return [{ role: "assistant", text: "", calls: [call] }];
  }
  if (type === "function_call_output") {
    const text = contentText(output);
    return [{ role: "tool", callId: string(call_id), text, failed: looksFailed(text) }];
  }
  const text = contentText(content);
  if (role === "user") return [{ role, text }];
  return role === "assistant" ? [{ role, text, calls: [] }] : [];
}
