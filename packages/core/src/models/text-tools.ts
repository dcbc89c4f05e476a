import { keepArgsJson } from "../args-json.ts";
import { newId } from "../ids.ts";
import { isTimeToParse } from "../lenient-json.ts";
import {
  type AssistantPart,
  type ContentPart,
  type Message,
  type ToolCallPart,
  type ToolMessage,
  textOf,
  toolCallsOf,
} from "../messages.ts";
import type { Model, ModelEvent, ModelFinish, ModelRequest, ToolDefinition } from "../model.ts";
import { callable } from "../option-checks.ts";
import { parseArgs } from "../parse-args.ts";
import { taggedJson } from "./tagged-json.ts";

/** How tools are spoken of in plain text: what {@link textTools} takes. */
export interface TextProtocol {
  /** Tells the model of its tools and how to call them; stands behind the agent's instructions. */
  describe(tools: readonly ToolDefinition[]): string;
  /**
   * Reads what the model has written so far: asked again with each piece that arrives, with the whole text. The text
   * beside the calls may only grow, so hold back at the end what may become a call.
   */
  parse(text: string): ParsedText;
  /** A call of the model's, as it has written it. */
  formatCall(call: ToolCallPart): string;
  /** A tool's result, as the user tells it. */
  formatResult(result: ToolMessage): string;
}

/** What a text says. */
export interface ParsedText {
  /** The text beside the calls. */
  readonly text: string;
  /** The calls, in order; of the last one the arguments may still arrive. */
  readonly calls: readonly ParsedCall[];
}

/** A call that was found in a text. */
export interface ParsedCall {
  readonly name: string;
  /** The arguments as JSON, as far as they have come. They may only grow. */
  readonly args: string;
}

/**
 * Gives tools to a model that has none of its own: they are described in its instructions, what it writes is read for
 * calls while it streams, and results are told to it as text. To an agent it is a model with tools like any other:
 * previews, streaming tools, stops and histories work, and a history can move to and from models with native tools.
 *
 * @param protocol default: calls are JSON between `<tool_call>` and `</tool_call>`, the form that many open models have
 *   learned, and results stand between `<tool_response>` and `</tool_response>`
 *
 * @example
 * ```ts
 * import { openaiCompatible } from "@millrace/openai";
 * import { textTools } from "millrace/models";
 *
 * const local = openaiCompatible({ name: "local", baseURL: "http://localhost:8080/v1" });
 * const model = textTools(local("some-small-model"));
 * ```
 *
 * @throws {@link ConfigError} when the protocol lacks one of its functions
 */
export function textTools(model: Model, protocol: TextProtocol = taggedJson): Model {
  for (const name of ["describe", "parse", "formatCall", "formatResult"]) {
    callable(Object(protocol)[name], `textTools.${name}`);
  }
  const { provider, id } = model;
  return {
    provider,
    id,
    async *stream(request, options) {
      const events = model.stream(asText(request, protocol), options);
      // Without tools nothing in an answer is a call.
      if (!offersTools(request)) return yield* events;
      let reader = new CallReader(protocol);
      for await (const event of events) {
        if (event.type === "retry" || event.type === "model-switched") reader = new CallReader(protocol);
        yield* reader.read(event);
      }
    },
  };
}

function offersTools({ tools, settings }: ModelRequest): boolean {
  return tools.length > 0 && settings.toolChoice !== "none";
}

/** The same request for a model that knows nothing of tools. */
function asText(request: ModelRequest, protocol: TextProtocol): ModelRequest {
  const { tools, settings, instructions = "", messages } = request;
  const { toolChoice, parallelToolCalls: _, ...rest } = settings;
  const told = [
    instructions,
    offersTools(request) ? protocol.describe(tools) : "",
    toolChoice === "required" ? "You must call a tool now." : "",
    typeof toolChoice === "object" ? `You must call the tool ${toolChoice.tool} now.` : "",
  ].filter((text) => text !== "");
  return {
    ...request,
    ...(told.length > 0 && { instructions: told.join("\n\n") }),
    messages: messagesAsText(messages, protocol),
    tools: [],
    settings: rest,
  };
}

