import { ConfigError } from "../errors.ts";
import type { ModelName } from "../events.ts";
import type { FilePart, ImagePart, Message } from "../messages.ts";
import type { JsonSchema, ModelRequest, ToolDefinition } from "../model.ts";
import type { ContextOptions, TokenCounter } from "./context-options.ts";

type MessagePart = Exclude<Message["content"], string>[number];

/** What providers add to frame a message, a call or a tool: of this order everywhere. */
const messageFrame = 4;
const callFrame = 8;

const imageTokens = 1000;
const smallImageTokens = 100;
const bytesPerFileToken = 50;

/** Counts tokens, each message once. */
export class TokenTally {
  readonly #count: (text: string) => number;
  readonly #messages = new WeakMap<Message, number>();
  readonly #tools = new WeakMap<JsonSchema, { readonly words: string; readonly tokens: number }>();
  #instructions = { text: "", tokens: 0 };

  constructor(count: (text: string) => number) {
    this.#count = count;
  }

  /** Tokens of a text. */
  text(text: string): number {
    if (text === "") return 0;
    const tokens = this.#count(text);
    if (!(tokens >= 0 && tokens < Number.POSITIVE_INFINITY)) {
      throw new ConfigError("context.count", `expected the counter to give a number from 0, got ${String(tokens)}`);
    }
    return tokens;
  }

  /** Tokens of a message. */
  message(message: Message): number {
    let tokens = this.#messages.get(message);
    if (tokens === undefined) {
      const { content } = message;
      tokens = this.frameOf(message);
      if (typeof content === "string") tokens += this.text(content);
      else for (const part of content) tokens += this.part(part);
      this.#messages.set(message, tokens);
    }
    return tokens;
  }

  /** Tokens of what stands around the content of a message. */
  frameOf(message: Message): number {
    return messageFrame + (message.role === "tool" ? callFrame + this.text(message.name) : 0);
  }

  /** Tokens of a part of a message. */
  part(part: MessagePart): number {
    switch (part.type) {
      case "text":
      case "reasoning":
      case "refusal":
        return this.text(part.text);
      case "tool-call":
        return callFrame + this.text(part.name) + this.text(part.invalidArgs ?? JSON.stringify(part.args));
      case "provider-tool":
        return callFrame + this.text(JSON.stringify([part.name, part.input, part.output]));
      case "image":
        return part.detail === "low" ? smallImageTokens : imageTokens;
      case "file":
        return this.#file(part);
      case "source":
        return 0;
    }
  }

  /** Tokens of what stands around the messages of a request: instructions, tools, the form of the output. */
  around({ instructions = "", tools, output }: ModelRequest): number {
    if (this.#instructions.text !== instructions) {
      this.#instructions = { text: instructions, tokens: messageFrame + this.text(instructions) };
    }
    let tokens = this.#instructions.tokens;
    for (const tool of tools) tokens += this.#tool(tool);
    if (output)
      tokens += this.#tool({ name: output.name, description: output.description ?? "", parameters: output.schema });
    return tokens;
  }

  #tool({ name, description, parameters }: ToolDefinition): number {
    const words = `${name}\n${description}`;
    let known = this.#tools.get(parameters);
    if (known?.words !== words) {
      known = { words, tokens: callFrame + this.text(words) + this.text(JSON.stringify(parameters)) };
      this.#tools.set(parameters, known);
    }
    return known.tokens;
  }

  #file(part: FilePart | ImagePart): number {
    const base64 = part.data ?? (part.url?.startsWith("data:") ? part.url : "");
    const bytes = (base64.length * 3) / 4;
    const type = part.mediaType ?? /^data:([^;,]*)/.exec(base64)?.[1] ?? "";
    if (type.startsWith("image/")) return imageTokens;
    if (bytes > 0 && type.startsWith("text/")) return Math.ceil(bytes / 4);
    return Math.max(imageTokens, Math.ceil(bytes / bytesPerFileToken));
  }
}

const simple = new TokenTally((text) => Math.ceil(text.length / 4));
const tallies = new WeakMap<TokenCounter, Map<string, TokenTally>>();

/** The tally of a counter for a model, shared by all runs. Throws `ConfigError` where a package is missing. */
export async function tallyFor(count: ContextOptions["count"], { provider, id }: ModelName): Promise<TokenTally> {
  if (count === undefined || count === "simple") return simple;
  const counter = count === "accurate" ? await loadTiktoken() : count;
  let ofCounter = tallies.get(counter);
  if (!ofCounter) {
    ofCounter = new Map();
    tallies.set(counter, ofCounter);
  }
  const model = { provider, id };
  const known = ofCounter.get(`${provider}/${id}`);
  if (known) return known;
  await counter.load?.(model);
  const tally = new TokenTally((text) => counter.count(text, model));
  ofCounter.set(`${provider}/${id}`, tally);
  return tally;
}

async function loadTiktoken(): Promise<TokenCounter> {
  try {
    return (await import("../tiktoken.ts")).tiktoken;
  } catch (cause) {
    throw new ConfigError("context.count", '"accurate" needs the package js-tiktoken: npm install js-tiktoken', {
      cause,
    });
  }
}
