import process from "node:process";
import { stripVTControlCharacters, styleText } from "node:util";
import type { AgentEvent, Final } from "millrace";

type Style = Parameters<typeof styleText>[0];

/** Colours only on a terminal; NO_COLOR and FORCE_COLOR are respected. */
function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** Prints the events of one run for a person: text as it streams, everything else on lines of its own. */
export function eventPrinter(): (event: AgentEvent) => void {
  const spinner = new Spinner();
  const running = new Map<string, string>();
  let inText = false;

  const endText = (): void => {
    spinner.clear();
    if (inText) console.log();
    inText = false;
  };
  const line = (text: string): void => {
    endText();
    console.log(text);
  };
  const showRunning = (): void => {
    if (running.size > 0) spinner.show(`running ${[...running.values()].join(", ")}`);
  };

  return (event) => {
    switch (event.type) {
      case "turn-start":
        endText();
        spinner.show(`waiting for ${event.model.id}`);
        break;
      case "text-delta":
        spinner.clear();
        process.stdout.write(stripVTControlCharacters(event.text));
        inText = true;
        break;
      case "tool-call-start":
        running.set(event.callId, event.name);
        line(`${paint("cyan", "→")} ${event.name} ${paint("dim", JSON.stringify(event.args))}`);
        showRunning();
        break;
      case "tool-result":
        running.delete(event.callId);
        line(
          `${paint("green", "←")} ${event.name} ${paint("dim", `${JSON.stringify(event.result)} ${event.durationMs} ms`)}`,
        );
        showRunning();
        break;
      case "tool-error":
        running.delete(event.callId);
        line(`${paint("red", "✗")} ${event.name} ${event.error.message}`);
        showRunning();
        break;
      case "stopped":
        line(paint("yellow", `stopped: ${event.reason}`));
        break;
      case "max-turns-reached":
        line(paint("yellow", `no more than ${event.maxTurns} turns`));
        break;
      case "final":
        line(paint("dim", sumOf(event)));
        break;
      default:
        break;
    }
  };
}

function sumOf({ stopReason, turns, usage, durationMs }: Final): string {
  const tokens = `${usage.estimated ? "about " : ""}${usage.inputTokens} tokens in, ${usage.outputTokens} out`;
  return `${stopReason} · ${turns} ${turns === 1 ? "turn" : "turns"} · ${tokens} · ${(durationMs / 1000).toFixed(1)} s`;
}

/** A moving line at the bottom of a terminal; nothing at all elsewhere. */
class Spinner {
  #timer: ReturnType<typeof setInterval> | undefined;

  show(text: string): void {
    this.clear();
    if (!process.stdout.isTTY) return;
    // A line that wraps could not be taken away again.
    const fitting = text.slice(0, (process.stdout.columns || 80) - 3);
    let frame = 0;
    const draw = (): void => {
      process.stdout.write(`\r${paint("dim", `${"⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[frame++ % 10]} ${fitting}`)}`);
    };
    draw();
    this.#timer = setInterval(draw, 80);
  }

  clear(): void {
    if (!this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    // Back to the start of the line, and away with it.
    process.stdout.write("\r\u001b[K");
  }
}
