import { checkMessagesRequest } from "./check-messages.ts";
import { type Call, type Conversation, contentText, type Message } from "./conversation.ts";
import { type JsonObject, list, object, objects, string } from "./json.ts";
import {
  type ErrorResponse,
  type EventData,
  type Exchange,
  eventFrame,
  jsonChunks,
  newId,
  type Protocol,
  type Refusal,
  withDetails,
  wordChunks,
} from "./protocol.ts";
import { signature } from "./seal.ts";

const STOP = {
  stop: "end_turn",
  "stop-sequence": "stop_sequence",
  "tool-calls": "tool_use",
  length: "max_tokens",
  "content-filter": "refusal",
};

/** Anthropic's Messages API. */
export const messages: Protocol = {
  check(body): string[] {
    const wrong = checkMessagesRequest(body);
    objects(body.messages).forEach(({ content }, index) => {
      objects(content).forEach((block, position) => {
        if (block.type !== "thinking" || block.signature === signature(string(block.thinking))) return;
        wrong.push(`messages.${index}.content.${position}: Invalid \`signature\` in \`thinking\` block`);
      });
    });
    return wrong;
  },

  read(body): Conversation {
    const choice = object(body.tool_choice);
    const format = object(object(body.output_config).format ?? body.output_format);
    const thinking = object(body.thinking).type;
    return {
      messages: objects(body.messages).flatMap(readMessage),
      tools: objects(body.tools)
        .filter(({ input_schema }) => input_schema !== undefined)
        .map(({ name, description, input_schema }) => ({
          name: string(name),
          description: string(description),
          parameters: object(input_schema),
        })),
      toolChoice:
        choice.type === "tool"
          ? { name: string(choice.name) }
          : choice.type === "any"
            ? "required"
            : choice.type === "none"
              ? "none"
              : "auto",
      parallel: choice.disable_parallel_tool_use !== true,
      schema: format.type === "json_schema" ? object(format.schema) : undefined,
      reasoning: thinking === "enabled" || thinking === "adaptive",
      maxTokens: Number(body.max_tokens) || undefined,
      stop: list(body.stop_sequences).map(String),
    };
  },

  whole(exchange): JsonObject {
    const { reply } = exchange;
    return {
      ...head(exchange),
      content: blocksOf(exchange),
      stop_reason: STOP[reply.finish],
      stop_sequence: reply.stopSequence ?? null,
    };
  },

  frames(exchange): string[] {
    const { reply, outputTokens } = exchange;
    const usage = { ...object(head(exchange).usage), output_tokens: 1 };
    const delta = { stop_reason: STOP[reply.finish], stop_sequence: reply.stopSequence ?? null };
    const blocks = blocksOf(exchange).flatMap(blockEvents);
    // The first block's start is followed by a ping, as it is on the wire.
    const pinged = [...blocks.slice(0, 1), { type: "ping" }, ...blocks.slice(1)];
    const events: EventData[] = [
      { type: "message_start", message: { ...head(exchange), usage } },
      ...pinged,
      { type: "message_delta", delta, usage: { ...usage, output_tokens: outputTokens } },
      { type: "message_stop" },
    ];
    return events.map(eventFrame);
  },

  refuse,

  breakOff: () => [eventFrame({ type: "error", ...refuse("overloaded").body })],
};

function blocksOf({ reply, body }: Exchange): EventData[] {
  const blocks: EventData[] = [];
  if (reply.reasoning !== "") {
    const thinking = object(body.thinking).display === "omitted" ? "" : reply.reasoning;
    blocks.push({ type: "thinking", thinking, signature: signature(thinking) });
  }
  if (reply.text !== "") blocks.push({ type: "text", text: reply.text });
  for (const { id, name, args } of reply.calls) blocks.push({ type: "tool_use", id: `toolu_${id}`, name, input: args });
  return blocks;
}

function blockEvents(block: EventData, index: number): EventData[] {
  const empty = { ...block, ...(block.type === "tool_use" ? { input: {} } : { [block.type]: "" }) };
  return [
    {
      type: "content_block_start",
      index,
      content_block: block.type === "thinking" ? { ...empty, signature: "" } : empty,
    },
    ...deltasOf(block).map((delta) => ({ type: "content_block_delta", index, delta })),
    { type: "content_block_stop", index },
  ];
}

function deltasOf(block: EventData): EventData[] {
  if (block.type === "text") return wordChunks(string(block.text)).map((text) => ({ type: "text_delta", text }));
  if (block.type === "thinking") {
    const deltas = wordChunks(string(block.thinking)).map((thinking) => ({ type: "thinking_delta", thinking }));
    return [...deltas, { type: "signature_delta", signature: block.signature }];
  }
  // A call without arguments has one empty delta, not "{}".
  const json = JSON.stringify(block.input);
  return ["", ...(json === "{}" ? [] : jsonChunks(json))].map((partial_json) => ({
    type: "input_json_delta",
    partial_json,
  }));
}

const head = ({ id, body, inputTokens, outputTokens }: Exchange): JsonObject => ({
  id: `msg_${id}`,
  type: "message",
  role: "assistant",
  model: body.model,
  content: [],
  stop_reason: null,
  stop_sequence: null,
  usage: {
    input_tokens: inputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: outputTokens,
    service_tier: "standard",
  },
});

const ERRORS: Record<Refusal, [status: number, type: string, message: string]> = {
  invalid: [400, "invalid_request_error", "$1"],
  "no-key": [401, "authentication_error", "x-api-key header is required"],
  "bad-key": [401, "authentication_error", "invalid x-api-key"],
  "no-model": [404, "not_found_error", "model: $1"],
  "no-route": [404, "not_found_error", "Not Found"],
  "context-overflow": [400, "invalid_request_error", "prompt is too long: $1 tokens > $2 maximum"],
  "rate-limit": [
    429,
    "rate_limit_error",
    "This request would exceed your account's rate limit. Please try again later.",
  ],
  "server-error": [500, "api_error", "Internal server error"],
  overloaded: [529, "overloaded_error", "Overloaded"],
};

function refuse(refusal: Refusal, ...details: unknown[]): ErrorResponse {
  const [status, type, message] = ERRORS[refusal];
  const headers = refusal === "rate-limit" ? { "retry-after": "1" } : undefined;
  const body = { type: "error", error: { type, message: withDetails(message, details) }, request_id: `req_${newId()}` };
  return { status, ...(headers && { headers }), body };
}

/** A user's message may hold the results of tools and, behind them, what the user says. */
function readMessage({ role, content }: JsonObject): Message[] {
  const blocks = typeof content === "string" ? [{ type: "text", text: content }] : objects(content);
  const spoken = blocks.filter(
    ({ type }) => type !== "tool_result" && type !== "tool_use" && !/thinking$/.test(string(type)),
  );
  // Instructions in the middle of a conversation are sent as marked text; they are no prompt.
  const text = contentText(spoken).replace(/<system>[\s\S]*?<\/system>\s*/g, "");
  if (role === "system") return [];
  if (role === "assistant") {
    const calls: Call[] = blocks
      .filter(({ type }) => type === "tool_use")
      .map((block) => ({ id: string(block.id), name: string(block.name), args: object(block.input) }));
    return [{ role, text, calls }];
  }
  const results: Message[] = blocks
    .filter(({ type }) => type === "tool_result")
    .map((block) => ({
      role: "tool",
      callId: string(block.tool_use_id),
      text: contentText(block.content),
      failed: block.is_error === true,
    }));
  return text !== "" ? [...results, { role: "user", text }] : results;
}
