import { createInterface } from "node:readline";

/** Asks for a message; undefined where nobody will say anything any more. */
export type Ask = (prompt: string, signal: AbortSignal) => Promise<string | undefined>;

/** A terminal that shows what is pasted as such. */
const pasteMode = { on: "\u001b[?2004h", off: "\u001b[?2004l" };

/**
 * Asks at a terminal: Enter sends, Ctrl-Space begins a new line, as do the line breaks of what is pasted; Ctrl-C, and
 * Ctrl-D on an empty line, leave.
 */
export function terminalPrompt(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Ask {
  // Typed before it was asked for: a terminal may give several messages at once.
  const ahead: (string | undefined)[] = [];
  return async (prompt, signal) => {
    signal.throwIfAborted();
    if (ahead.length > 0) {
      const early = ahead.shift();
      output.write(`${prompt}${early ?? ""}\n`);
      return early;
    }
    const lines: string[] = [];
    const editor = createInterface({ input, output, prompt, terminal: true, historySize: 0 });
    let isPasting = false;
    let breaksLine = false;
    const onKey = (_: unknown, { name, sequence }: { name?: string; sequence?: string }): void => {
      if (name === "paste-start") isPasting = true;
      else if (name === "paste-end") isPasting = false;
      else if (sequence === "\u0000") {
        breaksLine = true;
        editor.write("\n");
      }
    };
    let abort: (() => void) | undefined;
    try {
      return await new Promise<string | undefined>((resolve, reject) => {
        let isSent = false;
        editor.on("line", (line) => {
          lines.push(line);
          if (isPasting || breaksLine) {
            breaksLine = false;
            editor.setPrompt("");
            return;
          }
          const message = lines.splice(0).join("\n");
          if (isSent) ahead.push(message);
          else resolve(message);
          isSent = true;
        });
        editor.on("SIGINT", () => {
          if (isSent) ahead.push(undefined);
          else resolve(undefined);
        });
        editor.on("close", () => resolve(undefined));
        abort = () => reject(signal.reason);
        signal.addEventListener("abort", abort, { once: true });
        input.on("keypress", onKey);
        output.write(pasteMode.on);
        editor.prompt();
      });
    } finally {
      if (abort) signal.removeEventListener("abort", abort);
      input.removeListener("keypress", onKey);
      editor.close();
      output.write(pasteMode.off);
    }
  };
}
