import { createInterface } from "node:readline";

/**
 * Asks for messages in a terminal. Each question has an interface of its own: between them the terminal is as it was, and
 * Ctrl-C is a signal.
 */
export class Prompt {
  #history: string[] = [];

  /** The next message; undefined after Ctrl-D, or Ctrl-C where nothing was typed. Lines that were pasted are one message. */
  ask(): Promise<string | undefined> {
    const output = process.stdout.isTTY ? process.stdout : process.stderr;
    const reader = createInterface({
      input: process.stdin,
      output,
      prompt: "› ",
      history: this.#history,
      terminal: true,
    });
    return new Promise((resolve) => {
      const lines: string[] = [];
      const end = (message: string | undefined): void => {
        reader.off("close", leave);
        reader.close();
        resolve(message);
      };
      const leave = (): void => end(undefined);
      reader.on("close", leave);
      reader.on("history", (history) => {
        this.#history = history;
      });
      reader.on("line", (line) => {
        lines.push(line);
        // Lines of one paste come at once; what follows the last of them is still being edited.
        setImmediate(() => {
          if (lines.at(-1) === line && reader.line === "") end(lines.join("\n"));
        });
      });
      reader.on("SIGINT", () => {
        if (reader.line === "" && lines.length === 0) {
          output.write("\n");
          return leave();
        }
        lines.length = 0;
        reader.write(null, { ctrl: true, name: "e" });
        reader.write(null, { ctrl: true, name: "u" });
      });
      reader.prompt();
    });
  }
}
