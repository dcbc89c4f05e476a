import type { Row } from "../inspect/rows.ts";

/** A duration in few characters. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const minutes = Math.floor(ms / 60_000);
  return `${minutes} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** A count with separators. */
export function number(count: number): string {
  return count.toLocaleString("en-US");
}

/** US dollars; small amounts keep two digits that count. */
export function dollars(usd: number): string {
  if (usd === 0) return "$0";
  return usd >= 0.01 ? `$${usd.toFixed(4)}` : `$${usd.toPrecision(2)}`;
}

/** Bytes in a unit that fits. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  if (count < 1_000_000) return `${(count / 1000).toFixed(0)} kB`;
  return `${(count / 1_000_000).toFixed(1)} MB`;
}

/** A time of day. */
export function clock(at: number): string {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

/** What an event says, on one line. Of an event that is not known here its fields. */
export function summary(row: Row): string {
  const { event } = row;
  const text = (name: string): string => String(event[name] ?? "");
  if (row.problem !== undefined) return `${row.problem} · ${text("text")}`;
  switch (row.type) {
    case "run-start":
      return `${row.run?.agentName ?? ""} · tools: ${list(event["tools"]) || "none"}`;
    case "turn-start":
      return `turn ${text("turn")} · ${modelName(event["model"])} · ${text("messages")} messages, about ${text("tokens")} tokens`;
    case "text-delta":
    case "reasoning-delta":
    case "refusal-delta":
      return text("text");
    case "tool-call-delta":
      return `${text("name")} ${text("delta")}`;
    case "message-added":
      return `${String(Object(event["message"])["role"])}: ${contentText(event["message"])}`;
    case "tool-call-start":
      return `${text("name")} ${json(event["args"])}`;
    case "tool-progress":
      return `${text("name")} ${json(event["progress"])}`;
    case "tool-result":
      return `${text("name")} → ${json(event["result"])} · ${text("durationMs")} ms`;
    case "tool-error":
      return `${text("name")} · ${errorText(event["error"])}`;
    case "turn-end":
      return `turn ${text("turn")} · ${text("finishReason")}`;
    case "retry":
      return `attempt ${text("attempt")} in ${text("delayMs")} ms · ${errorText(event["error"])}`;
    case "model-switched":
      return `${text("from")} → ${text("to")} · ${errorText(event["error"])}`;
    case "context-overflow":
      return `${text("tokens")} tokens > ${text("limit")}, by ${text("by")}`;
    case "messages-dropped":
      return `${lengthOf(event["messages"])} messages`;
    case "stopped":
      return `${text("reason")} (by ${text("by")})`;
    case "final":
      return `${text("stopReason")} · ${text("output")}`;
    default:
      return Object.keys(event).length > 0 ? json(event) : "";
  }
}

/** A value as JSON on one line. */
export function json(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

/** An error of an event: its name or kind, and its message. */
export function errorText(error: unknown): string {
  const { name, kind, message } = Object(error);
  return [kind ?? name, message].filter(Boolean).join(": ");
}

/** Which model, in words. */
export function modelName(model: unknown): string {
  const { provider, id } = Object(model);
  return [provider, id].filter(Boolean).join(" ");
}

/** The text of a message, and what else it holds in words. */
function contentText(message: unknown): string {
  const content: unknown = Object(message)["content"];
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: unknown) => {
      const { type, text, name, args } = Object(part);
      if (type === "text") return String(text);
      if (type === "tool-call") return `[calls ${name} ${json(args)}]`;
      return `[${type}]`;
    })
    .join(" ");
}

function list(value: unknown): string {
  return Array.isArray(value) ? value.join(", ") : "";
}

function lengthOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}