/** Calls become text of the model's, results that stand side by side one message of the user's. */
function messagesAsText(messages: readonly Message[], protocol: TextProtocol): Message[] {
  const told: Message[] = [];
  let results: ContentPart[] | undefined;
  for (const message of messages) {
    if (message.role !== "tool") {
      results = undefined;
      told.push(callsAsText(message, protocol));
      continue;
    }
    if (!results) {
      results = [];
      told.push({ role: "user", content: results });
    }
    results.push({ type: "text", text: protocol.formatResult(message) }, ...mediaOf(message));
  }
  return told;
}

function mediaOf({ content }: ToolMessage): ContentPart[] {
  return typeof content === "string" ? [] : content.filter(({ type }) => type !== "text");
}

function callsAsText(message: Message, protocol: TextProtocol): Message {
  if (toolCallsOf(message).length === 0 || message.role !== "assistant") return message;
  // What the provider keeps in the message for itself speaks of the text as it was, which is another one.
  const content = message.content.map((part): AssistantPart => {
    return part.type === "tool-call" ? { type: "text", text: protocol.formatCall(part) } : part;
  });
  return { role: "assistant", content };
}

/** Reads one answer for calls while it arrives. */
class CallReader {
  readonly #protocol: TextProtocol;
  readonly #callIds: string[] = [];
  /** What has been told of each call's arguments. */
  readonly #told: number[] = [];
  #text = "";
  #part = 0;
  #shown = 0;
  #parsed = 0;

  constructor(protocol: TextProtocol) {
    this.#protocol = protocol;
  }

  *read(event: ModelEvent): Generator<ModelEvent, void, undefined> {
    if (event.type === "finish") {
      yield* this.#finish(event);
    } else if (event.type === "text-delta") {
      this.#text += event.text;
      this.#part = event.part;
      // Text is shown at once; arguments cost more to read again.
      if (this.#callIds.length === 0 || isTimeToParse(this.#text.length, this.#parsed)) {
        yield* this.#tell(this.#protocol.parse(this.#text));
      }
    } else {
      yield event;
    }
  }

  *#tell({ text, calls }: ParsedText): Generator<ModelEvent, void, undefined> {
    this.#parsed = this.#text.length;
    if (text.length > this.#shown) {
      yield { type: "text-delta", text: text.slice(this.#shown), part: this.#part };
      this.#shown = text.length;
    }
    for (const [index, { name, args }] of calls.entries()) {
      const told = this.#told[index];
      if (told !== undefined && args.length <= told) continue;
      this.#told[index] = args.length;
      yield { type: "tool-call-delta", callId: this.#callId(index), name, delta: args.slice(told ?? 0) };
    }
  }

  /** The message says what was parsed; one without calls is as the model wrote it. */
  *#finish(finish: ModelFinish): Generator<ModelEvent, void, undefined> {
    const whole = textOf(finish.message);
    const read = this.#protocol.parse(whole);
    this.#text = whole;
    const { calls } = read;
    yield* this.#tell(calls.length > 0 ? read : { text: whole, calls });
    if (calls.length === 0) return yield finish;
    const others = finish.message.content.filter(({ type }) => type !== "text");
    const content: AssistantPart[] = [
      ...others,
      ...(read.text.trim() === "" ? [] : [{ type: "text" as const, text: read.text }]),
      ...calls.map((call, index) => this.#callPart(call, index)),
    ];
    const reason = finish.reason === "stop" || finish.reason === "other" ? "tool-calls" : finish.reason;
    yield { ...finish, message: { role: "assistant", content }, reason };
  }

  #callPart({ name, args }: ParsedCall, index: number): ToolCallPart {
    const part: ToolCallPart = { type: "tool-call", callId: this.#callId(index), name, ...parseArgs(args) };
    if (part.invalidArgs === undefined) keepArgsJson(part, args);
    return part;
  }

  #callId(index: number): string {
    const known = this.#callIds[index];
    if (known !== undefined) return known;
    const callId = newId("call");
    this.#callIds[index] = callId;
    return callId;
  }
}
