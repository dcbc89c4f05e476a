import type { AgentEvent, Final } from "millrace";
import { explainError } from "./explain-error.ts";
import type { Terminal } from "./terminal.ts";

/** Shows the events of one run: the answer as it streams, and a line for each tool call. */
export class AnswerView {
  readonly #terminal: Terminal;
  /** Tools that run, by call, each with the latest that it has told. */
  readonly #running = new Map<string, string>();
  #block: string | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show(event: AgentEvent): void {
    switch (event.type) {
      case "text-delta":
      case "refusal-delta":
        this.#beginBlock(`${event.type} ${event.part}`);
        this.#terminal.text(event.text);
        break;
      case "reasoning-delta":
        this.#beginBlock(`${event.type} ${event.part}`);
        this.#terminal.aside(event.text);
        break;
      case "turn-start":
        this.#block = undefined;
        break;
      default:
        this.#tool(event, "");
        this.#note(event);
    }
  }

  /** A new kind of block begins a line. */
  #beginBlock(block: string): void {
    if (this.#block !== undefined && this.#block !== block) this.#terminal.endLine();
    this.#block = block;
  }

  #tool(event: AgentEvent, indent: string): void {
    const terminal = this.#terminal;
    switch (event.type) {
      case "tool-call-start":
        this.#live(event.callId, `${indent}… ${event.name} ${json(event.args)}`);
        break;
      case "tool-progress":
        this.#live(event.callId, `${indent}… ${event.name} ${json(event.progress)}`);
        break;
      case "tool-result":
        this.#running.delete(event.callId);
        terminal.note(
          terminal.fit(
            `${indent}✓ ${event.name} ${json(event.args)} → ${json(event.result)} · ${seconds(event.durationMs)}`,
          ),
        );
        break;
      case "tool-error":
        this.#running.delete(event.callId);
        terminal.note(
          terminal.fit(
            `${indent}✗ ${event.name} ${json(event.args)}: ${event.error.message} · ${seconds(event.durationMs)}`,
          ),
          "red",
        );
        break;
      case "provider-tool":
        if (event.state === "started") this.#live(event.callId, `${indent}… ${event.name}`);
        else {
          this.#running.delete(event.callId);
          terminal.note(`${indent}${event.state === "done" ? "✓" : "✗"} ${event.name}`);
        }
        break;
      case "sub-agent":
        this.#subAgent(event.event, event.callId, event.agent, `${indent}  `);
        break;
      default:
        return;
    }
    this.#showLive();
  }

  /** Of a sub-agent its tools are shown; its text is only seen to grow. */
  #subAgent(event: AgentEvent, callId: string, agent: string, indent: string): void {
    if (event.type === "text-delta") this.#live(callId, `${indent}… ${agent} is writing`);
    else this.#tool(event, indent);
  }

  #live(callId: string, text: string): void {
    this.#running.set(callId, text);
  }

  #showLive(): void {
    const latest = [...this.#running.values()].at(-1);
    const others = this.#running.size - 1;
    if (latest !== undefined) this.#terminal.live(others > 0 ? `${latest} (and ${others} more)` : latest);
  }

  #note(event: AgentEvent): void {
    const terminal = this.#terminal;
    switch (event.type) {
      case "retry":
        terminal.note(
          `The request is repeated in ${seconds(event.delayMs)}: ${explainError(event.error)}${isVoid(event)}`,
        );
        break;
      case "model-switched":
        terminal.note(`${event.to} takes over from ${event.from}: ${explainError(event.error)}${isVoid(event)}`);
        break;
      case "messages-dropped":
        terminal.note(`The conversation is too long: ${event.messages.length} messages are no longer sent.`);
        break;
      case "budget-exceeded":
        terminal.note(`The budget is spent: ${event.spent} of ${event.limit} ${event.by}.`);
        break;
      case "max-turns-reached":
        terminal.note(`Stopped after ${event.maxTurns} turns.`);
        break;
      case "stopped":
        terminal.note("Stopped. What has arrived is kept.");
        break;
      case "file-output":
        terminal.note(`The model made a file (${event.file.mediaType ?? event.file.type}).`);
        break;
      case "final":
        this.#end(event);
        break;
      default:
        break;
    }
  }

  #end({ stopReason, error, usage, costUsd, durationMs, turns }: Final): void {
    const terminal = this.#terminal;
    terminal.endLine();
    if (error) terminal.note(explainError(error), "red");
    if (stopReason === "length") terminal.note("The answer was cut: it has reached the cap on output tokens.");
    if (stopReason === "content-filter") terminal.note("The provider's content filter has cut the answer.");
    const { inputTokens, cacheReadTokens, outputTokens, reasoningTokens, estimated } = usage;
    // A request that was refused has spent nothing.
    if (inputTokens + outputTokens === 0) return;
    const facts = [
      `${estimated ? "about " : ""}${inputTokens} in${cacheReadTokens > 0 ? ` (${cacheReadTokens} cached)` : ""}`,
      `${outputTokens} out${reasoningTokens > 0 ? ` (${reasoningTokens} reasoning)` : ""}`,
      ...(costUsd === undefined ? [] : [`$${costUsd.toFixed(4)}`]),
      ...(turns > 1 ? [`${turns} turns`] : []),
      seconds(durationMs),
    ];
    terminal.note(facts.join(" · "));
  }
}

function isVoid({ discardFrom }: { discardFrom?: number }): string {
  return discardFrom === undefined ? "" : " What has arrived of the answer is void.";
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** A value in few words: it has one line with others. */
function json(value: unknown): string {
  const text = typeof value === "string" ? value : safeJson(value);
  return text.length > 160 ? `${text.slice(0, 159)}…` : text;
}

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "(a value that cannot be shown)";
  }
}
