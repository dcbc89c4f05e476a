import { errorMessage, maskSecrets } from "./errors.ts";
import type { AgentEvent, Final, RunInfo, TurnEnd } from "./events.ts";
import { type Message, textOf, toolCallsOf } from "./messages.ts";

type Print = (line: string) => void;

/** What earlier events have said that later lines need. */
interface Progress {
  tools: number;
  turn: number;
  requestedAt: number;
}

/** The runs that are being printed: a sub-agent is not printed once more by an observer of its own. */
const printed = new Map<string, Print>();

/**
 * Prints one run for a developer, a line for each thing that happens, and the runs of its sub-agents under it, indented.
 * Long values are cut, secrets are masked.
 */
export function debugPrinter(print: Print): (event: AgentEvent) => void {
  const runs = new Map<string, Progress>();
  let isCovered = false;

  const show = (event: AgentEvent, indent: string): void => {
    if (event.type === "sub-agent") {
      show(event.event, `${indent}  `);
      return;
    }
    const { id, agentName } = event.run;
    const progress = runs.get(id) ?? { tools: 0, turn: 0, requestedAt: 0 };
    runs.set(id, progress);
    for (const line of linesOf(event, progress)) print(oneLine(`${indent}[${agentName} ${id.slice(-6)}] ${line}`));
    if (event.type === "final") runs.delete(id);
  };

  return (event) => {
    const { type, run } = event;
    if (type === "run-start") {
      isCovered = run.parent !== undefined && printed.get(run.parent.runId) === print;
      printed.set(run.id, print);
    }
    if (type === "final") printed.delete(run.id);
    if (!isCovered) show(event, "");
  };
}

function linesOf(event: AgentEvent, progress: Progress): string[] {
  switch (event.type) {
    case "run-start": {
      progress.tools = event.tools.length;
      return [joined("start", whose(event.run), event.tools.length > 0 && cut(`tools ${event.tools.join(", ")}`))];
    }
    case "turn-start": {
      const { turn, model, messages, tokens } = event;
      progress.turn = turn;
      progress.requestedAt = event.at;
      const sent = [counted(messages, "message"), `about ${counted(tokens, "token")}`, counted(progress.tools, "tool")];
      return [joined(`request ${turn}`, `${model.provider} ${model.id}`, ...sent)];
    }
    case "message-added":
      return messageLines(event.message, progress, event.at);
    case "provider-tool":
      return [joined("provider tool", `${event.name} ${event.state}`)];
    case "file-output":
      return [joined("file", event.file.mediaType ?? event.file.type)];
    case "tool-call-start":
      return [joined(`tool ${nameOf(event)}`, json(event.args))];
    case "tool-result":
      return [joined(`result ${nameOf(event)}`, `${event.durationMs} ms`, json(event.result))];
    case "tool-error": {
      const { error, durationMs } = event;
      return [joined(`error ${nameOf(event)}`, `${durationMs} ms`, error.kind, cut(error.message), json(event.args))];
    }
    case "turn-end":
      return [joined(`turn ${event.turn}`, event.finishReason, spent(event))];
    case "retry": {
      const { attempt, delayMs, error, discardFrom } = event;
      progress.requestedAt = event.at + delayMs;
      return [joined(`retry ${attempt}`, `in ${delayMs} ms`, said(error), discardFrom !== undefined && isVoid)];
    }
    case "model-switched": {
      const { from, to, error, discardFrom } = event;
      progress.requestedAt = event.at;
      return [joined("switched", `${from} → ${to}`, said(error), discardFrom !== undefined && isVoid)];
    }
    case "context-overflow":
      return [joined("context", `${event.tokens} tokens > ${event.limit}`, `by ${event.by}`)];
    case "messages-dropped": {
      const { messages, summary } = event;
      return [
        joined("dropped", counted(messages.length, "message"), summary !== undefined && `summary ${json(summary)}`),
      ];
    }
    case "budget-exceeded": {
      const { by, spent, limit } = event;
      return [joined("budget", by === "usd" ? `${dollars(spent)} of ${dollars(limit)}` : `${spent} of ${limit} ${by}`)];
    }
    case "max-turns-reached":
      return [joined("max turns", String(event.maxTurns))];
    case "stopped":
      return [joined("stopped", `by ${event.by}`, cut(event.reason))];
    case "final": {
      const { stopReason, turns, durationMs, error } = event;
      const facts = [stopReason, counted(turns, "turn"), spent(event), `${durationMs} ms`];
      return [joined("final", ...facts, error && said(error))];
    }
    default:
      // Deltas and progress would bury the rest.
      return [];
  }
}

const isVoid = "what had arrived is void";

function messageLines(message: Message, { turn, requestedAt }: Progress, at: number): string[] {
  const text = textOf(message);
  if (message.role === "tool") return [];
  if (message.role !== "assistant") return [joined(message.role, json(text))];
  const calls = toolCallsOf(message).map(({ name }) => name);
  const facts = [text && json(text), calls.length > 0 && cut(`calls ${calls.join(", ")}`)];
  // An assistant message of the input answers no request of this run.
  return [turn > 0 ? joined(`answer ${turn}`, `${at - requestedAt} ms`, ...facts) : joined("assistant", ...facts)];
}

function whose({ userId, chatId }: RunInfo): string {
  return `user ${shortened(userId)} · chat ${shortened(chatId)}`;
}

function nameOf({ name, callId }: { name: string; callId: string }): string {
  return `${cut(name)} ${callId.length > 8 ? callId.slice(-6) : callId}`;
}

function spent({ usage, costUsd }: TurnEnd | Final): string {
  const { inputTokens, cacheReadTokens, outputTokens, reasoningTokens, estimated } = usage;
  const input = `${estimated ? "about " : ""}${inputTokens} in${cacheReadTokens ? ` (${cacheReadTokens} cached)` : ""}`;
  const output = `${outputTokens} out${reasoningTokens ? ` (${reasoningTokens} reasoning)` : ""}`;
  return joined(`${input}, ${output}`, costUsd !== undefined && dollars(costUsd));
}

function dollars(usd: number): string {
  return `$${usd.toFixed(6)}`;
}

function said(error: Error): string {
  const kind = "kind" in error ? `${error.kind}` : error.name;
  return joined(kind, cut(errorMessage(error)));
}

/** What is there, with dots between. */
function joined(...facts: (string | false | undefined)[]): string {
  return facts.filter(Boolean).join(" · ");
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

function shortened(id: string): string {
  return id.length > 12 ? `${id.slice(0, 8)}…` : id;
}

const maxLength = 200;

/** Masked first: half a secret would not be known as one. */
function cut(text: string): string {
  const masked = maskSecrets(text);
  return masked.length > maxLength ? `${masked.slice(0, maxLength)}…` : masked;
}

function json(value: unknown): string {
  try {
    return cut(JSON.stringify(value, shown) ?? "nothing");
  } catch (error) {
    return `a value that cannot be shown (${errorMessage(error)})`;
  }
}

const secretNames = /passw(or)?d|secret|token|api.?key|authorization|cookie/i;

function shown(key: string, value: unknown): unknown {
  if (typeof value === "string") return secretNames.test(key) ? "…" : cut(value);
  if (typeof value === "bigint") return String(value);
  return ArrayBuffer.isView(value) ? `${value.byteLength} bytes` : value;
}

/** Line breaks and control characters of a value must not look like lines of this log. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, " ");
}
