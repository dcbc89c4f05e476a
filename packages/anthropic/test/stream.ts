type Wire = { type: string; [field: string]: unknown };

/** Server-sent events as the Messages API writes them. */
export function sse(...events: readonly Wire[]): string {
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
}

export const start: Wire = {
  type: "message_start",
  message: {
    id: "msg_1",
    type: "message",
    role: "assistant",
    content: [],
    stop_reason: null,
    usage: { input_tokens: 10, cache_read_input_tokens: 30, cache_creation_input_tokens: 5, output_tokens: 1 },
  },
};

export const stop: Wire = { type: "message_stop" };

export function ending(stop_reason: string, output_tokens = 20, others: object = {}): Wire {
  return { type: "message_delta", delta: { stop_reason, stop_sequence: null, ...others }, usage: { output_tokens } };
}

/** A whole block: its first event, its deltas, its end. */
export function block(index: number, content_block: object, ...deltas: readonly object[]): Wire[] {
  return [
    { type: "content_block_start", index, content_block },
    ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
    { type: "content_block_stop", index },
  ];
}

export function text(index: number, ...pieces: readonly string[]): Wire[] {
  return block(index, { type: "text", text: "" }, ...pieces.map((piece) => ({ type: "text_delta", text: piece })));
}

export function call(index: number, id: string, name: string, ...json: readonly string[]): Wire[] {
  const deltas = json.map((partial_json) => ({ type: "input_json_delta", partial_json }));
  return block(index, { type: "tool_use", id, name, input: {} }, ...deltas);
}

export function thinking(index: number, thought: string, signature: string): Wire[] {
  const deltas = thought === "" ? [] : [{ type: "thinking_delta", thinking: thought }];
  const begun = { type: "thinking", thinking: "", signature: "" };
  return block(index, begun, ...deltas, { type: "signature_delta", signature });
}
