import { checkChatRequest } from "./check-chat.ts";
import { type Conversation, contentText, looksFailed, type Message, toTool, toToolChoice } from "./conversation.ts";
import { type JsonObject, list, object, objects, parseJson, string } from "./json.ts";
import { openaiError } from "./openai-errors.ts";
import { dataFrame, type Exchange, jsonChunks, type Protocol, wordChunks } from "./protocol.ts";

/** What an answer "as JSON" without a schema looks like. */
export const ANY_JSON: JsonObject = {
  type: "object",
  properties: { answer: { type: "string" } },
  required: ["answer"],
};

const FINISH = {
  stop: "stop",
  "stop-sequence": "stop",
  "tool-calls": "tool_calls",
  length: "length",
  "content-filter": "content_filter",
};

/** OpenAI's Chat Completions API, with the `reasoning_content` of compatible servers. */
export const chatCompletions: Protocol = {
  check: checkChatRequest,

  read(body): Conversation {
    const format = object(body.response_format);
    const choice = body.tool_choice;
    const thinking = [body.reasoning_effort, object(body.reasoning).effort, object(body.thinking).type];
    return {
      messages: withFiles(objects(body.messages)).flatMap(readMessage),
      tools: objects(body.tools)
        .map((tool) => object(tool.function))
        .map(toTool),
      toolChoice: toToolChoice(choice, object(object(choice).function).name),
      parallel: body.parallel_tool_calls !== false,
      schema:
        format.type === "json_schema"
          ? object(object(format.json_schema).schema)
          : format.type === "json_object"
            ? ANY_JSON
            : undefined,
      reasoning: thinking.some((value) => typeof value === "string" && value !== "none" && value !== "disabled"),
      maxTokens: Number(body.max_completion_tokens ?? body.max_tokens) || undefined,
      stop: typeof body.stop === "string" ? [body.stop] : list(body.stop).map(String),
    };
  },

  whole(exchange): JsonObject {
    const { reply } = exchange;
    const message = {
      role: "assistant",
      content: reply.calls.length > 0 && reply.text === "" ? null : reply.text,
      refusal: null,
      annotations: [],
      ...(reply.reasoning !== "" && { reasoning_content: reply.reasoning }),
      ...(reply.calls.length > 0 && { tool_calls: reply.calls.map(toolCall) }),
    };
    const choice = { index: 0, message, logprobs: null, finish_reason: FINISH[reply.finish] };
    return { ...head(exchange, "chat.completion"), choices: [choice], usage: usageOf(exchange) };
  },

  frames(exchange): string[] {
    const { body, reply } = exchange;
    const withUsage = object(body.stream_options).include_usage === true;
    const chunk = (choices: unknown[], usage: unknown = null): string =>
      dataFrame({ ...head(exchange, "chat.completion.chunk"), choices, ...(withUsage && { usage }) });
    const choice = (delta: JsonObject, finish: string | null = null): string =>
      chunk([{ index: 0, delta, logprobs: null, finish_reason: finish }]);
    return [
      choice({ role: "assistant", content: reply.text === "" ? null : "", refusal: null }),
      ...wordChunks(reply.reasoning).map((reasoning_content) => choice({ reasoning_content })),
      ...wordChunks(reply.text).map((content) => choice({ content })),
      ...reply.calls
        .map(toolCall)
        .flatMap((call, index) => [
          choice({ tool_calls: [{ index, ...call, function: { ...call.function, arguments: "" } }] }),
          ...jsonChunks(call.function.arguments).map((json) =>
            choice({ tool_calls: [{ index, function: { arguments: json } }] }),
          ),
        ]),
      choice({}, FINISH[reply.finish]),
      ...(withUsage ? [chunk([], usageOf(exchange))] : []),
      "data: [DONE]\n\n",
    ];
  },

  refuse: (refusal, ...details) => openaiError(refusal, details, refusal === "context-overflow" ? "messages" : null),

  breakOff: () => [dataFrame(openaiError("server-error", []).body)],
};

const toolCall = ({ id, name, args }: Exchange["reply"]["calls"][number]) => ({
  id: `call_${id}`,
  type: "function",
  function: { name, arguments: JSON.stringify(args) },
});

const head = ({ id, created, body }: Exchange, kind: string): JsonObject => ({
  id: `chatcmpl-${id}`,
  object: kind,
  created,
  model: body.model,
  service_tier: "default",
  system_fingerprint: "fp_simulator",
});

const usageOf = ({ inputTokens, outputTokens, reasoningTokens }: Exchange): JsonObject => ({
  prompt_tokens: inputTokens,
  completion_tokens: outputTokens,
  total_tokens: inputTokens + outputTokens,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: reasoningTokens,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
});

/**
 * A tool message cannot hold an image, so clients send the images of results in a user message behind them. That is no
 * new prompt: what it holds is added to the result.
 */
function withFiles(messages: JsonObject[]): JsonObject[] {
  const read: JsonObject[] = [];
  for (const message of messages) {
    const previous = read.at(-1);
    const files = objects(message.content).filter(({ type }) => type !== "text");
    if (message.role === "user" && previous?.role === "tool" && files.length > 0) {
      previous.content = `${contentText(previous.content)} ${contentText(files)}`;
    } else read.push({ ...message });
  }
  return read;
}

function readMessage({ role, content, tool_calls, tool_call_id }: JsonObject): Message[] {
  const text = contentText(content);
  if (role === "user") return [{ role, text }];
  if (role === "tool") return [{ role, callId: string(tool_call_id), text, failed: looksFailed(text) }];
  if (role !== "assistant") return [];
  const calls = objects(tool_calls).map((call) => {
    const { name, arguments: json } = object(call.function);
    return { id: string(call.id), name: string(name), args: object(parseJson(string(json))) };
  });
  return [{ role, text, calls }];
}
