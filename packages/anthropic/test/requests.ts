import type { Model, ModelEvent, ModelRequest } from "millrace/provider";

/** A plain request, with what a test cares about. */
export function request(changes: Partial<ModelRequest> = {}): ModelRequest {
  return { messages: [{ role: "user", content: "Hello" }], tools: [], settings: {}, ...changes };
}

/** All that a model streams. */
export async function collect(
  model: Model,
  asked: ModelRequest,
  signal = new AbortController().signal,
): Promise<ModelEvent[]> {
  const events: ModelEvent[] = [];
  for await (const event of model.stream(asked, { signal })) events.push(event);
  return events;
}
