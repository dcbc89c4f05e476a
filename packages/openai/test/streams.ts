import type { Message, Model, ModelEvent, ModelFinish, ModelRequest } from "millrace/provider";

/** Events as they go over the wire. */
export function sse(...events: unknown[]): string {
  return events.map((event) => `data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`).join("");
}

/** A chunk of a chat completion. */
export function chunk(delta: object, finish: string | null = null, more: object = {}): object {
  return {
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    model: "m",
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...more,
  };
}

/** The chunk that brings the usage after all others. */
export function usageChunk(usage: object): object {
  return { ...chunk({}), choices: [], usage };
}

/** A delta of a tool call, as OpenAI sends it. */
export function call(index: number, args: string, id?: string, name?: string): object {
  const begins = id === undefined ? {} : { id, type: "function" };
  return { tool_calls: [{ index, ...begins, function: { ...(name !== undefined && { name }), arguments: args } }] };
}

/** An event of the Responses API. */
export function event(type: string, fields: object = {}): object {
  return { type, ...fields };
}

/** The events of an output item that comes whole. */
export function item(index: number, whole: object, began: object = whole): object[] {
  return [
    event("response.output_item.added", { output_index: index, item: began }),
    event("response.output_item.done", { output_index: index, item: whole }),
  ];
}

/** A message item with its deltas. */
export function message(index: number, id: string, ...texts: string[]): object[] {
  const part = { type: "output_text", text: texts.join(""), annotations: [] };
  const began = { type: "message", id, role: "assistant", status: "in_progress", content: [] };
  return [
    event("response.output_item.added", { output_index: index, item: began }),
    ...texts.map((delta) =>
      event("response.output_text.delta", { item_id: id, output_index: index, content_index: 0, delta }),
    ),
    event("response.output_item.done", {
      output_index: index,
      item: { ...began, status: "completed", content: [part] },
    }),
  ];
}

/** The last event of the Responses API. */
export function completed(output: object[] = [], more: object = {}): object {
  const usage = {
    input_tokens: 10,
    input_tokens_details: { cached_tokens: 4 },
    output_tokens: 20,
    output_tokens_details: { reasoning_tokens: 5 },
  };
  return event("response.completed", { response: { id: "resp_1", status: "completed", output, usage, ...more } });
}

/** A request with these messages. */
export function requestOf(...messages: Message[]): ModelRequest {
  const question: Message = { role: "user", content: "Hi" };
  return { messages: messages.length > 0 ? messages : [question], tools: [], settings: {} };
}

/** All that a model gives. */
export async function collect(model: Model, request: ModelRequest = requestOf()): Promise<ModelEvent[]> {
  const events: ModelEvent[] = [];
  const { signal } = new AbortController();
  for await (const one of model.stream(request, { signal })) events.push(one);
  return events;
}

/** The closing event. */
export function finishOf(events: readonly ModelEvent[]): ModelFinish {
  const last = events.at(-1);
  if (last?.type === "finish") return last;
  throw new Error(`expected a finish event at the end, got ${JSON.stringify(last)}`);
}
