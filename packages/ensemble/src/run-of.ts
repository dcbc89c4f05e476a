import { Agent, type AgentEvent, type Input, type RespondOptions, type Run } from "millrace";
import { type Json, MessageBuilder, type Model, type ModelEvent, noUsage, type Usage } from "millrace/provider";
import { abortable } from "millrace/runs";
import { EventToken } from "./event-token.ts";
import type { MessagePromise } from "./message-promise.ts";

/** Options of {@link runOf}. */
export interface RunOfOptions extends Pick<RespondOptions, "userId" | "chatId" | "history" | "signal" | "hooks"> {
  /** What the message answers. */
  input: Input;
  /** Who has answered, in the events. Default: the message's `agent_alias`, or `ensemble`. */
  name?: string;
}

/**
 * The promise of a message as a run: its tokens become the text of an answer, so that a server, a page or a store takes it
 * like the run of any agent. Tools that were called in the making of it show as tools of the provider, and `usage` of the
 * message is that of the run. To stop this run does not stop what makes the message.
 *
 * @throws a `ConfigError` naming the option that cannot work
 */
export function runOf(message: MessagePromise, { input, name, ...options }: RunOfOptions): Run {
  const alias = message.knownBeforehand.get("agent_alias");
  const agentName = name ?? (typeof alias === "string" && alias !== "" ? alias : "ensemble");
  return new Agent({ name: agentName, model: modelOf(message, agentName) }).respond(input, options);
}

function modelOf(message: MessagePromise, id: string): Model {
  return {
    provider: "ensemble",
    id,
    async *stream(_, { signal }): AsyncGenerator<ModelEvent> {
      const builder = new MessageBuilder();
      const tokens = message[Symbol.asyncIterator]();
      for (;;) {
        const { done, value } = await abortable(tokens.next(), signal);
        if (done) break;
        if (value instanceof EventToken) yield* toolEvents(value.event, builder);
        else if (String(value) !== "") yield builder.text(String(value));
      }
      const whole = await abortable(message, signal);
      const usage = whole.get("usage");
      yield builder.finish({ reason: "stop", usage: isUsage(usage) ? usage : noUsage });
    },
  };
}

function* toolEvents(event: AgentEvent, builder: MessageBuilder): Generator<ModelEvent> {
  if (event.type !== "tool-call-start" && event.type !== "tool-result" && event.type !== "tool-error") return;
  const { callId, name } = event;
  const call = { type: "provider-tool", callId, name, input: json(event.args) } as const;
  if (event.type === "tool-call-start") {
    builder.put(callId, call);
    yield { ...call, state: "started" };
  } else if (event.type === "tool-result") {
    const output = json(event.result);
    builder.put(callId, { ...call, output });
    yield { ...call, state: "done", output };
  } else {
    const output = event.error.message;
    builder.put(callId, { ...call, output, isError: true });
    yield { ...call, state: "failed", output };
  }
}

function json(value: unknown): Json {
  return JSON.parse(JSON.stringify(value) ?? "null");
}

function isUsage(value: unknown): value is Usage {
  if (typeof value !== "object" || value === null) return false;
  const counts: Record<string, unknown> = { ...value };
  return Object.keys(noUsage).every((key) => typeof counts[key] === "number");
}
