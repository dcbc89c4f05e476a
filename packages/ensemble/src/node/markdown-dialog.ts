/** One message of a dialog in Markdown. */
export interface WrittenMessage {
  readonly role: Role;
  /** Without blanks in it. */
  readonly model?: string | undefined;
  readonly text: string;
}

/** Who can speak in a dialog. */
export type Role = "system" | "user" | "assistant";

export function isRole(role: unknown): role is Role {
  return role === "system" || role === "user" || role === "assistant";
}

type Speaker = Omit<WrittenMessage, "text">;

/**
 * A message as a part of a Markdown file: a heading that says who speaks, and the text. A line of the text that would be
 * read as such a heading, or would hide one, gets a backslash in front.
 */
export function writeMessage({ role, model, text }: WrittenMessage): string {
  const heading = model === undefined ? role : `${role} / ${model}`;
  return `\n${heading}\n${"=".repeat(40)}\n${escaped(text.split("\n")).join("\n")}\n`;
}

/**
 * The messages of a Markdown file: one for each heading of the first level that is `system`, `user` or `assistant`, with or
 * without ` / ` and a model. All other headings, and what is in blocks of code, are text.
 */
export function readMessages(markdown: string): WrittenMessage[] {
  const lines = markdown.split("\n");
  const messages: { speaker: Speaker; lines: string[] }[] = [];
  let startsParagraph = true;
  for (let at = 0; at < lines.length; ) {
    const heading = headingAt(lines, at, startsParagraph);
    const end = heading?.end ?? endOfCode(lines, at);
    const isCode = end - at > 1;
    if (heading) messages.push({ speaker: heading.speaker, lines: [] });
    else messages.at(-1)?.lines.push(...lines.slice(at, end).map((line) => (isCode ? line : unescaped(line))));
    startsParagraph = heading !== undefined || isCode || isBlank(lines[at]);
    at = end;
  }
  return messages.map((message) => ({ ...message.speaker, text: withoutBlankEnds(message.lines).join("\n") }));
}

const underline = /^ {0,3}=+\s*$/;
const fence = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/;
const atxSpeaker = /^ {0,3}#[ \t]+(?:system|user|assistant)(?:\s*\/\s*\S+)?\s*(?:\s#+\s*)?$/;
/** What has got a backslash, or looks as if. */
const escapedLine = /^( {0,3})\\(\\*(?:=+\s*$|`{3}|~{3}|#[ \t]))/;

function headingAt(
  lines: readonly string[],
  at: number,
  startsParagraph: boolean,
): { speaker: Speaker; end: number } | undefined {
  const line = lines[at] ?? "";
  if (atxSpeaker.test(line)) {
    const speaker = speakerOf(line.replace(/^ *#/, "").replace(/\s#+\s*$/, ""));
    return speaker && { speaker, end: at + 1 };
  }
  if (!startsParagraph || !underline.test(lines[at + 1] ?? "")) return undefined;
  const speaker = speakerOf(line);
  return speaker && { speaker, end: at + 2 };
}

function speakerOf(heading: string): Speaker | undefined {
  const { role, model } = /^\s*(?<role>\w+)(?:\s*\/\s*(?<model>\S+))?\s*$/.exec(heading)?.groups ?? {};
  if (!isRole(role)) return undefined;
  return { role, ...(model !== undefined && { model }) };
}

/** Where the block of code ends that begins here; the next line where none does, or it has no end. */
function endOfCode(lines: readonly string[], at: number): number {
  const opening = fence.exec(lines[at] ?? "")?.[1];
  if (opening === undefined) return at + 1;
  const closing = new RegExp(`^ {0,3}${opening.charAt(0)}{${opening.length},}\\s*$`);
  const end = lines.findIndex((line, index) => index > at && closing.test(line));
  return end < 0 ? at + 1 : end + 1;
}

function escaped(lines: readonly string[]): string[] {
  const written: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const end = endOfCode(lines, at);
    if (end - at > 1) written.push(...lines.slice(at, end));
    else written.push(isMistakable(lines, at) ? (lines[at] ?? "").replace(/^ */, "$&\\") : (lines[at] ?? ""));
    at = end;
  }
  return written;
}

/** Whether a line outside of code would not be read as it is. */
function isMistakable(lines: readonly string[], at: number): boolean {
  const line = lines[at] ?? "";
  if (escapedLine.test(line) || atxSpeaker.test(line) || fence.test(line)) return true;
  return underline.test(line) && speakerOf(lines[at - 1] ?? "") !== undefined;
}

function unescaped(line: string): string {
  return line.replace(escapedLine, "$1$2");
}

function isBlank(line: string | undefined): boolean {
  return line === undefined || line.trim() === "";
}

function withoutBlankEnds(lines: readonly string[]): readonly string[] {
  const first = lines.findIndex((line) => !isBlank(line));
  return first < 0 ? [] : lines.slice(first, lines.findLastIndex((line) => !isBlank(line)) + 1);
}
