import { argsJson } from "./args-json.ts";
import type { Message } from "./messages.ts";
import type { JsonSchema, ModelRequest } from "./model.ts";

const ofMessages = new WeakMap<Message, number>();
const ofSchemas = new WeakMap<JsonSchema, number>();
/** What a provider charges for an image is of this order, whatever its size in bytes. */
const imageTokens = 1000;

/** A rough count of a request's tokens: characters divided by four. */
export function estimateRequest({ messages, instructions = "", tools, output }: ModelRequest): number {
  let tokens = Math.ceil(instructions.length / 4);
  for (const { name, description, parameters } of tools) {
    tokens += Math.ceil((name.length + description.length) / 4) + schemaTokens(parameters);
  }
  if (output) tokens += schemaTokens(output.schema);
  for (const message of messages) tokens += estimateTokens(message);
  return tokens;
}

/** Written out once: schemas are large, and the same in every turn. */
function schemaTokens(schema: JsonSchema): number {
  let tokens = ofSchemas.get(schema);
  if (tokens === undefined) {
    tokens = Math.ceil(JSON.stringify(schema).length / 4);
    ofSchemas.set(schema, tokens);
  }
  return tokens;
}

/** A rough count of a message's tokens: characters divided by four. Counted once per message. */
export function estimateTokens(message: Message): number {
  let tokens = ofMessages.get(message);
  if (tokens === undefined) {
    tokens = 4;
    if (typeof message.content === "string") tokens += message.content.length / 4;
    else for (const part of message.content) tokens += partTokens(part);
    tokens = Math.ceil(tokens);
    ofMessages.set(message, tokens);
  }
  return tokens;
}

function partTokens(part: Exclude<Message["content"], string>[number]): number {
  switch (part.type) {
    case "text":
    case "reasoning":
    case "refusal":
      return part.text.length / 4;
    case "tool-call":
      return (part.name.length + argsJson(part).length) / 4;
    case "provider-tool":
      return (JSON.stringify(part.input ?? "").length + JSON.stringify(part.output ?? "").length) / 4;
    case "image":
    case "file":
      return imageTokens;
    case "source":
      return 0;
  }
}
