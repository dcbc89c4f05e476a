import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/**
 * The two streams of a chat: the answer goes to `stdout`, all else to `stderr`, so that a pipe gets the answer alone.
 * Colours and lines that change are for terminals only, and colours not with `NO_COLOR`.
 */
export class Terminal {
  readonly #out: NodeJS.WriteStream;
  readonly #notes: NodeJS.WriteStream;
  /** The stream whose last line has no end yet. */
  #open: NodeJS.WriteStream | undefined;
  /** Whether the line with the cursor is one that changes. */
  #hasLiveLine = false;

  constructor(out: NodeJS.WriteStream, notes: NodeJS.WriteStream) {
    this.#out = out;
    this.#notes = notes;
  }

  /** A part of the answer. */
  text(text: string): void {
    if (text === "") return;
    this.#endLiveLine();
    this.#out.write(this.#out.isTTY ? harmless(text) : text);
    this.#open = text.endsWith("\n") ? undefined : this.#out;
  }

  /** A part of something that streams beside the answer. */
  aside(text: string): void {
    this.#endLiveLine();
    this.#notes.write(this.#painted("dim", harmless(text)));
    this.#open = text.endsWith("\n") ? undefined : this.#notes;
  }

  /** A line of its own. */
  note(text: string, style: Style = "dim"): void {
    this.#endLiveLine();
    this.endLine();
    this.#notes.write(`${this.#painted(style, harmless(text))}\n`);
  }

  /** A line that the next one replaces. Without a terminal there is none. */
  live(text: string): void {
    if (!this.#notes.isTTY) return;
    if (!this.#hasLiveLine) this.endLine();
    this.#hasLiveLine = true;
    this.#notes.write(`\r\u001b[2K${this.#painted("dim", this.fit(text))}`);
  }

  /** Makes the next text begin a line. */
  endLine(): void {
    this.#endLiveLine();
    this.#open?.write("\n");
    this.#open = undefined;
  }

  /** A text on one line, cut to what fits into the terminal. */
  fit(text: string): string {
    const room = Math.max(20, (this.#notes.isTTY ? this.#notes.columns || 80 : 200) - 1);
    const line = harmless(text.replaceAll(/(?<=\S)\s+/g, " "));
    return line.length > room ? `${line.slice(0, room - 1)}…` : line;
  }

  #endLiveLine(): void {
    if (!this.#hasLiveLine) return;
    this.#hasLiveLine = false;
    this.#notes.write("\r\u001b[2K");
  }

  #painted(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#notes });
  }
}

/** What a model or a tool said, harmless for a terminal: no control characters but line ends and tabs. */
function harmless(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, "");
}
